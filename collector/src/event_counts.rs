//! How often each event has happened.
//!
//! As with [`outages`](crate::outages), whoever tells counts an event before it is known whether there will be a line:
//! what `--events` leaves out or a slow reader misses has happened all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::output::events::EventName;
use crate::track::event::Event;

/// What all who tell have counted, for whoever looks.
#[derive(Clone, Debug, Default)]
pub struct EventCounts(Arc<[AtomicU64; EventName::ALL.len()]>);

impl EventCounts {
    /// Counts an event.
    pub(crate) fn count(&self, event: &Event) {
        self.0[EventName::of(&event.what).place()].fetch_add(1, Ordering::Relaxed);
    }

    /// Each event with how often it has happened.
    pub fn iter(&self) -> impl Iterator<Item = (EventName, u64)> {
        let count = |event: EventName| self.0[event.place()].load(Ordering::Relaxed);
        EventName::ALL.into_iter().map(move |event| (event, count(event)))
    }
}
