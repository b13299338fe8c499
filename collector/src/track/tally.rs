//! A source's counters, as they are told (docs/protocol.md, section 10).

/// A source's counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Beats and byes, each counted once.
    pub received: u64,
    /// Slots that no beat has filled in time; negative in a difference in which more losses were taken back than
    /// new ones counted.
    pub lost: i64,
    /// Slots filled again.
    pub duplicate: u64,
    /// Beats below the highest number seen before them.
    pub reordered: u64,
    /// Beats whose slot was off the wheel.
    pub old: u64,
    /// Received, lost, and still waited for.
    pub expected: i64,
}

impl Tally {
    /// Adds the counters of another source.
    pub const fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.lost += other.lost;
        self.duplicate += other.duplicate;
        self.reordered += other.reordered;
        self.old += other.old;
        self.expected += other.expected;
    }

    /// What has come on top of an `earlier` tally of the same source.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            received: self.received - earlier.received,
            lost: self.lost - earlier.lost,
            duplicate: self.duplicate - earlier.duplicate,
            reordered: self.reordered - earlier.reordered,
            old: self.old - earlier.old,
            expected: self.expected - earlier.expected,
        }
    }
}
