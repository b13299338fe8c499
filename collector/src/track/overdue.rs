//! What a late arrival says of the next one: whether lateness lasts, and whether trouble comes in bursts
//! (docs/protocol.md, section 9).
//!
//! Both are learned from each source's own arrivals, as slopes of a regression through the origin that a few beats
//! of much lateness move more than many of a little. Where they are zero, a late or lost beat says nothing of the
//! next, and the deadline is the schedule's; where they are one, delay and loss are states of the path, and the
//! deadline follows. Fractions are of 2^15, and times are of the interval.

use super::stored::stored;

/// The whole of a fraction, as a power of two.
const ONE_BITS: u32 = 15;

/// The whole of a fraction: one interval, or a slope of one.
const ONE: i32 = 1 << ONE_BITS;

/// What is overdue by no more than the grain in which decisions are made counts as nothing.
const GRAIN_US: u64 = 10_000;

/// The recent overdue time takes in 1/2^n of the newest.
const RECENT_BITS: u32 = 3;

/// The usual overdue time takes in 1/n of the nth, down to 1/2^n of it.
const USUAL_BITS: u32 = 9;

/// The usual overdue time is kept 2^n times finer, for small parts of it to count.
const USUAL_GRAIN_BITS: u32 = 4;

/// Persistence takes in a sixteenth of what a beat shows that is late by a whole interval, and less of one that is
/// less late, by the square.
const PERSISTENCE_BITS: u32 = 2 * ONE_BITS + 4;

/// Burstiness takes in an eighth of what two beats show that are both overdue by a whole interval.
const BURSTINESS_BITS: u32 = ONE_BITS + 3;

/// How much longer an interval lasts in a burst, in the overdue time that the burst lets one expect.
const STRETCH: i32 = 6;

/// When one source's beats come, as against when they were expected.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(2))]
pub(super) struct Overdue {
    /// The mean overdue time, 2^[`USUAL_GRAIN_BITS`] times finer than a fraction.
    usual: u32,
    /// The mean overdue time of the last beats.
    recent: u16,
    /// Which part of a beat's lateness the next one is late by as well.
    persistence: u16,
    /// Which part of an overdue time above the usual goes on.
    burstiness: u16,
}

/// What a beat shows that has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// How long after it was expected it came.
    pub(super) overdue_us: u64,
    /// How late the one before it was, for the slot before that which was awaited.
    pub(super) late_us: u64,
    /// The interval.
    pub(super) interval_us: u64,
    /// How many beats the session has had by now, itself included, whether they came or not.
    pub(super) beats: u64,
}

impl Overdue {
    /// Of a session of which nothing is known: lateness is not taken to last.
    pub(super) const NEW: Self = Self {
        usual: 0,
        recent: 0,
        persistence: 0,
        burstiness: 0,
    };

    /// Learns from one more beat.
    pub(super) fn observe(&mut self, shown: Shown) {
        let is_punctual = shown.overdue_us <= GRAIN_US && shown.late_us <= GRAIN_US;
        if !is_punctual || self.usual != 0 || self.recent != 0 {
            self.learn(shown);
        }
    }

    /// As long as every beat is punctual there is nothing to learn.
    #[inline(never)]
    fn learn(&mut self, shown: Shown) {
        let overdue = fraction(shown.overdue_us, shown.interval_us);
        let lateness = fraction(shown.late_us, shown.interval_us);
        if lateness > 0 {
            let lasted = overdue.min(lateness) * ONE / lateness;
            let missed = i64::from(lasted - i32::from(self.persistence));
            let step = (i64::from(lateness * lateness) * missed) >> PERSISTENCE_BITS;
            self.persistence = (i64::from(self.persistence) + step) as u16;
        }
        self.learn_burstiness(overdue);
        let recent = i32::from(self.recent);
        self.recent = (recent + ((overdue - recent) >> RECENT_BITS)) as u16;
        let usual = self.usual as i32;
        let missed = (overdue << USUAL_GRAIN_BITS) - usual;
        // A constant to divide by costs a tenth of any other.
        let step = if shown.beats < 1 << USUAL_BITS {
            missed.div_euclid(shown.beats as i32)
        } else {
            missed >> USUAL_BITS
        };
        self.usual = (usual + step) as u32;
    }

    fn learn_burstiness(&mut self, overdue: i32) {
        let burstiness = i64::from(self.burstiness);
        let before = i64::from(self.recent_above_usual());
        let missed = i64::from(overdue - self.usual()) - ((burstiness * before) >> ONE_BITS);
        let step = (before * missed) >> BURSTINESS_BITS;
        self.burstiness = (burstiness + step).clamp(0, ONE.into()) as u16;
    }

    const fn usual(self) -> i32 {
        (self.usual >> USUAL_GRAIN_BITS) as i32
    }

    const fn recent_above_usual(self) -> i32 {
        self.recent as i32 - self.usual()
    }

