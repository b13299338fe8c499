//! Lines that are asked for rather than caused: `state` of one source or of all, and the regular `report`.
//!
//! They are made one at a time when the output has room, so that a million of them are never held at once.

use std::collections::BTreeSet;
use std::time::Duration;

use beacon_common::Moment;

use super::beside::Beside;
use super::event::{Detail, Event, Happening, SourceId, State};
use super::meter::Meter;
use super::rules::Rules;
use super::source::Source;
use super::table::Table;
use super::tally::Tally;
use super::tell::{self, Before};
use super::worst_first::{Step, Walk};

/// How many sources that were asked for and are kept no more are passed over at once.
const GONE_AT_ONCE: usize = 4_096;

/// What was asked for and is not told yet.
pub struct Snapshots {
    /// Single sources whose state is asked for. One that is kept no more may be among them, but no number twice: however
    /// many come and go before the reader does, these are no more than there is room for sources.
    asked: BTreeSet<SourceId>,
    /// How far a snapshot of all sources has come.
    all: Option<Walk>,
    /// Whether that goes on when it is asked again, although it had nothing to tell the last time.
    is_paused: bool,
    reports: Option<Reports>,
}

struct Reports {
    period: Duration,
    next_at: Option<Moment>,
    /// How far the report that is being told has come.
    told: Option<SourceId>,
    ledgers: Beside<Ledger>,
}

/// What is kept of each source where there are reports.
struct Ledger {
    /// What it had at its last report.
    last: Tally,
    meter: Meter,
}

const _: () = assert!(size_of::<Ledger>() == 392);

const FIRST: Option<SourceId> = Some(SourceId(0));

impl Snapshots {
    /// Nothing is asked for; a report is due every `period`, if there is one.
    pub fn new(period: Option<Duration>) -> Self {
        let reports = period.map(|period| Reports {
            period,
            next_at: None,
            told: None,
            ledgers: Beside::default(),
        });
        Self {
            asked: BTreeSet::new(),
            all: None,
            is_paused: false,
            reports,
        }
    }

    /// A new source has this number: it was never reported.
    pub fn admit(&mut self, id: SourceId, source: &Source) {
        if let Some(reports) = &mut self.reports {
            let ledger = Ledger {
                last: Tally::default(),
                meter: Meter::new(&source.slots, source.offset_us()),
            };
            reports.ledgers.put(id, ledger);
        }
    }

    /// Whether every source is measured, because there are reports.
    #[must_use]
    pub const fn are_metered(&self) -> bool {
        self.reports.is_some()
    }

    /// What measures the source with this number, where there are reports.
    pub fn meter(&mut self, id: SourceId) -> Option<&mut Meter> {
        let ledger = self.reports.as_mut()?.ledgers.get_mut(id)?;
        Some(&mut ledger.meter)
    }

    /// A source that was known before the collector was restarted has this number, and these counters; its schedule has
    /// turned `past` slots.
    pub fn restore(&mut self, id: SourceId, source: &Source, (tally, past): (Tally, i64)) {
        if let Some(reports) = &mut self.reports {
            let ledger = Ledger {
                last: tally,
                meter: Meter::resumed((&source.slots, past), source.offset_us()),
            };
            reports.ledgers.put(id, ledger);
        }
    }

    /// Asks for the state of one source, once.
    pub fn ask(&mut self, id: SourceId) {
        self.asked.insert(id);
    }

    /// The source with this number is kept no more.
    pub fn forget(&mut self, id: SourceId) {
        self.asked.remove(&id);
    }

    /// Asks for the state of every source.
    pub const fn ask_all(&mut self) {
        self.all = Some(Walk::begin());
    }

    /// A source has changed its state. Where a snapshot of all would miss it for that, it is told next: it may be told
    /// twice, and is told once at least.
    pub fn change(&mut self, id: SourceId, (was, is): (State, State)) {
        if self.all.as_ref().is_some_and(|walk| walk.misses(id, was, is)) {
            self.ask(id);
        }
    }

