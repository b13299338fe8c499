//! The figures of all.

use std::fmt;

use beacon_tests::measure::{Table, Window, median};

use crate::peer::Peer;

/// What was measured of a daemon in one round.
pub(crate) struct Measured {
    pub(crate) window: Window,
    pub(crate) bytes_a_host: f64,
}

#[derive(Default)]
struct Row {
    name: &'static str,
    does: &'static str,
    rounds: Vec<Measured>,
    skipped: Option<String>,
}

impl Row {
    fn median(&self, what: impl Fn(&Measured) -> f64) -> f64 {
        median(self.rounds.iter().map(what))
    }

    fn nanos(&self) -> impl Iterator<Item = f64> {
        self.rounds.iter().map(|round| round.window.nanos_each())
    }

    fn sum(&self, what: impl Fn(&Window) -> u64) -> u64 {
        self.rounds.iter().map(|round| what(&round.window)).sum()
    }
}

/// The figures of every daemon, in the order in which they were first told of.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn add(&mut self, peer: &dyn Peer, measured: Measured) {
        self.row(peer).rounds.push(measured);
    }

    pub(crate) fn skip(&mut self, peer: &dyn Peer, reason: String) {
        self.row(peer).skipped = Some(reason);
    }

    fn row(&mut self, peer: &dyn Peer) -> &mut Row {
        let at = match self.rows.iter().position(|row| row.name == peer.name()) {
            Some(at) => at,
            None => {
                self.rows.push(Row {
                    name: peer.name(),
                    does: peer.does(),
                    ..Row::default()
                });
                self.rows.len() - 1
            }
        };
        &mut self.rows[at]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.rows.iter().find(|row| !row.rounds.is_empty());
        let first = first.map_or(f64::NAN, |row| median(row.nanos()));
        let mut table = Table::new([
            "daemon",
            "ns each",
            "least",
            "most",
            "first / it",
            "own code",
            "RSS, MB",
            "bytes a host",
            "answers",
            "dropped",
        ]);
        for row in self.rows.iter().filter(|row| !row.rounds.is_empty()) {
            let nanos = median(row.nanos());
            table.row([
                row.name.to_owned(),
                format!("{nanos:.0}"),
                format!("{:.0}", row.nanos().fold(f64::INFINITY, f64::min)),
                format!("{:.0}", row.nanos().fold(0.0, f64::max)),
                format!("{:.2}", first / nanos),
                format!(
                    "{:.0} %",
                    100.0 * row.median(|round| round.window.usage.user_share())
                ),
                format!(
                    "{:.1}",
                    row.median(|round| round.window.resident_bytes as f64 / 1e6)
                ),
                format!("{:.0}", row.median(|round| round.bytes_a_host)),
                row.sum(|window| window.tally.answers).to_string(),
                row.sum(|window| window.drops).to_string(),
            ]);
        }
        writeln!(f, "{table}")?;
        for row in &self.rows {
            match &row.skipped {
                Some(reason) => writeln!(f, "- {}: SKIPPED, {reason}", row.name)?,
                None => writeln!(f, "- {}: {}", row.name, row.does)?,
            }
        }
        Ok(())
    }
}
