//! When the next beat is expected, and how much later it may come without being late.
//!
//! Chen, Toueg and Aguilera's NFD-E (2002, section 6.3) expects a beat at its scheduled time plus the mean
//! offset between the two clocks over a window. Here the mean is a robust centre that follows quickly
//! (docs/protocol.md, section 9): a step is clipped at twice the mean deviation, so that a burst of delayed
//! beats hardly moves it, and after four clipped steps to one side the centre jumps there, so that a changed
//! route or a corrected clock is followed at once. State: 24 bytes a source.

use std::time::Duration;

use super::config::Margin;

/// The least safety margin: the grain in which decisions are made.
const LEAST_MARGIN: Duration = Duration::from_millis(10);

/// So many outliers in a row on one side are no outliers but where the offset is now.
const OUTLIERS_TO_JUMP: i8 = 4;

/// The centre takes in 1/n of the nth step, down to this part.
const CENTRE_BEATS: u8 = 8;

/// The deviation takes in 1/n of the nth deviation, down to this part.
const DEVIATION_BEATS: u8 = 16;

/// The safety margin in mean deviations.
const MARGIN_DEVIATIONS: u32 = 4;

/// Keeps sixteen times the deviation, and four times it, within 32 bits.
const MAX_DEVIATION_US: u32 = (1 << 28) - 1;

/// The offsets of one session's arrivals: collector clock minus sender clock, in microseconds, modulo 2^64.
#[derive(Clone, Debug)]
pub struct Arrivals {
    /// The typical offset.
    typical_us: i64,
    /// The offset nearest to the typical one in the present run of outliers.
    nearest_us: i64,
    /// Sixteen times the mean absolute deviation from the typical offset.
    deviation_16us: u32,
    /// How many outliers came in a row; negative where they lie below the typical offset.
    run: i8,
    /// How many offsets were taken in, up to [`DEVIATION_BEATS`].
    beats: u8,
}

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
    /// The arrivals of a session of which one beat has come.
    #[must_use]
    pub fn new(offset_us: i64, interval: Duration) -> Self {
        let (least, _) = deviation_bounds_us(interval);
        let deviation_us = (micros(interval) / 8).clamp(least, MAX_DEVIATION_US);
        Self {
            typical_us: offset_us,
            nearest_us: offset_us,
            deviation_16us: deviation_us * 16,
            run: 0,
            beats: 1,
        }
    }

    /// Takes in the offset of one more beat.
    pub fn observe(&mut self, offset_us: i64, spacing: Spacing, interval: Duration) {
        let step = offset_us.wrapping_sub(self.typical_us);
        if spacing.is_queued() && step > 0 {
            return;
        }
        self.beats = self.beats.saturating_add(1).min(DEVIATION_BEATS);
        let deviation_us = self.deviation_16us / 16;
        let limit = i64::from(2 * deviation_us);
        let clipped = step.clamp(-limit, limit);
        if clipped == step {
            self.run = 0;
        } else {
            self.run_on(offset_us, step);
        }
        if self.run.unsigned_abs() >= OUTLIERS_TO_JUMP.unsigned_abs() {
            self.typical_us = self.nearest_us;
            self.run = 0;
        } else {
            let part = i64::from(self.beats.min(CENTRE_BEATS));
            self.typical_us = self.typical_us.wrapping_add(clipped / part);
        }
        // A sender that is late by itself is as unsteady as a path that delays: o does not show it, because S is
        // read when the beat is sent.
        let late = step.saturating_add_unsigned(spacing.sender_late_us).max(0);
        self.take_deviation(
            step.unsigned_abs().max(late.unsigned_abs()),
            deviation_us,
            interval,
        );
    }

    /// Counts an outlier, and keeps the one nearest to the typical offset.
    fn run_on(&mut self, offset_us: i64, step: i64) {
        let side = step.signum() as i8;
        if self.run.signum() != side {
            self.run = side;
            self.nearest_us = offset_us;
            return;
        }
        self.run += side;
        let nearest = self.nearest_us.wrapping_sub(self.typical_us).unsigned_abs();
        if step.unsigned_abs() < nearest {
            self.nearest_us = offset_us;
        }
    }

    /// Follows the mean deviation: as a plain mean at first, then with a memory of sixteen beats, with
    /// outliers clipped.
    fn take_deviation(&mut self, taken_us: u64, deviation_us: u32, interval: Duration) {
        let (least, most) = deviation_bounds_us(interval);
        let taken = u32::try_from(taken_us).unwrap_or(u32::MAX);
        let eighth = micros(interval) / 8;
        let next_16us = if self.beats < DEVIATION_BEATS {
            let taken = i64::from(taken.min(eighth));
            let change = (taken * 16 - i64::from(self.deviation_16us)) / i64::from(self.beats);
            i64::from(self.deviation_16us) + change
        } else {
            let taken = i64::from(taken.min(eighth.max(4 * deviation_us)));
            i64::from(self.deviation_16us) + taken - i64::from(deviation_us)
        };
        self.deviation_16us = next_16us.clamp(i64::from(least) * 16, i64::from(most) * 16) as u32;
    }

    /// The safety margin α: between 10 ms and half an interval, and half an interval as long as one beat is all
    /// there is to go by.
    #[must_use]
    pub fn margin(&self, margin: Margin, interval: Duration) -> Duration {
        match margin {
            Margin::Fixed(margin) => margin,
            Margin::Auto if self.beats == 1 => (interval / 2).max(LEAST_MARGIN),
            Margin::Auto => {
                let spread_us = MARGIN_DEVIATIONS * (self.deviation_16us / 16);
                Duration::from_micros(spread_us.into())
                    .min(interval / 2)
                    .max(LEAST_MARGIN)
            }
        }
    }

    /// How long after the arrival of a beat with this offset the next one is expected, when the sender has
    /// promised it `next` after the sending. Never later than the promise plus the margin: an estimate that is
    /// too high, after a step of the sender's clock, must not hide a death.
    #[must_use]
    pub fn expected_after(&self, offset_us: i64, next: Duration, margin: Duration) -> Duration {
        let ahead_us = self.typical_us.wrapping_sub(offset_us);
        let ahead = Duration::from_micros(ahead_us.unsigned_abs());
        if ahead_us >= 0 {
            next + ahead.min(margin)
        } else {
            next.saturating_sub(ahead)
        }
    }
}