    /// How much of a beat's lateness the next one will be late by as well.
    pub(super) fn lasting_us(self, late_us: u64, interval_us: u64) -> u64 {
        if self.persistence == 0 || late_us <= GRAIN_US {
            return 0;
        }
        let lasting = (fraction(late_us, interval_us) * i32::from(self.persistence)) >> ONE_BITS;
        (lasting as u64 * interval_us) >> ONE_BITS
    }

    /// How much longer a time of so many intervals counts as lasting while beats come more overdue than usual: up to a
    /// half of it.
    pub(super) fn stretch_us(self, time_us: u64) -> u64 {
        let more = self.recent_above_usual().max(0);
        let expected = (i32::from(self.burstiness) * more) >> ONE_BITS;
        let part = (STRETCH * expected).min(ONE / 2);
        (part as u64 * time_us) >> ONE_BITS
    }
}

/// A time as a fraction of the interval; a longer one counts as a whole interval.
const fn fraction(time_us: u64, interval_us: u64) -> i32 {
    if time_us <= GRAIN_US {
        0
    } else if time_us >= interval_us {
        ONE
    } else {
        ((time_us << ONE_BITS) / interval_us) as i32
    }
}

stored!(Overdue { usual, recent, persistence, burstiness } where |overdue| {
    let most = ONE as u16;
    overdue.usual <= (ONE as u32) << USUAL_GRAIN_BITS
        && overdue.recent <= most
        && overdue.persistence <= most
        && overdue.burstiness <= most
});

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL_US: u64 = 1_000_000;

    /// Learns from beats that are so late, each expected at the slot after the one before it: in thousandths of the
    /// interval, at most one.
    fn after(lateness_ms: impl IntoIterator<Item = u64>) -> Overdue {
        let mut overdue = Overdue::NEW;
        let mut before_us = 0;
        for (number, late_ms) in (2..).zip(lateness_ms) {
            overdue.observe(Shown {
                overdue_us: late_ms * 1_000,
                late_us: before_us,
                interval_us: INTERVAL_US,
                beats: number,
            });
            before_us = late_ms * 1_000;
        }
        overdue
    }

    #[test]
    fn a_path_that_is_punctual_to_the_grain_teaches_nothing() {
        let overdue = after([10; 10_000]);
        assert_eq!((overdue.usual, overdue.recent), (0, 0));
        assert_eq!(overdue.lasting_us(500_000, INTERVAL_US), 0);
        assert_eq!(overdue.stretch_us(3 * INTERVAL_US), 0);
    }

    #[test]
    fn lateness_that_always_lasts_is_expected_to_and_single_lateness_is_not() {
        let lasting = after((0..4_000).map(|beat| if beat / 100 % 2 == 0 { 800 } else { 0 }));
        assert!(lasting.lasting_us(800_000, INTERVAL_US) > 650_000);
        assert_eq!(
            lasting.lasting_us(10_000, INTERVAL_US),
            0,
            "the grain is no lateness"
        );
        let single = after((0..4_000).map(|beat| if beat % 20 == 0 { 800 } else { 0 }));
        assert_eq!(single.lasting_us(800_000, INTERVAL_US), 0);
    }

    /// As many overdue beats, in bursts of twenty and one by one: only the bursts let one expect more.
    #[test]
    fn only_trouble_that_comes_in_bursts_stretches_the_patience() {
        let in_a_burst = |beat: u64| beat % 400 >= 380;
        let bursts = after((0..8_000).map(|beat| u64::from(in_a_burst(beat)) * 1_000));
        assert_eq!(bursts.stretch_us(3 * INTERVAL_US), 3 * INTERVAL_US / 2);
        let singly = after((0..8_000).map(|beat| u64::from(beat % 20 == 19) * 1_000));
        assert_eq!(singly.stretch_us(3 * INTERVAL_US), 0);
        let over = after((0..8_080).map(|beat| u64::from(in_a_burst(beat)) * 1_000));
        assert_eq!(over.stretch_us(3 * INTERVAL_US), 0, "the burst is over");
    }

    #[test]
    fn whatever_is_shown_stays_within_its_bounds() {
        let times_us = [0, 10_001, 300_000, INTERVAL_US, u64::MAX];
        let mut overdue = Overdue::NEW;
        for round in 0..100_000_usize {
            // Each pair of times, and each for some while.
            let shown = Shown {
                overdue_us: times_us[round / 50 % 5],
                late_us: times_us[round / 250 % 5],
                interval_us: [INTERVAL_US, 10_000, 2_147_483_648_000][round / 7 % 3],
                beats: [2, 511, 512, u64::MAX][round / 11 % 4],
            };
            overdue.observe(shown);
            let mut bytes = Vec::new();
            super::super::stored::Stored::store(&overdue, &mut bytes);
            let read: Option<Overdue> = super::super::stored::Stored::restore(&mut &bytes[..]);
            assert!(read.is_some(), "{overdue:?} after {shown:?}");
            assert!(overdue.stretch_us(shown.interval_us * 255) <= shown.interval_us * 255 / 2);
        }
    }
}