    /// Whether the last [`poll`](Self::poll) told nothing only because the search for the next line takes longer.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Begins a report when its time has come.
    pub fn on_time(&mut self, now: Moment) {
        let Some(reports) = &mut self.reports else { return };
        if reports.next_at.is_some_and(|at| at <= now) {
            reports.told = FIRST;
        }
        if reports.next_at.is_none_or(|at| at <= now) {
            reports.next_at = Some(now + reports.period);
        }
    }

    /// When the next report is due; the origin of time where the clock of the reports was never set.
    pub fn next_report(&self) -> Option<Moment> {
        self.reports
            .as_ref()
            .map(|reports| reports.next_at.unwrap_or(Moment::ORIGIN))
    }

    /// The next line that was asked for. `None` where there is none, or none was found yet.
    pub fn poll(&mut self, now: Moment, table: &Table, rules: Rules<'_>) -> Option<Event> {
        if let Some(id) = self.next_state(table) {
            let record = (&table[id], table.history(id));
            let what = (Happening::State, Some(record.1.cause));
            let (before, tally) = (Before::of(record, now), tell::tally(record, now, rules));
            return Some(tell::event(
                (table, id),
                (now, rules),
                &before,
                what,
                &tally,
                Detail::None,
            ));
        }
        if self.is_paused {
            return None;
        }
        let reports = self.reports.as_mut()?;
        let id = step(&mut reports.told, table)?;
        reports.report((table, id), now, rules)
    }

    /// The next source whose state is asked for.
    fn next_state(&mut self, table: &Table) -> Option<SourceId> {
        self.is_paused = false;
        for _ in 0..GONE_AT_ONCE {
            let Some(id) = self.asked.pop_first() else { break };
            if table.get(id).is_some() {
                return Some(id);
            }
        }
        if !self.asked.is_empty() {
            self.is_paused = true;
            return None;
        }
        match self.all.as_mut()?.step(table) {
            Step::Source(id) => return Some(id),
            Step::Pause => self.is_paused = true,
            Step::End => self.all = None,
        }
        None
    }
}

impl Reports {
    fn report(&mut self, (table, id): (&Table, SourceId), now: Moment, rules: Rules<'_>) -> Option<Event> {
        let record = (&table[id], table.history(id));
        let ledger = self.ledgers.get_mut(id)?;
        let total = tell::tally(record, now, rules);
        let last = std::mem::replace(&mut ledger.last, total);
        let tally = total.since(&last);
        let detail = Detail::Report {
            old: tally.old,
            jitter_us: record.0.jitter.as_micros().into(),
            expected: tally.expected,
            measured: ledger
                .meter
                .measured(&record.0.slots, record.0.turned_past(now, rules)),
        };
        let before = Before::of(record, now);
        let what = (Happening::Report, Some(record.1.cause));
        let event = tell::event((table, id), (now, rules), &before, what, &tally, detail);
        Some(event)
    }
}

/// The source that a walk over the table has come to; the walk ends behind the last one.
fn step(walk: &mut Option<SourceId>, table: &Table) -> Option<SourceId> {
    let id = walk.take().and_then(|from| table.first_from(from))?;
    *walk = Some(SourceId(id.0 + 1));
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_is_forgotten_is_asked_for_no_more_and_many_are_passed_over_by_and_by() {
        let mut snapshots = Snapshots::new(None);
        snapshots.ask(SourceId(7));
        snapshots.forget(SourceId(7));
        assert!(snapshots.asked.is_empty());
        (0..=GONE_AT_ONCE as u32).for_each(|id| snapshots.ask(SourceId(id)));
        let polled = [(), ()].map(|()| (snapshots.next_state(&Table::default()), snapshots.is_paused()));
        assert_eq!(polled, [(None, true), (None, false)]);
    }

    /// A number is another source's when the one that had it is gone, and is asked for again.
    #[test]
    fn a_number_is_kept_once_however_many_sources_have_it_before_it_is_told() {
        let mut snapshots = Snapshots::new(None);
        for _ in 0..1_000 {
            snapshots.ask(SourceId(7));
            snapshots.ask(SourceId(3));
        }
        assert_eq!(snapshots.asked.len(), 2);
        assert_eq!(snapshots.next_state(&Table::default()), None);
        assert!(snapshots.asked.is_empty());
    }
}
