//! Sequence numbers of a session's datagrams.

use core::fmt;

/// The number of a beat or bye within its session: 1 for the first, then one more for each datagram
/// handed to the network (docs/protocol.md, section 4). It never wraps.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(u32);

impl Seq {
    /// No datagram yet: what a reply carries before its agent has sent a beat.
    pub const NONE: Self = Self(0);

    /// The first datagram of a session.
    pub const FIRST: Self = Self(1);

    /// The last number there is; an agent begins a new session instead of going past it.
    pub const LAST: Self = Self(u32::MAX);

    /// The sequence number with this value.
    #[must_use]
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The value on the wire.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number after this one, or `None` after [`Seq::LAST`].
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seq {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_has_no_successor() {
        assert_eq!(Seq::NONE.next(), Some(Seq::FIRST));
        assert_eq!(Seq::LAST.next(), None);
    }
}
