//! Why a datagram is dropped, and how many were (docs/protocol.md, section 11).

use beacon_common::WireError;

/// Why a datagram changes nothing. One reason, one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reject {
    /// Not 64 bytes.
    Length,
    /// Does not begin with 0xBEAC.
    Magic,
    /// Another version of the frame.
    Version,
    /// A kind that does not exist, or that no agent sends.
    Kind,
    /// No valid label.
    Label,
    /// An interval out of range.
    Interval,
    /// Made with a key that the collector does not have.
    Key,
    /// The tag is not the one that the key makes.
    Tag,
    /// Keys are required, and the frame has none.
    Unkeyed,
    /// Of a session older than one already seen, and not proven.
    Session,
    /// No room for a new source.
    Full,
    /// Too many new sources at once.
    Rate,
}

impl Reject {
    /// Every reason, in the order in which they are counted.
    pub const ALL: [Self; 12] = [
        Self::Length,
        Self::Magic,
        Self::Version,
        Self::Kind,
        Self::Label,
        Self::Interval,
        Self::Key,
        Self::Tag,
        Self::Unkeyed,
        Self::Session,
        Self::Full,
        Self::Rate,
    ];

    /// The name in event lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Length => WireError::Length.name(),
            Self::Magic => WireError::Magic.name(),
            Self::Version => WireError::Version.name(),
            Self::Kind => WireError::Kind.name(),
            Self::Label => WireError::Label.name(),
            Self::Interval => WireError::Interval.name(),
            Self::Key => "key",
            Self::Tag => "tag",
            Self::Unkeyed => "unkeyed",
            Self::Session => "session",
            Self::Full => "full",
            Self::Rate => "rate",
        }
    }
}

impl From<WireError> for Reject {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Length => Self::Length,
            WireError::Magic => Self::Magic,
            WireError::Version => Self::Version,
            WireError::Kind => Self::Kind,
            WireError::Label => Self::Label,
            WireError::Interval => Self::Interval,
        }
    }
}

/// How many datagrams were dropped, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected([u64; Reject::ALL.len()]);

impl Rejected {
    /// Counts one.
    pub fn count(&mut self, reason: Reject) {
        self.0[reason as usize] += 1;
    }

    /// How many were dropped for `reason`.
    #[must_use]
    pub const fn get(&self, reason: Reject) -> u64 {
        self.0[reason as usize]
    }

    /// Adds those that were dropped elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.0
            .iter_mut()
            .zip(&other.0)
            .for_each(|(own, other)| *own += other);
    }

    /// Every reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Reject, u64)> + '_ {
        Reject::ALL.into_iter().map(|reason| (reason, self.get(reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_counter() {
        let mut rejected = Rejected::default();
        for (extra, reason) in Reject::ALL.into_iter().enumerate() {
            (0..=extra).for_each(|_| rejected.count(reason));
        }
        let counts: Vec<_> = rejected.iter().map(|(_, count)| count).collect();
        assert_eq!(counts, (1..=12).collect::<Vec<u64>>());
    }
}
