//! Sessions: one life of an agent process each.

use core::fmt;

/// One life of an agent process: the Unix second in which it began (high half), and a low half that keeps two
/// lives which began in the same second apart (docs/protocol.md, section 4).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session(u64);

impl Session {
    /// A session that began at `unix_seconds` by the sender's wall clock.
    #[must_use]
    pub const fn new(unix_seconds: u32, low_half: u32) -> Self {
        Self((unix_seconds as u64) << 32 | low_half as u64)
    }

    /// A session that begins now, `nanos` nanoseconds into the second `unix_seconds`: the upper half of its low
    /// half grows through the second, so that a life that begins soon after another one is the newer.
    #[must_use]
    pub const fn begin(unix_seconds: u32, nanos: u32, random: u16) -> Self {
        let fraction = ((nanos as u64) << 16) / 1_000_000_000;
        Self::new(unix_seconds, (fraction as u32) << 16 | random as u32)
    }

    /// The session with this number on the wire.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// Sixteen hex digits.
impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {self}")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::string::ToString;

    #[test]
    fn a_later_moment_of_a_second_is_the_greater_session() {
        assert_eq!(Session::begin(7, 0, 5), Session::new(7, 5));
        assert_eq!(Session::begin(7, 500_000_000, 5), Session::new(7, 0x8000_0005));
        assert_eq!(
            Session::begin(7, 999_999_999, u16::MAX),
            Session::new(7, u32::MAX)
        );
        assert!(Session::begin(7, 20_000, 0) > Session::begin(7, 0, u16::MAX));
    }

    #[test]
    fn a_later_second_is_the_greater_session_whatever_the_random_half() {
        assert!(Session::new(2, 0) > Session::new(1, u32::MAX));
        assert_eq!(
            Session::new(0x691f_3c2e, 0x5b0a_9d11).to_string(),
            "691f3c2e5b0a9d11"
        );
    }
}
