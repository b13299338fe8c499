//! What a load came to.

use std::io;
use std::time::Duration;

/// Counts of datagrams, but where another unit is said.
#[derive(Debug, Default)]
pub struct Tally {
    /// Handed to the network, duplicates among them.
    pub sent: u64,
    /// Left out as lost.
    pub lost: u64,
    /// Sent behind the source's next one.
    pub reordered: u64,
    /// Sent a second time.
    pub duplicated: u64,
    /// Turns of sources that had fallen silent.
    pub silent: u64,
    /// Refused by the kernel, or told to have arrived nowhere.
    pub errors: u64,
    /// Why, the last time.
    pub last_error: Option<io::Error>,
    /// Answers that came back.
    pub answers: u64,
    /// Of those, the ones that are none.
    pub strange: u64,
    /// How often the schedule slipped, because the sender could not keep it.
    pub slips: u64,
    /// By how much it slipped in all.
    pub slipped: Duration,
    /// The time from the first slot to the last call.
    pub took: Duration,
}

impl Tally {
    pub(super) fn fail(&mut self, datagrams: u64, error: io::Error) {
        self.errors += datagrams;
        self.last_error = Some(error);
    }

    /// Adds what a later run came to.
    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.lost += other.lost;
        self.reordered += other.reordered;
        self.duplicated += other.duplicated;
        self.silent += other.silent;
        self.errors += other.errors;
        self.last_error = other.last_error.or(self.last_error.take());
        self.answers += other.answers;
        self.strange += other.strange;
        self.slips += other.slips;
        self.slipped += other.slipped;
        self.took += other.took;
    }

    /// Datagrams a second that were handed to the network.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.sent as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }
}
