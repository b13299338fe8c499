//! The sources that are kept no more, for a reader that is behind: their state can be asked for no more, and it would take
//! them for what it last heard of them.
//!
//! Only of those that it may know it has to hear. One that came after it fell behind, and is gone before it was told of,
//! leaves nothing here. So there are no more than there were sources when it fell behind, which `--max-sources` bounds, and
//! labels that the inventory has had since, which the operator writes.

use std::collections::{BTreeMap, BTreeSet};

use beacon_common::Label;

use crate::track::event::{Event, SourceEvent, SourceId, What};

#[derive(Default)]
pub(super) struct Forgotten {
    /// Sources that the reader does not know: they came while it was behind.
    strangers: BTreeSet<SourceId>,
    /// The last `forgotten` line of each source that is to be told.
    lines: BTreeMap<Label, Box<Event>>,
}

impl Forgotten {
    /// Something has happened while the reader is behind. A source that was expected is no stranger, although it was never
    /// heard: somebody may have asked for its state. What the inventory has by now says nothing of that.
    pub(super) fn watch(&mut self, event: &Event) {
        if let What::Source(source) = &event.what
            && source.is_new
        {
            self.strangers.insert(source.id);
        }
    }

    /// The reader is told how a source is.
    pub(super) fn introduce(&mut self, event: &Event) {
        if let What::Source(source) = &event.what {
            self.strangers.remove(&source.id);
        }
    }

    /// Keeps the `forgotten` line of `source`. Returns the line that will not be told for that, if any.
    pub(super) fn keep(&mut self, source: &SourceEvent, event: &Event) -> Option<Event> {
        if self.strangers.remove(&source.id) {
            return Some(event.clone());
        }
        let before = self.lines.insert(source.label, Box::new(event.clone()));
        before.map(|before| *before)
    }

    /// The next line to tell.
    pub(super) fn first(&self) -> Option<&Event> {
        self.lines.first_key_value().map(|(_, event)| &**event)
    }

    /// The next line is told.
    pub(super) fn pop(&mut self) {
        self.lines.pop_first();
    }

    /// The reader knows all there is to know.
    pub(super) fn catch_up(&mut self) {
        self.strangers.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lines.len() + self.strangers.len()
    }
}
