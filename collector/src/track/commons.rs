//! What all trackers of one collector have together. Only what is no steady beat touches it, so beats of different
//! trackers do not meet here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use beacon_common::Moment;

use super::admission::Admission;
use super::budget::Budget;
use super::config::Config;
use super::mass::Fleet;
use super::silences::Places;

/// Who is taken in, what is known of all of them together, and what is told once for all trackers.
#[derive(Clone, Debug)]
pub struct Commons {
    pub(super) admission: Admission,
    /// How many probes they may send.
    pub(super) probes: Budget,
    pub(super) fleet: Fleet,
    /// How many sources they may have silenced.
    pub(super) silenced: Places,
    /// Up to when blindness has been told, in nanoseconds.
    blindness_told: Arc<AtomicU64>,
}

impl Commons {
    /// For trackers that judge as `config` says.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            admission: Admission::new(config.max_sources, config.admit_rate),
            probes: Budget::new(config.probe_rate),
            fleet: Fleet::default(),
            silenced: Places::default(),
            blindness_told: Arc::default(),
        }
    }

    /// Whether blindness between these moments is to be told by the one who asks: no tracker has told of one that
    /// overlaps it.
    pub(super) fn tells_blindness(&self, from: Moment, until: Moment) -> bool {
        // The moment alone is shared, nothing is published by it.
        let told = self.blindness_told.fetch_max(until.as_nanos(), Ordering::Relaxed);
        told <= from.as_nanos()
    }
}
