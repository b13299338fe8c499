//! What silence leads to: when the newest sign of life lets the next one be due, late and down (docs/protocol.md, section 9).

use beacon_common::Moment;

use super::{Newest, Source};
use crate::track::arrival::Awaited;
use crate::track::blindness::Grid;
use crate::track::config::Config;
use crate::track::rules::Rules;

/// What silence leads to after the newest beat or bye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// When the slot after the newest is due, which turns the wheel; never before the arrival.
    pub due: Moment,
    /// The late deadline.
    pub late_at: Moment,
    /// The down deadline, never before the late one.
    pub down_at: Moment,
}

impl Source {
    /// What silence leads to; `None` where nothing is awaited after a bye. Deadlines lie whole milliseconds after
    /// the arrival, so that `bound_ms` is exact. All are put off by what the collector could not hear since.
    #[must_use]
    pub fn promise(&self, rules: Rules<'_>) -> Option<Promise> {
        self.promise_with(self.misses, rules)
    }

    /// The same with another detect multiplier.
    fn promise_with(&self, misses: u8, rules: Rules<'_>) -> Option<Promise> {
        let is_awaited = match self.newest {
            Newest::Beat | Newest::Reply => true,
            Newest::Sleep => self.next_ms != 0,
            Newest::End => false,
        };
        is_awaited.then(|| {
            let awaited = self.awaited(rules.config);
            let due = self.arrived.after_us(awaited.slot_us);
            let put_off_ms = self.put_off_ms(due, rules);
            let down_after_ms = self.down_after_ms(awaited, misses, rules.config);
            Promise {
                due: due.after_ms(put_off_ms),
                late_at: self
                    .arrived
                    .after_ms(late_after_ms(awaited).saturating_add(put_off_ms)),
                down_at: self.arrived.after_ms(down_after_ms.saturating_add(put_off_ms)),
            }
        })
    }

    /// By how much is put off what the newest beat sets, where the next one is `due` then.
    fn put_off_ms(&self, due: Moment, rules: Rules<'_>) -> u64 {
        let grid = Grid {
            due,
            interval_ms: self.interval_ms,
        };
        rules.blindness.put_off_ms(self.arrived, grid)
    }

    /// The late deadline after a beat that is just heard, and so before any blindness.
    #[must_use]
    #[inline(always)]
    pub fn late_at(&self, config: &Config) -> Moment {
        self.arrived.after_ms(late_after_ms(self.awaited(config)))
    }

    #[inline(always)]
    fn awaited(&self, config: &Config) -> Awaited {
        self.arrivals.awaited(self.schedule(), config.margin)
    }

    /// How long after the arrival of the newest beat its source is down, in milliseconds.
    fn down_after_ms(&self, awaited: Awaited, misses: u8, config: &Config) -> u64 {
        let schedule = self.schedule();
        let waited_us = schedule.interval_us() * u64::from(misses - 1);
        let patience_us = self.arrivals.patience_us(waited_us, schedule, config.margin);
        awaited.expected_us.saturating_add(patience_us).div_ceil(1_000)
    }

    /// The least detect multiplier that is enough for the silence since the newest beat not to be a death, if it ends
    /// `now`: one more than `most` where that is not enough, and `None` after a bye.
    #[must_use]
    pub fn needed_misses(&self, now: Moment, most: u8, rules: Rules<'_>) -> Option<u8> {
        if self.newest.is_bye() {
            return None;
        }
        let is_enough = |misses: &u8| {
            self.promise_with(*misses, rules)
                .is_none_or(|promise| promise.down_at >= now)
        };
        Some((1..=most).find(is_enough).unwrap_or(most + 1))
    }

    /// How many slots beyond the newest the source's schedule has turned, less the waiting time. It stands still
    /// from the down deadline on: a source that is down is not known to send. After a bye there is nothing
    /// beyond the newest, and the wheel turns by the interval. A reply says how many slots have turned by then.
    #[must_use]
    pub fn turned_past(&self, now: Moment, rules: Rules<'_>) -> i64 {
        let promise = self.promise(rules);
        let us = |moment: Moment| moment.as_micros() as i64;
        let until = promise.map_or(now, |promise| now.min(promise.down_at));
        let due = match promise {
            Some(promise) if !self.newest.is_bye() => promise.due,
            _ => {
                let due = self.arrived.after_ms(self.interval_ms.into());
                due.after_ms(self.put_off_ms(due, rules))
            }
        };
        let interval_us = i64::from(self.interval_ms) * 1_000;
        let turned = (us(until) - us(due)).div_euclid(interval_us) + 1;
        let past = turned - i64::from(rules.config.reorder_wait);
        match self.newest {
            Newest::Beat => past,
            Newest::Reply => past + self.sent_us as i64,
            Newest::Sleep | Newest::End => past.min(0),
        }
    }
}

/// How long after the arrival of the newest beat the next one is late, in milliseconds.
const fn late_after_ms(awaited: Awaited) -> u64 {
    awaited
        .expected_us
        .saturating_add(awaited.margin_us)
        .div_ceil(1_000)
}
