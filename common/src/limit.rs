//! What repeats is logged once a minute, with how often it happened since.

use core::fmt;
use core::time::Duration;

use crate::moment::Moment;

const AT_MOST_EVERY: Duration = Duration::from_secs(60);

/// The log limit of one kind of message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limit {
    total: u64,
    held_back: u64,
    told: Option<Moment>,
}

/// How many messages were held back before this one; as text it ends the message, empty for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBack(u64);

impl Limit {
    /// Counts one more, and says whether to tell it.
    pub fn count(&mut self, now: Moment) -> Option<HeldBack> {
        self.count_all(now, 1)
    }

    /// Counts `times` more, and says whether to tell them.
    pub fn count_all(&mut self, now: Moment, times: u64) -> Option<HeldBack> {
        self.total += times;
        if self.told.is_some_and(|told| now.since(told) < AT_MOST_EVERY) {
            self.held_back += times;
            return None;
        }
        self.told = Some(now);
        Some(HeldBack(core::mem::take(&mut self.held_back)))
    }

    /// How many there were in all.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }
}

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            more => write!(f, " (and {more} times since last told)"),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::string::ToString;
    use std::vec::Vec;

    #[test]
    fn one_a_minute_is_told_with_the_count_of_the_rest() {
        let mut limit = Limit::default();
        let start = Moment::from_nanos(5);
        let told: Vec<_> = (0..=60)
            .filter_map(|second| limit.count(start + Duration::from_secs(second)))
            .map(|held_back| held_back.to_string())
            .collect();
        assert_eq!(told, ["", " (and 59 times since last told)"]);
        assert_eq!(limit.total(), 61);
        let in_two_minutes = start + Duration::from_secs(120);
        assert_eq!(limit.count_all(in_two_minutes, 5), Some(HeldBack(0)));
        assert_eq!(limit.count_all(in_two_minutes, 2), None);
        assert_eq!(limit.count(start + Duration::from_secs(180)), Some(HeldBack(2)));
    }
}
