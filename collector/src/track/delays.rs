//! Delay variation as RFC 5481 defines it (section 4.2, PDV): by how much a beat's delay exceeds the least.
//!
//! The clocks of both ends have no common origin, so that a delay is only known but for a constant: the offset o.
//! Differences of delays are those of offsets, and that is all that delay variation needs (RFC 3393, section 1.1).

/// Delays are told apart by this many microseconds, or by a quarter at most where that is more.
const GRAIN_US: u32 = 8;

/// Each doubling of the delay is split into so many classes.
const PARTS: u32 = 4;

/// Delay variations are counted as less than this: 268 s.
const END_US: u32 = 1 << 28;

const CLASSES: usize = class(END_US - 1) + 1;

/// The delay variation of one source since it was last taken.
#[derive(Clone, Debug)]
pub struct Delays {
    /// The least offset of this period and the one before it, modulo 2^64.
    reference_us: i64,
    /// The least offset of this period; the reference where there was none yet.
    least_us: Option<i64>,
    /// How many beats were so much later than the least, by class.
    counts: [u16; CLASSES],
    /// The greatest delay variation.
    max_us: u32,
}

impl Delays {
    /// Those of a source whose first beat had this offset.
    #[must_use]
    pub const fn new(offset_us: i64) -> Self {
        let mut delays = Self {
            reference_us: offset_us,
            least_us: None,
            counts: [0; CLASSES],
            max_us: 0,
        };
        delays.take(offset_us);
        delays
    }

    /// A session began, with a clock of its own, and its first beat had this offset.
    pub const fn renew(&mut self, offset_us: i64) {
        (self.reference_us, self.least_us) = (offset_us, None);
        self.take(offset_us);
    }

    /// Takes the offset of a beat.
    pub const fn take(&mut self, offset_us: i64) {
        self.reference_us = lesser(self.reference_us, offset_us);
        self.least_us = Some(match self.least_us {
            Some(least_us) => lesser(least_us, offset_us),
            None => offset_us,
        });
        let above_us = offset_us.wrapping_sub(self.reference_us) as u64;
        let above_us = if above_us < END_US as u64 {
            above_us as u32
        } else {
            END_US - 1
        };
        if above_us > self.max_us {
            self.max_us = above_us;
        }
        let class = class(above_us);
        if self.counts[class] == u16::MAX {
            self.halve();
        }
        self.counts[class] += 1;
    }

    /// Makes room where a class is full; the shares stay what they are.
    const fn halve(&mut self) {
        let mut class = 0;
        while class < CLASSES {
            self.counts[class] = self.counts[class].div_ceil(2);
            class += 1;
        }
    }

    /// The medial delay variation and its 99th percentile, in microseconds, and a new period; `None` where no beat
    /// came in this one.
    pub fn take_percentiles(&mut self) -> Option<[u32; 2]> {
        let percentiles = (self.least_us.is_some()).then(|| [50, 99].map(|percent| self.percentile(percent)));
        if let Some(least_us) = self.least_us.take() {
            self.reference_us = least_us;
        }
        (self.counts, self.max_us) = ([0; CLASSES], 0);
        percentiles
    }

    /// The least delay variation that so many percent of the beats do not exceed: never told too low, and no more
    /// than the greatest there was.
    fn percentile(&self, percent: u64) -> u32 {
        let total: u64 = self.counts.iter().map(|&count| u64::from(count)).sum();
        let rank = (total * percent).div_ceil(100);
        let mut seen = 0;
        let is_reached = |count: &u16| {
            seen += u64::from(*count);
            seen >= rank
        };
        let class = self.counts.iter().position(is_reached).unwrap_or(CLASSES - 1);
        last_of(class as u32).min(self.max_us)
    }
}

/// The lesser of two offsets, which are modulo 2^64.
const fn lesser(one_us: i64, other_us: i64) -> i64 {
    if other_us.wrapping_sub(one_us) < 0 {
        other_us
    } else {
        one_us
    }
}

/// The class of a delay variation: whole grains up to [`PARTS`] of them, then as many classes to each doubling.
const fn class(above_us: u32) -> usize {
    let grains = above_us / GRAIN_US;
    if grains < PARTS {
        return grains as usize;
    }
    let doublings = (grains / PARTS).ilog2();
    (doublings * PARTS + (grains >> doublings)) as usize
}

/// The last delay variation of a class.
const fn last_of(class: u32) -> u32 {
    let doublings = (class / PARTS).saturating_sub(1);
    let grains = class - doublings * PARTS;
    ((grains + 1) << doublings) * GRAIN_US - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_on_one_another_and_are_a_quarter_wide_at_most() {
        let mut first_us = 0;
        for number in 0..CLASSES {
            let last_us = last_of(number as u32);
            assert_eq!([class(first_us), class(last_us)], [number, number]);
            assert!(
                last_us - first_us < GRAIN_US.max(first_us / 4),
                "{first_us} to {last_us}"
            );
            first_us = last_us + 1;
        }
        assert_eq!(first_us, END_US);
    }

    /// Offsets of 1000 and 100 delays of 1 to 100 ms above it: the median is 50 ms, told as the end of its class from
    /// 49152 to 57343 us; the 99th percentile is 99 ms, and the class goes on to 114687, but none was above 100 ms.
    #[test]
    fn percentiles_are_counted_from_the_least() {
        let mut delays = Delays::new(1_000);
        assert_eq!(delays.take_percentiles(), Some([0, 0]));
        (1..=100).for_each(|ms| delays.take(1_000 + ms * 1_000));
        assert_eq!(delays.take_percentiles(), Some([57_343, 100_000]));
        assert_eq!(delays.take_percentiles(), None, "no beat came");
    }

    #[test]
    fn the_least_is_that_of_this_period_and_the_one_before() {
        let mut delays = Delays::new(0);
        delays.take_percentiles();
        delays.take(640);
        assert_eq!(
            delays.take_percentiles(),
            Some([640, 640]),
            "above the 0 of the period before"
        );
        delays.take(640);
        assert_eq!(delays.take_percentiles(), Some([0, 0]), "that is forgotten");
        delays.take(-64);
        delays.take(0);
        assert_eq!(
            delays.take_percentiles(),
            Some([7, 64]),
            "a least that comes now counts from now on"
        );
    }

    #[test]
    fn a_session_has_a_clock_of_its_own() {
        let mut delays = Delays::new(5);
        delays.renew(1 << 40);
        delays.take((1 << 40) + 16);
        assert_eq!(delays.take_percentiles(), Some([7, 16]));
    }

    #[test]
    fn a_class_that_is_full_keeps_its_share() {
        let mut delays = Delays::new(0);
        (0..200_000).for_each(|beat| delays.take(if beat % 50 == 0 { 1_000 } else { 0 }));
        assert_eq!(delays.take_percentiles(), Some([7, 1_000]));
    }

    #[test]
    fn no_offsets_overflow() {
        let mut delays = Delays::new(0);
        delays.take(i64::MAX);
        assert_eq!(delays.take_percentiles(), Some([7, END_US - 1]));
        for offset_us in [i64::MIN, i64::MAX, -1, i64::MIN] {
            delays.take(offset_us);
            assert!(delays.take_percentiles().is_some_and(|[_, p99]| p99 < END_US));
        }
    }
}
