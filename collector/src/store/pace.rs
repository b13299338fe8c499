//! When the whole state is saved: soon after a change, and regularly; but never so often that it keeps the disk busy.

use std::time::Duration;

use beacon_common::Moment;

/// It is saved so often at least, because counters and estimates change all the time.
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

    /// When it is saved next; from `wanted_at` on there is a reason to do it.
    #[must_use]
    pub fn next(&self, wanted_at: Option<Moment>) -> Moment {
        let regularly = self.begun + EVERY;
        let due = wanted_at.map_or(regularly, |wanted_at| wanted_at.min(regularly));
        self.rest_until.max(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Since long ago.
    const WANTED: Option<Moment> = Some(Moment::ORIGIN);

    const fn ms(ms: u64) -> Moment {
        Moment::ORIGIN.after_ms(ms)
    }

    #[test]
    fn it_is_saved_at_once_where_that_is_wanted_and_else_every_thirty_seconds() {
        let mut pace = Pace::new(ms(5));
        assert_eq!([pace.next(WANTED), pace.next(None)], [ms(5), ms(30_005)]);
        pace.pass(ms(100), ms(102), true);
        assert_eq!([pace.next(WANTED), pace.next(None)], [ms(202), ms(30_100)]);
        let wanted_at = [201, 5_000, 40_000].map(|at| pace.next(Some(ms(at))));
        assert_eq!(wanted_at, [ms(202), ms(5_000), ms(30_100)]);
    }

    #[test]
    fn saving_takes_a_tenth_of_the_time() {
        let mut pace = Pace::new(ms(0));
        pace.pass(ms(1_000), ms(3_000), true);
        assert_eq!(pace.next(WANTED), ms(23_000));
        pace.pass(ms(100_000), ms(104_000), true);
        assert_eq!(pace.next(None), ms(144_000));
    }

    #[test]
    fn what_fails_is_tried_again_after_a_second() {
        let mut pace = Pace::new(ms(0));
        pace.pass(ms(1_000), ms(1_001), false);
        assert_eq!([pace.next(WANTED), pace.next(None)], [ms(2_001), ms(31_000)]);
    }
}
