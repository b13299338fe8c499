//! Whether so many sources fall silent together that the collector's own network is the likelier cause
//! (docs/protocol.md, section 9).
//!
//! A source that turns late has fallen, for one interval of its own or until it comes back. Only the fallen are kept,
//! so a fleet that is well costs nothing, and a beat that comes as it should does not come here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use beacon_common::Moment;

use super::event::{Event, Mass, SourceId, State, What};

/// Of fewer live sources, half may fall by chance.
const LEAST_SOURCES: u64 = 10;

/// A mass loss lasts so long at most, or three intervals where that is more.
const LASTS: Duration = Duration::from_mins(10);
const LASTS_INTERVALS: u32 = 3;

/// How many falls are let go at a time.
const FALLS_A_CALL: usize = 1_024;

/// The sources of all trackers of one collector, as numbers.
#[derive(Clone, Debug, Default)]
pub struct Fleet(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    /// Sources that are up or late.
    live: u64,
    /// Sources that have fallen and not come back.
    fallen: u64,
    /// Those of the fallen that are down, and so live no more.
    down: u64,
    /// One more whenever a mass loss begins or ends; odd while one lasts.
    turn: u64,
    /// When that was last.
    turned_at: Moment,
}

/// The fallen sources of one tracker.
pub struct Falls {
    fleet: Fleet,
    own: Own,
}

#[derive(Default)]
struct Own {
    /// The turn of the counts that the fallen belong to.
    turn: u64,
    fallen: BTreeMap<SourceId, Fall>,
    /// The fallen, in the order in which they cease to count. Empty during a mass loss, when they go on counting.
    fresh: BTreeSet<(Moment, SourceId)>,
    /// When the mass loss is over in any case, where this tracker saw it begin.
    over_at: Option<Moment>,
}

struct Fall {
    fresh_until: Moment,
    is_down: bool,
}

/// A change of a source's state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) was: State,
    pub(super) is: State,
    pub(super) interval_ms: u32,
}

impl Fleet {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    const fn is_mass(&self) -> bool {
        self.turn % 2 == 1
    }

    const fn mass(&self) -> Mass {
        Mass {
            count: self.fallen,
            total: self.live + self.down,
        }
    }

    /// Half of the sources have fallen; of none that are left, nobody has.
    const fn is_half(&self) -> bool {
        let Mass { count, total } = self.mass();
        count > 0 && count * 2 >= total
    }

    /// A mass loss begins or ends at `now`. Returns the moment that its line tells, which is later each time: trackers judge
    /// at moments of their own, and who puts the lines in order goes by theirs.
    fn turn(&mut self, now: Moment) -> Moment {
        self.turn += 1;
        self.turned_at = now.max(self.turned_at + Duration::from_nanos(1));
        self.turned_at
    }

    const fn let_go(&mut self, fall: &Fall) {
        self.fallen -= 1;
        self.down -= fall.is_down as u64;
    }
}

impl Falls {
    /// Nobody has fallen yet of a tracker's part of `fleet`.
    pub(super) fn new(fleet: Fleet) -> Self {
        let own = Own::default();
        Self { fleet, own }
    }

    /// Whether a mass loss lasts.
    pub(super) fn is_mass(&self) -> bool {
        self.fleet.lock().is_mass()
    }

    /// When [`Falls::on_time`] has something to do.
    pub(super) fn next(&self) -> Option<Moment> {
        let fresh_until = self.own.fresh.first().map(|&(until, _)| until);
        fresh_until.into_iter().chain(self.own.over_at).min()
    }

    /// Lets go of those who fell longer ago than their interval, and ends a mass loss that has lasted long enough.
    pub(super) fn on_time(&mut self, now: Moment) -> Option<Event> {
        if self.next().is_none_or(|next| next > now) {
            return None;
        }
        let counts = &mut *self.fleet.lock();
        self.own.follow(counts);
        if self.own.over_at.is_some_and(|at| at <= now) {
            return Some(self.own.end(counts, now));
        }
        self.own.let_go_of_stale(counts, now);
        None
    }

