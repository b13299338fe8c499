//! When the next beat is expected, and how much later it may come without being late.
//!
//! Chen, Toueg and Aguilera's NFD-E (2002, section 6.3) expects a beat at its scheduled time plus the mean
//! offset between the two clocks over a window. Here the mean is a robust centre that follows quickly
//! (docs/protocol.md, section 9): a step is clipped at twice the mean deviation, so that a burst of delayed
//! beats hardly moves it, and after four clipped steps to one side the centre jumps there, so that a changed
//! route or a corrected clock is followed at once. State: 21 bytes a source.

use super::config::Margin;
use super::stored::{Stored, stored};

/// The least safety margin: the grain in which decisions are made.
const LEAST_MARGIN_US: u64 = 10_000;

/// So many outliers in a row on one side are no outliers but where the offset is now.
const OUTLIERS_TO_JUMP: u8 = 4;

/// The centre takes in 1/n of the nth step, down to this part.
const CENTRE_BEATS: u8 = 8;

/// The deviation takes in 1/n of the nth deviation, down to this part.
const DEVIATION_BEATS: u8 = 16;

/// The safety margin in mean deviations.
const MARGIN_DEVIATIONS: u64 = 4;

/// Keeps sixteen times the deviation, and four times it, within 32 bits.
const MAX_DEVIATION_US: u32 = (1 << 28) - 1;

/// The offsets of one session's arrivals: collector clock minus sender clock, in microseconds, modulo 2^64.
///
/// Packed, because a source's record has not a byte to spare.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed)]
pub struct Arrivals {
    /// The typical offset.
    typical_us: i64,
    /// The offset nearest to the typical one in the present run of outliers.
    nearest_us: i64,
    /// Sixteen times the mean absolute deviation from the typical offset.
    deviation_16us: u32,
    counts: Counts,
}

/// How many outliers came in a row, negative where they lie below the typical offset, in the upper three bits; and how
/// many offsets were taken in, up to [`DEVIATION_BEATS`], in the lower five.
#[derive(Clone, Copy, Debug)]
struct Counts(i8);

impl Counts {
    const BEATS_BITS: u32 = 5;

    const fn new(run: i8, beats: u8) -> Self {
        Self(run << Self::BEATS_BITS | beats as i8)
    }

    const fn run(self) -> i8 {
        self.0 >> Self::BEATS_BITS
    }

    const fn beats(self) -> u8 {
        self.0 as u8 & ((1 << Self::BEATS_BITS) - 1)
    }
}

const _: () = assert!(OUTLIERS_TO_JUMP <= 4 && DEVIATION_BEATS < 1 << Counts::BEATS_BITS);

/// The intervals between a beat and the one that came before it, at the sender and here: beats that waited in
/// a queue come closer together than they were sent.
#[derive(Clone, Copy, Debug)]
pub struct Spacing {
    /// The time between the two sendings.
    pub sent_us: u64,
    /// The time between the two arrivals.
    pub arrived_us: u64,
    /// How much later than promised the beat was sent, where it is the very next one and says nothing of slots that
    /// were skipped; else zero.
    pub sender_late_us: u64,
}

impl Spacing {
    /// Whether the beat came out of a queue: what it was delayed by says nothing of the next one.
    const fn is_queued(self) -> bool {
        self.arrived_us.saturating_mul(2) < self.sent_us
    }
}

impl Arrivals {
    /// The arrivals of a session of which one beat has come. Intervals are in milliseconds.
    #[must_use]
    pub fn new(offset_us: i64, interval_ms: u32) -> Self {
        let (least, _) = deviation_bounds_us(interval_ms);
        let deviation_us = (micros(interval_ms) / 8).clamp(least, MAX_DEVIATION_US);
        Self {
            typical_us: offset_us,
            nearest_us: offset_us,
            deviation_16us: deviation_us * 16,
            counts: Counts::new(0, 1),
        }
    }

    /// Takes in the offset of one more beat.
    pub fn observe(&mut self, offset_us: i64, spacing: Spacing, interval_ms: u32) {
        let step = offset_us.wrapping_sub(self.typical_us);
        if spacing.is_queued() && step > 0 {
            return;
        }
        let beats = (self.counts.beats() + 1).min(DEVIATION_BEATS);
        let deviation_us = self.deviation_16us / 16;
        let limit = i64::from(2 * deviation_us);
        let clipped = step.clamp(-limit, limit);
        let mut run = if clipped == step {
            0
        } else {
            self.run_on(offset_us, step)
        };
        if run.unsigned_abs() >= OUTLIERS_TO_JUMP {
            self.typical_us = self.nearest_us;
            run = 0;
        } else {
            self.typical_us = self.typical_us.wrapping_add(part_of(clipped, beats));
        }
        self.counts = Counts::new(run, beats);
        // A sender that is late by itself is as unsteady as a path that delays: o does not show it, because S is
        // read when the beat is sent.
        let late = step.saturating_add_unsigned(spacing.sender_late_us).max(0);
        self.take_deviation(
            step.unsigned_abs().max(late.unsigned_abs()),
            deviation_us,
            interval_ms,
        );
    }

