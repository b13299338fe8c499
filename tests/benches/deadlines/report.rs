//! How late the deaths were told.

use std::fmt;

use beacon_tests::measure::{Table, Window};

use crate::sent::Sent;
use crate::told::{Down, Said};

/// The figures of one run.
pub(crate) struct Report {
    overdue: Lateness,
    decided: Lateness,
    read: Lateness,
    /// Sources that had died and of which nothing was told.
    untold: usize,
    /// `down` lines about sources that were to live, or that had sent beats which never arrived.
    wrong: usize,
    new: usize,
    sources: usize,
    late: usize,
    gaps: usize,
    window: Window,
    drops: u64,
}

/// Milliseconds after the deadline, in order.
struct Lateness(Vec<f64>);

impl Lateness {
    fn new(each: impl Iterator<Item = f64>) -> Self {
        let mut each: Vec<_> = each.collect();
        each.sort_by(f64::total_cmp);
        Self(each)
    }

    /// The least of them that is no less than this share of them.
    fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        let index = rank.max(1) - 1;
        self.0.get(index).copied().unwrap_or(f64::NAN)
    }
}

impl Report {
    /// `silent` says which sources were to be told of.
    pub(crate) fn new(said: &Said, sent: &Sent, silent: &[bool], window: Window, drops: u64) -> Self {
        let mut untold = silent.to_vec();
        let mut deaths = Vec::new();
        for down in &said.down {
            let last = sent.last(down.label());
            match last {
                Some((source, last)) if silent[source as usize] && i64::from(last.seq) == down.seq() => {
                    untold[source as usize] = false;
                    deaths.push((down, last.at));
                }
                _ => {}
            }
        }
        let after = |moment: fn(&Down) -> beacon_common::Moment| {
            Lateness::new(deaths.iter().map(move |(down, last)| {
                let deadline = *last + down.bound();
                let nanos = i128::from(moment(down).as_nanos()) - i128::from(deadline.as_nanos());
                nanos as f64 / 1e6
            }))
        };
        Self {
            overdue: Lateness::new(deaths.iter().map(|(down, _)| down.overdue_ms() as f64)),
            decided: after(Down::decided_at),
            read: after(|down| down.read_at),
            untold: untold.iter().filter(|&&is_untold| is_untold).count(),
            wrong: said.down.len() - deaths.len(),
            new: said.new,
            sources: silent.len(),
            late: said.late,
            gaps: said.gaps,
            window,
            drops,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(["ms from deadline to", "least", "p50", "p99", "p99.9", "max"]);
        for (name, lateness, digits) in [
            ("decision, by the line alone", &self.overdue, 0),
            ("decision", &self.decided, 2),
            ("line read", &self.read, 2),
        ] {
            let quantile = |share| format!("{:.*}", digits, lateness.quantile(share));
            table.row([
                name.to_owned(),
                quantile(0.0),
                quantile(0.5),
                quantile(0.99),
                quantile(0.999),
                quantile(1.0),
            ]);
        }
        writeln!(f, "{table}")?;
        let Window {
            tally,
            took,
            stolen,
            usage,
            ..
        } = &self.window;
        writeln!(
            f,
            "deaths      {} told, {} not told, {} `down` lines about others",
            self.overdue.0.len(),
            self.untold,
            self.wrong
        )?;
        writeln!(
            f,
            "lines       {} of {} sources came up, {} late, {} gaps",
            self.new, self.sources, self.late, self.gaps
        )?;
        writeln!(
            f,
            "collector   {:.1} % of a core, {:.0} ns a beat, {:.0} MB",
            100.0 * usage.cpu.as_secs_f64() / took.as_secs_f64(),
            self.window.nanos_each(),
            self.window.resident_bytes as f64 / 1e6
        )?;
        writeln!(
            f,
            "dropped     {} of {} beats, {} while the sources were new",
            self.window.drops,
            tally.sent,
            self.drops - self.window.drops
        )?;
        writeln!(
            f,
            "slips       {}, by {:?} in all; the host took {stolen:?} of the processors' time",
            tally.slips, tally.slipped
        )
    }
}
