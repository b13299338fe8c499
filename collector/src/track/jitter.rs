//! Interarrival jitter as RFC 3550 defines it (section 6.4.1, appendix A.8).

use super::stored::stored;

/// The jitter of one session: a mean of the change of the offset from one arrival to the next, with a memory of
/// sixteen arrivals. As in the RFC the arithmetic is of 32 bits: a change of more than 35 minutes comes out as
/// another one, and no jitter is more than 268 seconds.
#[derive(Clone, Copy, Debug)]
pub struct Jitter {
    /// The last offset, modulo 2^32.
    last_offset_us: u32,
    /// Sixteen times the jitter, as in the RFC's integer version.
    jitter_16us: u32,
}

impl Jitter {
    /// The jitter after one arrival: none.
    #[must_use]
    pub const fn new(offset_us: i64) -> Self {
        Self {
            last_offset_us: offset_us as u32,
            jitter_16us: 0,
        }
    }

    /// Takes in the offset of the next arrival, whatever its sequence number.
    pub const fn observe(&mut self, offset_us: i64) {
        let offset_us = offset_us as u32;
        let change_us = (offset_us.wrapping_sub(self.last_offset_us) as i32).unsigned_abs();
        self.last_offset_us = offset_us;
        let faded = self.jitter_16us - (self.jitter_16us.saturating_add(8) >> 4);
        self.jitter_16us = faded.saturating_add(change_us);
    }

    /// The jitter, in microseconds.
    #[must_use]
    pub const fn as_micros(&self) -> u32 {
        self.jitter_16us >> 4
    }
}

stored!(Jitter { last_offset_us, jitter_16us } where |_| true);

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand with the formula of RFC 3550, A.8: J += |D| - ((J + 8) >> 4).
    #[test]
    fn a_golden_sequence() {
        let mut jitter = Jitter::new(1_000);
        let sixteenths: Vec<u32> = [1_160, 1_000, 1_000, 5_000]
            .into_iter()
            .map(|offset_us| {
                jitter.observe(offset_us);
                jitter.jitter_16us
            })
            .collect();
        assert_eq!(sixteenths, [160, 310, 291, 4_273]);
        assert_eq!(jitter.as_micros(), 267);
    }

    #[test]
    fn extremes_do_not_overflow_and_fade() {
        let mut jitter = Jitter::new(i64::MIN);
        (0..10_000).for_each(|n| jitter.observe(if n % 2 == 0 { 0 } else { i64::MIN }));
        assert_eq!(jitter.as_micros(), 0, "a change of 2^63 is none modulo 2^32");
        (0..10_000).for_each(|n| jitter.observe(if n % 2 == 0 { 0 } else { 1 << 31 }));
        assert_eq!(jitter.as_micros(), u32::MAX >> 4);
        (0..2_000).for_each(|_| jitter.observe(0));
        assert_eq!(jitter.as_micros(), 0);
    }
}