    /// Counts an outlier, and keeps the one nearest to the typical offset.
    const fn run_on(&mut self, offset_us: i64, step: i64) -> i8 {
        let (run, side) = (self.counts.run(), step.signum() as i8);
        if run.signum() != side {
            self.nearest_us = offset_us;
            return side;
        }
        let nearest = self.nearest_us.wrapping_sub(self.typical_us).unsigned_abs();
        if step.unsigned_abs() < nearest {
            self.nearest_us = offset_us;
        }
        run + side
    }

    /// Follows the mean deviation: as a plain mean at first, then with a memory of sixteen beats, with
    /// outliers clipped.
    fn take_deviation(&mut self, taken_us: u64, deviation_us: u32, interval_ms: u32) {
        let (least, most) = deviation_bounds_us(interval_ms);
        let taken = u32::try_from(taken_us).unwrap_or(u32::MAX);
        let eighth = micros(interval_ms) / 8;
        let beats = self.counts.beats();
        let next_16us = if beats < DEVIATION_BEATS {
            let taken = i64::from(taken.min(eighth));
            let change = (taken * 16 - i64::from(self.deviation_16us)) / i64::from(beats);
            i64::from(self.deviation_16us) + change
        } else {
            let taken = i64::from(taken.min(eighth.max(4 * deviation_us)));
            i64::from(self.deviation_16us) + taken - i64::from(deviation_us)
        };
        self.deviation_16us = next_16us.clamp(i64::from(least) * 16, i64::from(most) * 16) as u32;
    }

    /// The typical offset.
    #[must_use]
    pub const fn typical_us(&self) -> i64 {
        self.typical_us
    }

    /// The safety margin α, in microseconds: between 10 ms and half an interval, and half an interval as long as
    /// one beat is all there is to go by.
    #[must_use]
    pub fn margin_us(&self, margin: Margin, interval_ms: u32) -> u64 {
        let half_us = u64::from(interval_ms) * 500;
        match margin {
            Margin::Fixed(margin) => margin.as_micros() as u64,
            Margin::Auto if self.counts.beats() == 1 => half_us.max(LEAST_MARGIN_US),
            Margin::Auto => {
                let spread_us = MARGIN_DEVIATIONS * u64::from(self.deviation_16us / 16);
                spread_us.min(half_us).max(LEAST_MARGIN_US)
            }
        }
    }

    /// How long after the arrival of a beat with this offset the next one is expected, when the sender has promised
    /// it `next_us` after the sending; all in microseconds. Never later than the promise plus the margin: an
    /// estimate that is too high, after a step of the sender's clock, must not hide a death.
    #[must_use]
    pub fn expected_after_us(&self, offset_us: i64, next_us: u64, margin_us: u64) -> u64 {
        let ahead_us = self.typical_us.wrapping_sub(offset_us);
        if ahead_us >= 0 {
            next_us + ahead_us.unsigned_abs().min(margin_us)
        } else {
            next_us.saturating_sub(ahead_us.unsigned_abs())
        }
    }
}

stored!(Arrivals { typical_us, nearest_us, deviation_16us, counts } where |arrivals| {
    arrivals.deviation_16us <= MAX_DEVIATION_US * 16
});

impl Stored for Counts {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.run().store(bytes);
        self.beats().store(bytes);
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        let (run, beats) = (i8::restore(bytes)?, u8::restore(bytes)?);
        let is_sound = run.unsigned_abs() < OUTLIERS_TO_JUMP && (1..=DEVIATION_BEATS).contains(&beats);
        is_sound.then(|| Self::new(run, beats))
    }
}

/// The part of a step that the centre takes in.
const fn part_of(clipped_us: i64, beats: u8) -> i64 {
    // A constant to divide by costs a tenth of any other.
    if beats >= CENTRE_BEATS {
        clipped_us / CENTRE_BEATS as i64
    } else {
        clipped_us / beats as i64
    }
}

/// The bounds of the mean deviation: a grain of the clocks' drift, and half an interval.
fn deviation_bounds_us(interval_ms: u32) -> (u32, u32) {
    let interval_us = micros(interval_ms);
    let least = (interval_us >> 13).clamp(20, MAX_DEVIATION_US);
    (least, (interval_us / 2).clamp(least, MAX_DEVIATION_US))
}

