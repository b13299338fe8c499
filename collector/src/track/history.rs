//! What is kept of a source and not touched by a beat that comes as it should: the rest of its record.

use beacon_common::Moment;

use super::event::Cause;
use super::slots::{Filled, Slots};
use super::stored::stored;
use super::tally::Tally;

/// More numbers than any source can have used: with 100 beats a second it takes a billion years.
const MOST_NUMBERS: u64 = 1 << 62;

/// Why and since when a source is in its state, and its counters over all sessions.
///
/// A beat that arrives in order is counted nowhere: how many were received is read off the sequence numbers and the
/// slots that stayed empty.
///
/// Packed, because a source has not a byte to spare.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(2))]
pub struct History {
    /// Since when it is in its state.
    pub since: Moment,
    /// Why it is in its state.
    pub cause: Cause,
    /// How often it has fallen in the last minutes (see [`Flapping`](super::flapping::Flapping)).
    pub falls: u8,
    /// Whether it is listed among the [`Changes`](super::changes::Changes).
    pub is_noted: bool,
    /// Numbers that were expected in the sessions before the current one, and unexpected ones that came.
    numbers: u64,
    /// Slots that left the wheel empty, in every session.
    left_empty: u64,
    duplicate: u32,
    reordered: u32,
    old: u32,
}

impl History {
    /// The history of a source that is heard for the first time.
    #[must_use]
    pub const fn begin(now: Moment) -> Self {
        Self {
            since: now,
            cause: Cause::New,
            falls: 0,
            is_noted: false,
            numbers: 0,
            left_empty: 0,
            duplicate: 0,
            reordered: 0,
            old: 0,
        }
    }

    /// Counts a frame of the current session.
    pub fn count(&mut self, filled: Filled) {
        match filled {
            Filled::Newest(left_empty) => self.left_empty += u64::from(left_empty),
            Filled::Reordered => self.reordered = self.reordered.saturating_add(1),
            Filled::Unexpected => {
                self.reordered = self.reordered.saturating_add(1);
                self.numbers += 1;
            }
            Filled::Duplicate => self.duplicate = self.duplicate.saturating_add(1),
            Filled::Old => self.old = self.old.saturating_add(1),
        }
    }

    /// Ends a session whose wheel was `ended`: what is empty on it stays empty.
    pub fn end_session(&mut self, ended: &Slots) {
        self.numbers += ended.numbers();
        self.left_empty += ended.empty();
    }

    /// Beats and byes received until now, each once.
    #[must_use]
    pub const fn received(&self, current: &Slots) -> u64 {
        self.numbers + current.numbers() - self.left_empty - current.empty()
    }

    /// Whether a source whose current wheel is this one can have come to it: no more was lost than was expected.
    #[must_use]
    pub const fn is_sound_beside(&self, current: &Slots) -> bool {
        let is_countable = self.numbers < MOST_NUMBERS && self.left_empty < MOST_NUMBERS;
        is_countable && self.left_empty + current.empty() <= self.numbers + current.numbers()
    }

    /// The counters, when the schedule has turned `past` slots beyond the newest beat of the current session and the
    /// waiting time behind it (see [`Slots::lost`]).
    #[must_use]
    pub fn tally(&self, current: &Slots, past: i64) -> Tally {
        let lost = self.left_empty + current.lost(past);
        let lost_in_all = self.left_empty + current.empty();
        let received = self.received(current);
        Tally {
            received,
            lost: lost as i64,
            duplicate: self.duplicate.into(),
            reordered: self.reordered.into(),
            old: self.old.into(),
            expected: (received + lost.max(lost_in_all)) as i64,
        }
    }
}

stored!(History { since, cause, numbers, left_empty, duplicate, reordered, old; falls: 0, is_noted: false } where |_| true);

#[cfg(test)]
mod tests {
    use super::*;
    use beacon_common::Seq;

    /// 1, 2, 5, 4, 4 and then a session of which 7, 6 and 9 are heard.
    #[test]
    fn what_was_received_is_read_off_the_numbers() {
        let mut history = History::begin(Moment::ORIGIN);
        let mut slots = Slots::new(Seq::FIRST, Seq::FIRST);
        for seq in [2, 5, 4, 4] {
            history.count(slots.fill(Seq::new(seq)));
        }
        let tally = history.tally(&slots, 0);
        assert_eq!((tally.received, tally.lost, tally.expected), (4, 1, 5));
        assert_eq!((tally.duplicate, tally.reordered), (1, 1));

        history.end_session(&slots);
        let mut slots = Slots::new(Seq::new(7), Seq::new(7));
        for seq in [6, 9] {
            history.count(slots.fill(Seq::new(seq)));
        }
        let tally = history.tally(&slots, 0);
        assert_eq!((tally.received, tally.lost, tally.expected), (7, 2, 9));
        assert_eq!((tally.duplicate, tally.reordered), (1, 2));
    }

    #[test]
    fn slots_that_left_the_wheel_stay_lost() {
        let mut history = History::begin(Moment::ORIGIN);
        let mut slots = Slots::new(Seq::FIRST, Seq::FIRST);
        for seq in [1_000, 2] {
            history.count(slots.fill(Seq::new(seq)));
        }
        let tally = history.tally(&slots, 0);
        assert_eq!((tally.received, tally.lost, tally.old), (2, 998, 1));
    }
}
