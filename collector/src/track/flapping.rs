//! Who falls and comes back too often (docs/protocol.md, section 9): the falls of the last minutes, and the sources whose
//! falls are held back.
//!
//! The falls stand in one queue, in the order of time, and each source counts in one byte how many of them are its own.
//! So a fall costs the same however many sources fall, and nothing is kept of a source that does not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use beacon_common::Moment;

use super::event::{Event, Happening, SourceId, State, What};
use super::history::History;
use super::table::Table;

/// How long a fall counts.
const WINDOW: Duration = Duration::from_mins(10);

/// So many falls in the window are not too many.
const TOLERATED: u8 = 5;

/// A source is steady when it has kept one state for this long.
pub const STEADY_AFTER: Duration = Duration::from_mins(5);

/// How many falls one call drops that count no more: more than one call adds.
const DROPPED_A_CALL: usize = 4_096;

/// The falls that count, and the sources that flap.
#[derive(Default)]
pub struct Flapping {
    /// The falls of the window, oldest first.
    falls: VecDeque<(Moment, SourceId)>,
    /// How many of a source's falls, the oldest ones, were another source's with its number, or are settled.
    settled: BTreeMap<SourceId, u32>,
    sources: BTreeMap<SourceId, Flap>,
    /// When to look whether a source is steady.
    looks: BTreeSet<(Moment, SourceId)>,
}

/// A source that flaps.
struct Flap {
    /// The state in the last line about it.
    told: State,
    look_at: Moment,
}

impl Flapping {
    /// Drops the falls that count no more at `now`.
    pub fn expire(&mut self, now: Moment, table: &mut Table) {
        for _ in 0..DROPPED_A_CALL {
            let Some((_, id)) = self.falls.pop_front_if(|(at, _)| *at + WINDOW <= now) else {
                break;
            };
            match self.settled.get_mut(&id) {
                Some(1) => drop(self.settled.remove(&id)),
                Some(settled) => *settled -= 1,
                None => {
                    if let Some((_, history)) = table.record_mut(id) {
                        history.falls = history.falls.saturating_sub(1);
                    }
                }
            }
        }
        if self.falls.is_empty() {
            self.falls = VecDeque::new();
        }
    }

    /// A source has fallen; true where it begins to flap by that.
    pub fn fall(&mut self, id: SourceId, now: Moment, history: &mut History) -> bool {
        if self.is_flapping(id) {
            return false;
        }
        self.falls.push_back((now, id));
        history.falls += 1;
        if history.falls <= TOLERATED {
            return false;
        }
        self.settle(id, history);
        let look_at = now + STEADY_AFTER;
        self.looks.insert((look_at, id));
        let told = State::Late;
        self.sources.insert(id, Flap { told, look_at });
        true
    }

    /// The falls of a source until now count no more.
    fn settle(&mut self, id: SourceId, history: &mut History) {
        let falls = std::mem::take(&mut history.falls);
        if falls > 0 {
            *self.settled.entry(id).or_default() += u32::from(falls);
        }
    }

    /// A source's falls were held back when the collector was restarted: `told` is what its reader knows.
    pub fn restore(&mut self, id: SourceId, told: State, now: Moment) {
        let look_at = now + STEADY_AFTER;
        self.looks.insert((look_at, id));
        self.sources.insert(id, Flap { told, look_at });
    }

    /// What the reader knows of a source whose falls are held back.
    #[must_use]
    pub fn told(&self, id: SourceId) -> Option<State> {
        self.sources.get(&id).map(|flap| flap.told)
    }

    /// Whether its falls are held back.
    #[must_use]
    pub fn is_flapping(&self, id: SourceId) -> bool {
        self.sources.contains_key(&id)
    }

    /// Whether a line of this kind about this source is held back.
    #[must_use]
    pub fn holds_back(&self, id: SourceId, happening: Happening) -> bool {
        matches!(happening, Happening::Up | Happening::Late | Happening::Down) && self.is_flapping(id)
    }