const fn micros(interval_ms: u32) -> u32 {
    interval_ms.saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    const INTERVAL_MS: u32 = 1_000;

    const EVEN: Spacing = Spacing {
        sent_us: 1_000_000,
        arrived_us: 1_000_000,
        sender_late_us: 0,
    };

    fn after(offsets_us: impl IntoIterator<Item = i64>) -> Arrivals {
        let mut offsets = offsets_us.into_iter();
        let mut arrivals = Arrivals::new(offsets.next().unwrap(), INTERVAL_MS);
        offsets.for_each(|offset_us| arrivals.observe(offset_us, EVEN, INTERVAL_MS));
        arrivals
    }

    fn margin_us(arrivals: &Arrivals) -> u64 {
        arrivals.margin_us(Margin::Auto, INTERVAL_MS)
    }

    fn expected_us(arrivals: &Arrivals, offset_us: i64) -> u64 {
        arrivals.expected_after_us(offset_us, 1_000_000, margin_us(arrivals))
    }

    #[test]
    fn the_margin_begins_at_half_an_interval_and_follows_the_spread() {
        assert_eq!(margin_us(&after([0])), 500_000);
        let quiet = after((0..200).map(|beat| beat % 2 * 100));
        assert_eq!(margin_us(&quiet), 10_000);
        let noisy = after((0..200).map(|beat| beat % 2 * 100_000));
        // The centre follows by an eighth of each step of 100 ms, and so keeps 100 / (2 - 1/8) ms away.
        assert!(
            (210_000..215_000).contains(&margin_us(&noisy)),
            "four times 53.3 ms, not {} us",
            margin_us(&noisy)
        );
        let wild = after((0..200).map(|beat| beat % 2 * 5_000_000));
        assert_eq!(margin_us(&wild), 500_000);
        assert_eq!(wild.margin_us(Margin::Fixed(Duration::ZERO), INTERVAL_MS), 0);
    }

    #[test]
    fn a_single_late_beat_does_not_move_the_typical_offset() {
        let arrivals = after((0..100).map(|beat| if beat == 99 { 900_000 } else { 1_000 }));
        let expected = expected_us(&arrivals, 900_000);
        assert!(
            (101_000..=101_500).contains(&expected),
            "on the sender's schedule, not {expected}"
        );
    }

    #[test]
    fn a_burst_out_of_a_queue_does_not_move_it_either() {
        let mut arrivals = after([0; 100]);
        for beat in (0..15).rev() {
            let queued = Spacing {
                sent_us: 1_000_000,
                arrived_us: 50,
                sender_late_us: 0,
            };
            arrivals.observe(beat * 1_000_000, queued, INTERVAL_MS);
        }
        assert_eq!(expected_us(&arrivals, 0), 1_000_000);
    }

    #[test]
    fn a_step_is_followed_by_the_fourth_beat() {
        for step_us in [50_000, -50_000, 86_400_000_000, -86_400_000_000, i64::MIN] {
            let mut arrivals = after([0; 100]);
            (0..4).for_each(|_| arrivals.observe(step_us, EVEN, INTERVAL_MS));
            assert_eq!(expected_us(&arrivals, step_us), 1_000_000, "{step_us}");
        }
    }

    #[test]
    fn an_estimate_that_is_too_high_hides_a_death_for_no_longer_than_the_margin() {
        let arrivals = after([3_600_000_000; 100]);
        assert_eq!(expected_us(&arrivals, 0), 1_010_000);
    }

    #[test]
    fn drift_of_200_ppm_is_followed_at_any_interval() {
        for interval_ms in [10, 1_000, 3_600_000] {
            let interval_us = u64::from(interval_ms) * 1_000;
            let drift_us = i64::from(interval_ms) / 5;
            let mut arrivals = Arrivals::new(0, interval_ms);
            for beat in 1..20_000 {
                let offset_us = beat * drift_us;
                let margin_us = arrivals.margin_us(Margin::Auto, interval_ms);
                let came_after_us = interval_us + drift_us as u64;
                let previous_us = offset_us - drift_us;
                let expected_us = arrivals.expected_after_us(previous_us, interval_us, margin_us);
                assert!(came_after_us <= expected_us + margin_us);
                let even = Spacing {
                    sent_us: interval_us,
                    arrived_us: interval_us,
                    sender_late_us: 0,
                };
                arrivals.observe(offset_us, even, interval_ms);
            }
        }
    }

    #[test]
    fn no_sequence_of_offsets_overflows() {
        let extremes = [0, i64::MAX, i64::MIN, -1, 1, i64::MIN / 2];
        let mut arrivals = Arrivals::new(i64::MIN, 1 << 31);
        for round in 0..1_000 {
            let interval_ms = if round % 3 == 0 { 10 } else { 1 << 31 };
            let interval_us = u64::from(interval_ms) * 1_000;
            let offset_us = extremes[round % extremes.len()];
            arrivals.observe(offset_us, EVEN, interval_ms);
            let margin_us = arrivals.margin_us(Margin::Auto, interval_ms);
            assert!(arrivals.expected_after_us(offset_us, interval_us, margin_us) <= interval_us + margin_us);
        }
    }
}
