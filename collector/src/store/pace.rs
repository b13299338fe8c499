//! When the state is saved: soon after a change, and regularly; but never so often that it keeps the disk busy.

use std::time::Duration;

use beacon_common::Moment;

/// Without a change it is saved so often, because counters and estimates change all the time.
const EVERY: Duration = Duration::from_secs(30);

/// After a save it is not saved again for so many times as long as that has taken.
const REST: u32 = 10;

/// And not for so long.
const LEAST_REST: Duration = Duration::from_millis(100);

/// And not for so long where it has failed.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The last save.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    begun: Moment,
    rest_until: Moment,
}

impl Pace {
    /// As if it had just been saved.
    #[must_use]
    pub const fn new(now: Moment) -> Self {
        Self {
            begun: now,
            rest_until: now,
        }
    }

    /// It was saved, or that has failed.
    pub fn pass(&mut self, begun: Moment, ended: Moment, is_saved: bool) {
        let least = if is_saved { LEAST_REST } else { REST_AFTER_FAILURE };
        let rest = ended.since(begun).saturating_mul(REST).max(least);
        (self.begun, self.rest_until) = (begun, ended + rest);
    }

    /// When it is saved next.
    #[must_use]
    pub fn next(&self, has_changed: bool) -> Moment {
        if has_changed {
            self.rest_until
        } else {
            self.rest_until.max(self.begun + EVERY)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Moment {
        Moment::ORIGIN.after_ms(ms)
    }

    #[test]
    fn a_change_is_saved_at_once_and_else_every_thirty_seconds() {
        let mut pace = Pace::new(ms(5));
        assert_eq!([pace.next(true), pace.next(false)], [ms(5), ms(30_005)]);
        pace.pass(ms(100), ms(102), true);
        assert_eq!([pace.next(true), pace.next(false)], [ms(202), ms(30_100)]);
    }

    #[test]
    fn saving_takes_a_tenth_of_the_time() {
        let mut pace = Pace::new(ms(0));
        pace.pass(ms(1_000), ms(3_000), true);
        assert_eq!(pace.next(true), ms(23_000));
        pace.pass(ms(100_000), ms(104_000), true);
        assert_eq!(pace.next(false), ms(144_000));
    }

    #[test]
    fn what_fails_is_tried_again_after_a_second() {
        let mut pace = Pace::new(ms(0));
        pace.pass(ms(1_000), ms(1_001), false);
        assert_eq!([pace.next(true), pace.next(false)], [ms(2_001), ms(31_000)]);
    }
}