/// The bounds of the mean deviation: a grain of the clocks' drift, and half an interval.
fn deviation_bounds_us(interval: Duration) -> (u32, u32) {
    let least = (micros(interval) >> 13).clamp(20, MAX_DEVIATION_US);
    (least, (micros(interval) / 2).clamp(least, MAX_DEVIATION_US))
}

fn micros(interval: Duration) -> u32 {
    u32::try_from(interval.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(1);

    const EVEN: Spacing = Spacing {
        sent_us: 1_000_000,
        arrived_us: 1_000_000,
        sender_late_us: 0,
    };

    fn after(offsets_us: impl IntoIterator<Item = i64>) -> Arrivals {
        let mut offsets = offsets_us.into_iter();
        let mut arrivals = Arrivals::new(offsets.next().unwrap(), INTERVAL);
        offsets.for_each(|offset_us| arrivals.observe(offset_us, EVEN, INTERVAL));
        arrivals
    }

    fn expected_us(arrivals: &Arrivals, offset_us: i64) -> u128 {
        let margin = arrivals.margin(Margin::Auto, INTERVAL);
        arrivals.expected_after(offset_us, INTERVAL, margin).as_micros()
    }

    #[test]
    fn the_margin_begins_at_half_an_interval_and_follows_the_spread() {
        assert_eq!(after([0]).margin(Margin::Auto, INTERVAL), INTERVAL / 2);
        let quiet = after((0..200).map(|beat| beat % 2 * 100));
        assert_eq!(quiet.margin(Margin::Auto, INTERVAL), Duration::from_millis(10));
        let noisy = after((0..200).map(|beat| beat % 2 * 100_000));
        let margin = noisy.margin(Margin::Auto, INTERVAL);
        // The centre follows by an eighth of each step of 100 ms, and so keeps 100 / (2 - 1/8) ms away.
        assert!(
            (210..=214).contains(&margin.as_millis()),
            "four times 53.3 ms, not {margin:?}"
        );
        let wild = after((0..200).map(|beat| beat % 2 * 5_000_000));
        assert_eq!(wild.margin(Margin::Auto, INTERVAL), INTERVAL / 2);
        assert_eq!(
            wild.margin(Margin::Fixed(Duration::ZERO), INTERVAL),
            Duration::ZERO
        );
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
            arrivals.observe(beat * 1_000_000, queued, INTERVAL);
        }
        assert_eq!(expected_us(&arrivals, 0), 1_000_000);
    }

    #[test]
    fn a_step_is_followed_by_the_fourth_beat() {
        for step_us in [50_000, -50_000, 86_400_000_000, -86_400_000_000, i64::MIN] {
            let mut arrivals = after([0; 100]);
            (0..4).for_each(|_| arrivals.observe(step_us, EVEN, INTERVAL));
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
            let interval = Duration::from_millis(interval_ms);
            let drift_us = interval_ms as i64 / 5;
            let mut arrivals = Arrivals::new(0, interval);
            for beat in 1..20_000 {
                let offset_us = beat * drift_us;
                let margin = arrivals.margin(Margin::Auto, interval);
                let came_after = interval + Duration::from_micros(drift_us as u64);
                let previous_us = offset_us - drift_us;
                assert!(came_after <= arrivals.expected_after(previous_us, interval, margin) + margin);
                let micros = interval_ms * 1_000;
                arrivals.observe(
                    offset_us,
                    Spacing {
                        sent_us: micros,
                        arrived_us: micros,
                        sender_late_us: 0,
                    },
                    interval,
                );
            }
        }
    }

    #[test]
    fn no_sequence_of_offsets_overflows() {
        let extremes = [0, i64::MAX, i64::MIN, -1, 1, i64::MIN / 2];
        let mut arrivals = Arrivals::new(i64::MIN, Duration::from_millis(1 << 31));
        for round in 0..1_000 {
            let interval = Duration::from_millis(if round % 3 == 0 { 10 } else { 1 << 31 });
            let offset_us = extremes[round % extremes.len()];
            arrivals.observe(offset_us, EVEN, interval);
            let margin = arrivals.margin(Margin::Auto, interval);
            assert!(arrivals.expected_after(offset_us, interval, margin) <= interval + margin);
        }
    }
}
