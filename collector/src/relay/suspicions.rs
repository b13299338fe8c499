//! The sources that two live senders use, for a reader that is behind: a `state` line says nothing of that, and each pair of
//! senders is told once.

use std::collections::BTreeMap;

use beacon_common::Moment;

use crate::track::event::{Event, SourceEvent, SourceId};
use crate::track::tracker::Tracker;
use crate::track::twins::MOST_PAIRS;

/// The last `duplicate_label` of each source that was not told.
#[derive(Default)]
pub(super) struct Suspicions(BTreeMap<SourceId, Box<SourceEvent>>);

impl Suspicions {
    /// Keeps what is to be told while it stands. There are no more than the tracker remembers pairs: of one that it does
    /// not remember, nothing stands.
    pub(super) fn keep(&mut self, source: &SourceEvent, tracker: &Tracker) {
        self.0.insert(source.id, Box::new(source.clone()));
        if self.0.len() > MOST_PAIRS {
            self.0.retain(|_, missed| tracker.has_twins(missed));
        }
    }

    /// The next line to tell, as it is at `now`. What does not stand any more is let go of.
    pub(super) fn first(&mut self, tracker: &mut Tracker, now: Moment) -> Option<Event> {
        while let Some((id, missed)) = self.0.pop_first() {
            if tracker.has_twins(&missed) {
                let event = tracker.tell_twins(&missed, now);
                self.0.insert(id, missed);
                return Some(event);
            }
        }
        None
    }

    /// The next line is told.
    pub(super) fn pop(&mut self) {
        self.0.pop_first();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
