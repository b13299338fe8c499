//! A candidate for the collector's rule (docs/judgement.md, "A candidate"): after a late beat it waits for the next
//! slot, and it learns of each source whether lateness lasts and whether trouble comes in bursts.
//!
//! The arithmetic is that of the rule, in integers, so that what is measured here is what a collector would do.

mod overdue;
mod typical;

use crate::detector::{Detector, Family};
use crate::trace::{Beat, Trace};

use overdue::{Overdue, part};
use typical::Typical;

/// The detector with the detect multiplier left open: the threshold is M - 1, which here need not be whole.
pub(crate) const FAMILY: Family = Family {
    name: "candidate",
    with_threshold: candidate,
    least_threshold: 0.0,
};

/// The least safety margin: the grain in which decisions are made.
const LEAST_MARGIN_US: u64 = 10_000;

/// The safety margin, in mean deviations, by which the next slot may be put off.
const SLOT_DEVIATIONS: u32 = 4;

/// The down deadline's safety margin in mean deviations. It is less, because a false `down` needs lost beats as
/// well, and what is left out here buys fewer mistakes as part of a higher multiplier.
const DOWN_DEVIATIONS: u32 = 2;

struct Candidate {
    interval_us: u64,
    patience_us: u64,
    heard: Option<(Arrivals, Beat)>,
}

fn candidate(trace: &Trace, threshold: f64) -> Box<dyn Detector> {
    Box::new(Candidate {
        interval_us: trace.interval_us,
        patience_us: (threshold * trace.interval_us as f64).round() as u64,
        heard: None,
    })
}

impl Detector for Candidate {
    fn heard(&mut self, beat: &Beat) -> i64 {
        let mut arrivals = match self.heard.take() {
            None => Arrivals::new(beat, self.interval_us),
            Some((mut arrivals, last)) => {
                arrivals.observe(beat, &last);
                arrivals
            }
        };
        let down_us = arrivals.down_after_us(beat, self.interval_us, self.patience_us);
        self.heard = Some((arrivals, *beat));
        beat.arrived_us + down_us.next_multiple_of(1_000) as i64
    }
}

/// What one session's arrivals have taught.
struct Arrivals {
    typical: Typical,
    overdue: Overdue,
    /// How many beats there were, as far as it can count.
    beats: u16,
}

impl Arrivals {
    fn new(first: &Beat, interval_us: u64) -> Self {
        let interval_us = u32::try_from(interval_us).unwrap_or(u32::MAX);
        Self {
            typical: Typical::new(first.offset_us(), interval_us),
            overdue: Overdue::new(interval_us),
            beats: 1,
        }
    }

    fn observe(&mut self, beat: &Beat, last: &Beat) {
        self.beats = self.beats.saturating_add(1);
        let arrived_us = beat.arrived_us.saturating_sub(last.arrived_us) as u64;
        let sent_us = beat.sent_us.saturating_sub(last.sent_us);
        self.overdue.observe(arrived_us, self.beats);
        let is_queued = arrived_us.saturating_mul(2) < sent_us;
        self.typical.observe(beat.offset_us(), is_queued, self.beats);
    }

    /// A safety margin of so many deviations: between 10 ms and half an interval, and half an interval as long as
    /// one beat is all there is to go by.
    fn margin_us(&self, deviations: u32, interval_us: u64) -> u64 {
        let most_us = interval_us / 2;
        let spread_us = u64::from(deviations * self.typical.deviation_us());
        let margin_us = if self.beats == 1 {
            most_us
        } else {
            spread_us.min(most_us)
        };
        margin_us.max(LEAST_MARGIN_US)
    }

    /// How long after the arrival of the newest beat its source is down, with `patience_us` (M - 1 intervals) for
    /// beats that do not come. In a burst each interval counts as longer.
    fn down_after_us(&mut self, newest: &Beat, interval_us: u64, patience_us: u64) -> u64 {
        let slot_us = self.slot_after_us(newest, interval_us);
        let late_us = newest.next_us.saturating_sub(slot_us);
        let expected_us = self.overdue.expect(slot_us, late_us);
        let stretched_us = part(self.overdue.stretch(), interval_us + patience_us);
        expected_us + self.margin_us(DOWN_DEVIATIONS, interval_us) + patience_us + stretched_us
    }

    /// The time from an arrival to the first slot of the sender's schedule that is not before it. Never later than
    /// the promise and a margin: an estimate that is too high, after a step of the sender's clock, must not hide a
    /// death.
    fn slot_after_us(&self, newest: &Beat, interval_us: u64) -> u64 {
        let ahead_us = self.typical.offset_us().wrapping_sub(newest.offset_us());
        let apart_us = ahead_us.unsigned_abs();
        if ahead_us >= 0 {
            return newest.next_us + apart_us.min(self.margin_us(SLOT_DEVIATIONS, interval_us));
        }
        match apart_us.checked_sub(newest.next_us) {
            None => newest.next_us - apart_us,
            Some(past_us) => (interval_us - past_us % interval_us) % interval_us,
        }
    }
}
