//! When each slot is due.

use std::time::Duration;

use beacon_common::Moment;

/// How fast the slots follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// So many slots in so much time, at equal distances.
    Even {
        /// The slots.
        slots: u64,
        /// The time they take.
        within: Duration,
    },
    /// Each slot as soon as the one before it was handed to the kernel. The sources promise to speak this often,
    /// which they do or better.
    Unbounded {
        /// The promise.
        promise: Duration,
    },
}

impl Pace {
    /// So many slots in a second.
    #[must_use]
    pub const fn per_second(slots: u64) -> Self {
        Self::Even {
            slots,
            within: Duration::from_secs(1),
        }
    }

    /// How long after the first slot this one is due. Without bounds all are due at once.
    fn offset(self, slot: u64) -> Duration {
        match self {
            Self::Even { slots, within } => nanos(within.as_nanos() * u128::from(slot) / u128::from(slots)),
            Self::Unbounded { .. } => Duration::ZERO,
        }
    }

    /// How many slots are due by `elapsed` after the first.
    fn due_by(self, elapsed: Duration) -> u64 {
        match self {
            Self::Even { slots, within } => {
                // The inverse of `offset`, which rounds down: the first slot whose offset is greater.
                let after = (elapsed.as_nanos() + 1) * u128::from(slots);
                u64::try_from(after.div_ceil(within.as_nanos())).unwrap_or(u64::MAX)
            }
            Self::Unbounded { .. } => u64::MAX,
        }
    }
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The slots of a run on an absolute clock.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    start: Moment,
    pace: Pace,
    slack: Duration,
    slips: u64,
    slipped: Duration,
}

impl Schedule {
    /// Slots that begin at `start`. A sender that is late by no more than `slack` makes up for it at once.
    pub(super) const fn new(start: Moment, pace: Pace, slack: Duration) -> Self {
        Self {
            start,
            pace,
            slack,
            slips: 0,
            slipped: Duration::ZERO,
        }
    }

    /// When `slot` is due.
    pub(super) fn due_at(&self, slot: u64) -> Moment {
        self.start + self.pace.offset(slot)
    }

    /// How long from `now` until `slot` is due, or is promised to be.
    pub(super) fn wait(&self, now: Moment, slot: u64) -> Duration {
        match self.pace {
            Pace::Even { .. } => self.due_at(slot).since(now),
            Pace::Unbounded { promise } => promise,
        }
    }

    /// The slot that ends what is due at `now`, where `next` is the next to be served. Where that one is late
    /// beyond the slack, the whole schedule slips by as much: a burst that makes up for it would be another load
    /// than the one asked for.
    pub(super) fn due(&mut self, now: Moment, next: u64) -> u64 {
        if let Pace::Unbounded { .. } = self.pace {
            return u64::MAX;
        }
        let behind = now.since(self.due_at(next));
        if behind > self.slack {
            self.start = self.start + behind;
            self.slips += 1;
            self.slipped += behind;
        }
        if now < self.start {
            return next;
        }
        self.pace.due_by(now.since(self.start)).max(next)
    }

    /// How often, and by how much in all, the schedule has slipped.
    pub(super) const fn slips(&self) -> (u64, Duration) {
        (self.slips, self.slipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Moment = Moment::from_nanos(1_000);

    fn after(nanos: u64) -> Moment {
        START + Duration::from_nanos(nanos)
    }

    #[test]
    fn a_slot_is_due_at_its_moment_and_not_before() {
        for pace in [
            Pace::per_second(1),
            Pace::per_second(3),
            Pace::per_second(7_000_000),
            Pace::Even {
                slots: 17,
                within: Duration::from_millis(33),
            },
        ] {
            let mut schedule = Schedule::new(START, pace, Duration::MAX);
            for slot in (0..1_000).chain(123_456_789..123_456_799) {
                let due = schedule.due_at(slot);
                assert_eq!(schedule.due(due, 0), slot + 1, "{pace:?}");
                if slot > 0 {
                    let just_before = Moment::from_nanos(due.as_nanos() - 1);
                    assert_eq!(schedule.due(just_before, 0), slot, "{pace:?}");
                }
            }
        }
    }

    #[test]
    fn the_slots_of_a_day_keep_the_rate_exactly() {
        let schedule = Schedule::new(START, Pace::per_second(3), Duration::ZERO);
        assert_eq!(schedule.due_at(3 * 86_400), START + Duration::from_secs(86_400));
    }

    #[test]
    fn lateness_within_the_slack_is_made_up_for_and_beyond_it_the_schedule_slips() {
        let mut schedule = Schedule::new(START, Pace::per_second(1_000_000_000), Duration::from_nanos(100));
        assert_eq!(schedule.due(after(100), 0), 101);
        assert_eq!(schedule.slips(), (0, Duration::ZERO));
        assert_eq!(schedule.due(after(302), 101), 102);
        assert_eq!(schedule.slips(), (1, Duration::from_nanos(201)));
        assert_eq!(schedule.due(after(303), 102), 103);
    }
}
