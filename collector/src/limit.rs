//! What repeats is logged once a minute, with how often it happened since.

use std::fmt;
use std::time::Duration;

use beacon_common::Moment;

const AT_MOST_EVERY: Duration = Duration::from_mins(1);

/// The log limit of one kind of message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limit {
    held_back: u64,
    told: Option<Moment>,
}

/// How much was held back before this message; as text it ends the message, empty for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBack(u64);

impl Limit {
    /// Counts `times` more at `now`, and says whether to tell it.
    pub fn count(&mut self, now: Moment, times: u64) -> Option<HeldBack> {
        if self.told.is_some_and(|told| now.since(told) < AT_MOST_EVERY) {
            self.held_back += times;
            return None;
        }
        self.told = Some(now);
        Some(HeldBack(std::mem::take(&mut self.held_back)))
    }
}

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            times => write!(f, " (and {times} times since last told)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_minute_is_told_with_the_count_of_the_rest() {
        let mut limit = Limit::default();
        let start = Moment::from_nanos(5);
        let told: Vec<_> = (0..=60)
            .filter_map(|second| limit.count(start + Duration::from_secs(second), 2))
            .map(|held_back| held_back.to_string())
            .collect();
        assert_eq!(told, ["", " (and 118 times since last told)"]);
        assert_eq!(
            limit.count(start + Duration::from_secs(120), 1),
            Some(HeldBack(0))
        );
    }
}