    /// A line is told: where it is about a source that flaps, its reader goes on from the line before.
    pub fn join(&mut self, event: &mut Event) {
        let What::Source(about) = &mut event.what else {
            return;
        };
        if let Some(flap) = self.sources.get_mut(&about.id) {
            about.was = std::mem::replace(&mut flap.told, about.state);
            about.marks.flapping = true;
        }
    }

    /// When there is a source to look at.
    #[must_use]
    pub fn next(&self) -> Option<Moment> {
        self.looks.first().map(|&(at, _)| at)
    }

    /// The next source that may be steady at `now`.
    #[must_use]
    pub fn due(&self, now: Moment) -> Option<SourceId> {
        self.looks
            .first()
            .filter(|&&(at, _)| at <= now)
            .map(|&(_, id)| id)
    }

    /// A source is not steady before `at`.
    pub fn look_again(&mut self, id: SourceId, at: Moment) {
        if let Some(flap) = self.sources.get_mut(&id) {
            self.looks.remove(&(flap.look_at, id));
            flap.look_at = at;
            self.looks.insert((at, id));
        }
    }

    /// A source flaps no longer. Returns the state in the last line about it, if it did flap.
    pub fn end(&mut self, id: SourceId) -> Option<State> {
        let flap = self.sources.remove(&id)?;
        self.looks.remove(&(flap.look_at, id));
        Some(flap.told)
    }

    /// The source is no longer kept, and its number will be another's.
    pub fn forget(&mut self, id: SourceId, history: &mut History) {
        self.settle(id, history);
        self.end(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Moment {
        Moment::ORIGIN.after_ms(s * 1_000)
    }

    /// Falls at these seconds, with nothing dropped in between.
    fn falls(flapping: &mut Flapping, history: &mut History, seconds: &[u64]) -> Vec<bool> {
        let fall = |&s: &u64| flapping.fall(SourceId(0), at(s), history);
        seconds.iter().map(fall).collect()
    }

    #[test]
    fn the_sixth_fall_is_one_too_many() {
        let (mut flapping, mut history) = (Flapping::default(), History::begin(at(0)));
        let told = falls(&mut flapping, &mut history, &[1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(told, [false, false, false, false, false, true, false]);
        assert_eq!(flapping.next(), Some(at(306)));
        assert!(flapping.holds_back(SourceId(0), Happening::Up));
        assert!(!flapping.holds_back(SourceId(0), Happening::Stopped));
        assert!(!flapping.holds_back(SourceId(1), Happening::Up));
        assert_eq!(flapping.end(SourceId(0)), Some(State::Late));
        assert_eq!((flapping.next(), flapping.end(SourceId(0))), (None, None));
    }

    #[test]
    fn a_source_that_is_steady_again_begins_anew() {
        let (mut flapping, mut history) = (Flapping::default(), History::begin(at(0)));
        falls(&mut flapping, &mut history, &[1, 2, 3, 4, 5, 6]);
        flapping.end(SourceId(0));
        flapping.expire(at(603), &mut Table::default());
        assert_eq!(flapping.settled[&SourceId(0)], 3);
        let told = falls(&mut flapping, &mut history, &[603, 604, 605, 606, 607]);
        assert!(told.iter().all(|&is_told| !is_told));
        flapping.expire(at(606), &mut Table::default());
        assert!(flapping.settled.is_empty());
        assert_eq!(history.falls, 5, "those of before were not taken for these");
    }

    #[test]
    fn nothing_is_kept_of_what_counts_no_more() {
        let (mut flapping, mut history) = (Flapping::default(), History::begin(at(0)));
        falls(&mut flapping, &mut history, &[1, 2, 3]);
        flapping.forget(SourceId(0), &mut history);
        flapping.expire(at(603), &mut Table::default());
        assert!(flapping.falls.is_empty() && flapping.settled.is_empty());
        assert_eq!(flapping.falls.capacity(), 0);
    }
}
