//! What has become of the events that hooks are for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its hook has ended with status 0.
    Done,
    /// Its hook has ended otherwise, or could not be run.
    Failed,
    /// Its hook was told to end because its time was up.
    Timeout,
    /// While it waited, a later event has told the same anew.
    Replaced,
    /// It is not run on purpose: the source is silenced, or fell with many others.
    Withheld,
    /// It is not run, because too many waited or the collector has ended.
    Dropped,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] = [
        Self::Done,
        Self::Failed,
        Self::Timeout,
        Self::Replaced,
        Self::Withheld,
        Self::Dropped,
    ];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Replaced => "replaced",
            Self::Withheld => "withheld",
            Self::Dropped => "dropped",
        }
    }
}

/// The counters, for those who count and for whoever watches them.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    waiting: AtomicU64,
}

impl Counts {
    /// How many events it has become of.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0.outcomes[outcome as usize].load(Ordering::Relaxed)
    }

    /// How many events wait for their hook.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.0.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, outcome: Outcome, events: u64) {
        self.0.outcomes[outcome as usize].fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn set_waiting(&self, events: usize) {
        self.0.waiting.store(events as u64, Ordering::Relaxed);
    }
}
