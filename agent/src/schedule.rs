//! When beats are due (docs/protocol.md, section 5).
//!
//! The first slot is the start itself, the second lies a random phase behind it, so that a fleet that boots
//! together does not beat together, and every later one exactly an interval behind the one before. Slots are
//! computed from that anchor and never from when a beat happened to be sent: nothing accumulates, so
//! nothing drifts.

use beacon_common::Moment;
use beacon_common::wire::MIN_INTERVAL_MS;
use std::time::Duration;

/// The slots of one life, and which of them comes next.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Slot 0.
    start: Moment,
    /// Slot 1, where the regular ones begin.
    anchor: Moment,
    interval_ns: u64,
    /// The number of the next slot.
    next: u64,
}

impl Schedule {
    /// A schedule that begins at `start`, with an interval that frames can state. `random` makes the
    /// phase, uniform in (0, interval].
    #[must_use]
    pub fn new(start: Moment, interval_ms: u32, random: u64) -> Self {
        let interval_ns = u64::from(interval_ms.max(MIN_INTERVAL_MS)) * 1_000_000;
        let fraction = (u128::from(random) * u128::from(interval_ns)) >> u64::BITS;
        Self {
            start,
            anchor: start + Duration::from_nanos(fraction as u64 + 1),
            interval_ns,
            next: 0,
        }
    }

    /// When the next beat is due.
    #[must_use]
    pub fn due(&self) -> Moment {
        match self.next.checked_sub(1) {
            None => self.start,
            Some(intervals) => {
                let nanos = self.interval_ns.saturating_mul(intervals);
                self.anchor + Duration::from_nanos(nanos)
            }
        }
    }

    /// Takes the newest slot that has come by `now`, if any has, and says how many older ones were missed.
    /// They stay missed: a burst would tell a collector nothing that one beat does not.
    pub fn take(&mut self, now: Moment) -> u64 {
        if now < self.due() {
            return 0;
        }
        let newest = if now < self.anchor {
            0
        } else {
            1 + (now.as_nanos() - self.anchor.as_nanos()) / self.interval_ns
        };
        let missed = newest - self.next;
        self.next = newest + 1;
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(nanos: u64) -> Moment {
        Moment::from_nanos(nanos)
    }

    #[test]
    fn the_phase_is_within_one_interval_and_never_zero() {
        let start = at(7);
        for (random, phase_ns) in [
            (0, 1),
            (u64::MAX, 1_000_000_000),
            (1 << 63, 500_000_001),
            (1 << 62, 250_000_001),
        ] {
            let mut schedule = Schedule::new(start, 1_000, random);
            assert_eq!(schedule.due(), start);
            assert_eq!(schedule.take(start), 0);
            assert_eq!(schedule.due(), at(7 + phase_ns));
        }
    }

    #[test]
    fn a_day_of_late_wakeups_does_not_drift() {
        let mut schedule = Schedule::new(at(0), 1_000, 0x9e37_79b9_7f4a_7c15);
        schedule.take(at(0));
        let anchor = schedule.due();
        for k in 0..86_400 {
            let due = schedule.due();
            assert_eq!(due, anchor + SECOND * k);
            // Up to almost an interval late: still sent in its own slot.
            let late = Duration::from_nanos(u64::from(k) * 7_919_000_003 % 1_000_000_000);
            assert_eq!(schedule.take(due + late), 0);
        }
    }

    #[test]
    fn slots_slept_through_are_skipped_and_the_rhythm_is_kept() {
        let mut schedule = Schedule::new(at(0), 1_000, 0);
        schedule.take(at(0));
        let anchor = schedule.due();
        schedule.take(anchor);
        let awake = anchor + SECOND * 3_600 + Duration::from_millis(400);
        assert_eq!(schedule.take(awake), 3_599);
        assert_eq!(schedule.due(), anchor + SECOND * 3_601);
        assert_eq!(schedule.take(schedule.due()), 0);
    }

    #[test]
    fn a_slot_is_taken_once_and_not_before_it_comes() {
        let mut schedule = Schedule::new(at(0), 1_000, 0);
        schedule.take(at(0));
        let due = schedule.due();
        assert_eq!(schedule.take(at(0)), 0);
        assert_eq!(schedule.due(), due);
    }

    #[test]
    fn starving_from_the_first_slot_past_the_second_counts_the_first() {
        let mut schedule = Schedule::new(at(0), 1_000, 0);
        assert_eq!(schedule.take(at(1)), 1);
        assert_eq!(schedule.due(), at(1_000_000_001));
    }
}
