//! How exactly beats keep their schedule (docs/protocol.md, section 5).

/// What there is to know of one beat, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Beat {
    /// When it was sent, on the session's clock.
    pub sent_us: i64,
    /// How long after that it promises the next one.
    pub next_us: i64,
    /// When it arrived, on any clock.
    pub arrived_us: i64,
}

/// Beats of one session from the first regular slot on, each in its slot.
pub struct Cadence {
    interval_us: i64,
    beats: Vec<(i64, Beat)>,
}

/// How late something was, beat by beat, in ascending order.
pub struct Lateness(Vec<i64>);

impl Cadence {
    /// The cadence of `beats`, which begin with that of a regular slot. A beat's promise tells which slot it was
    /// sent in, so that a skipped slot is no deviation.
    #[must_use]
    pub fn new(interval_us: i64, beats: &[Beat]) -> Self {
        let next_slot = |beat: &Beat| beat.sent_us + beat.next_us;
        let first = beats.first().map_or(0, next_slot);
        // The promise is rounded to the millisecond.
        let slot = |beat: &Beat| (next_slot(beat) - first + interval_us / 2).div_euclid(interval_us);
        Self {
            interval_us,
            beats: beats.iter().map(|beat| (slot(beat), *beat)).collect(),
        }
    }

    /// How many slots passed without a beat.
    #[must_use]
    pub fn skipped(&self) -> i64 {
        let last = self.beats.last().map_or(-1, |(slot, _)| *slot);
        last + 1 - self.beats.len() as i64
    }

    /// How late beats were sent, measured from the one that was sent soonest after its slot: no beat is sent
    /// before it.
    #[must_use]
    pub fn of_sending(&self) -> Lateness {
        self.lateness(|beat| beat.sent_us)
    }

    /// How late beats arrived, measured in the same way.
    #[must_use]
    pub fn of_arrival(&self) -> Lateness {
        self.lateness(|beat| beat.arrived_us)
    }

    /// By how much the last tenth of the beats is behind the first, each by its most punctual beat.
    #[must_use]
    pub fn drift_us(&self) -> i64 {
        let tenth = (self.beats.len() / 10).max(1);
        let soonest = |beats: &[(i64, Beat)]| {
            let after_slot = beats
                .iter()
                .map(|(slot, beat)| beat.sent_us - slot * self.interval_us);
            after_slot.min().unwrap_or_default()
        };
        let last = self.beats.len().saturating_sub(tenth);
        soonest(&self.beats[last..]) - soonest(&self.beats[..tenth.min(self.beats.len())])
    }

    fn lateness(&self, time_us: impl Fn(&Beat) -> i64) -> Lateness {
        let mut late: Vec<_> = self
            .beats
            .iter()
            .map(|(slot, beat)| time_us(beat) - slot * self.interval_us)
            .collect();
        late.sort_unstable();
        let soonest = late.first().copied().unwrap_or_default();
        late.iter_mut().for_each(|late| *late -= soonest);
        Lateness(late)
    }
}

impl Lateness {
    /// The lateness that so many of 1,000 beats do not exceed.
    #[must_use]
    pub fn per_mille(&self, per_mille: usize) -> i64 {
        let rank = (self.0.len() * per_mille).div_ceil(1_000).max(1) - 1;
        self.0.get(rank).copied().unwrap_or_default()
    }

    /// How many beats were later than this.
    #[must_use]
    pub fn count_over(&self, limit_us: i64) -> usize {
        self.0.iter().filter(|late| **late > limit_us).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL_US: i64 = 100_000;

    fn beats(late_us: impl Fn(i64) -> i64, is_sent: impl Fn(i64) -> bool) -> Vec<Beat> {
        let sent = (0..1_000).filter(|slot| is_sent(*slot));
        sent.map(|slot| {
            let sent_us = 42_000 + slot * INTERVAL_US + late_us(slot);
            let next_us = (INTERVAL_US - late_us(slot) + 500) / 1_000 * 1_000;
            Beat {
                sent_us,
                next_us,
                arrived_us: sent_us + 30,
            }
        })
        .collect()
    }

    #[test]
    fn lateness_is_measured_from_the_slot() {
        let cadence = Cadence::new(
            INTERVAL_US,
            &beats(|slot| if slot == 7 { 6_070 } else { 70 + slot % 2 }, |_| true),
        );
        let late = cadence.of_sending();
        assert_eq!([500, 999, 1_000].map(|part| late.per_mille(part)), [0, 1, 6_000]);
        assert_eq!((late.count_over(5_000), late.count_over(6_000)), (1, 0));
        assert_eq!(cadence.of_arrival().per_mille(1_000), 6_000);
        assert_eq!((cadence.skipped(), cadence.drift_us()), (0, 0));
    }

    #[test]
    fn a_skipped_slot_is_no_lateness() {
        let cadence = Cadence::new(INTERVAL_US, &beats(|_| 70, |slot| !(100..103).contains(&slot)));
        assert_eq!((cadence.skipped(), cadence.of_sending().per_mille(1_000)), (3, 0));
    }

    #[test]
    fn a_schedule_that_drifts_is_found_out() {
        // 200 µs over the run; the promises follow the beats, as those of an agent would that adds up intervals.
        let mut drifting = beats(|_| 0, |_| true);
        drifting
            .iter_mut()
            .zip(0..)
            .for_each(|(beat, number)| beat.sent_us += number / 5);
        assert!((170..=200).contains(&Cadence::new(INTERVAL_US, &drifting).drift_us()));
    }
}