    /// A source was in `state` before the collector was restarted.
    pub(super) fn restore(&self, state: State) {
        self.fleet.lock().live += u64::from(is_live(state));
    }

    /// A source's state changes. Returns whether a mass loss begins or ends by that.
    pub(super) fn change(&mut self, id: SourceId, change: Change, now: Moment) -> Option<Event> {
        let counts = &mut *self.fleet.lock();
        self.own.follow(counts);
        counts.live = counts.live + u64::from(is_live(change.is)) - u64::from(is_live(change.was));
        match change.is {
            State::Late => {
                self.own.fall(counts, id, change, now);
                self.own.begin(counts, change, now)
            }
            State::Down => {
                self.own.go_down(counts, id);
                self.own.end_below_half(counts, now)
            }
            State::Up | State::Stopped | State::Asleep | State::Unknown => {
                self.own.rise(counts, id);
                self.own.end_below_half(counts, now)
            }
        }
    }
}

const fn is_live(state: State) -> bool {
    matches!(state, State::Up | State::Late)
}

impl Own {
    /// Takes notice of what other trackers have seen begin or end: the fallen of a mass loss that has ended do not
    /// count any more.
    fn follow(&mut self, counts: &Counts) {
        if self.turn == counts.turn {
            return;
        }
        let has_just_begun = counts.is_mass() && counts.turn == self.turn + 1;
        if !has_just_begun {
            self.fallen.clear();
            self.over_at = None;
        }
        self.fresh.clear();
        self.turn = counts.turn;
    }

    fn fall(&mut self, counts: &mut Counts, id: SourceId, change: Change, now: Moment) {
        let fresh_until = now.after_ms(change.interval_ms.into());
        let is_down = false;
        self.fallen.insert(id, Fall { fresh_until, is_down });
        counts.fallen += 1;
        if !counts.is_mass() {
            self.fresh.insert((fresh_until, id));
        }
    }

    fn go_down(&mut self, counts: &mut Counts, id: SourceId) {
        if let Some(fall) = self.fallen.get_mut(&id) {
            fall.is_down = true;
            counts.down += 1;
        }
    }

    fn rise(&mut self, counts: &mut Counts, id: SourceId) {
        if let Some(fall) = self.fallen.remove(&id) {
            self.fresh.remove(&(fall.fresh_until, id));
            counts.let_go(&fall);
        }
    }

    fn let_go_of_stale(&mut self, counts: &mut Counts, now: Moment) {
        for _ in 0..FALLS_A_CALL {
            let Some(&(_, id)) = self.fresh.first().filter(|(until, _)| *until <= now) else {
                return;
            };
            self.rise(counts, id);
        }
    }

    fn begin(&mut self, counts: &mut Counts, change: Change, now: Moment) -> Option<Event> {
        let begins = !counts.is_mass() && counts.is_half() && counts.mass().total >= LEAST_SOURCES;
        begins.then(|| {
            let at = counts.turn(now);
            self.follow(counts);
            let intervals = Duration::from_millis(change.interval_ms.into()) * LASTS_INTERVALS;
            self.over_at = Some(now + intervals.max(LASTS));
            let what = What::MassLoss(counts.mass());
            Event { at, what }
        })
    }

    fn end_below_half(&mut self, counts: &mut Counts, now: Moment) -> Option<Event> {
        (counts.is_mass() && !counts.is_half()).then(|| self.end(counts, now))
    }

    /// Ends a mass loss. Its fallen have been told of and do not count again, so the next one takes half of the sources
    /// that are live now: the two never alternate because of a few.
    fn end(&mut self, counts: &mut Counts, now: Moment) -> Event {
        let what = What::MassOver(counts.mass());
        (counts.fallen, counts.down) = (0, 0);
        let at = counts.turn(now);
        self.follow(counts);
        Event { at, what }
    }
}

#[cfg(test)]
mod tests;
