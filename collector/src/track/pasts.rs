//! The sources that have gone back to an older session, and what they went back from: whatever is not above it may have been
//! recorded (docs/protocol.md, section 4).

use std::collections::HashMap;

use beacon_common::Session;

use super::event::SourceId;
use super::stored::stored;

/// What is remembered of a source that goes on in a session which is not its highest.
#[derive(Clone, Copy, Debug)]
pub struct Past {
    /// The highest session there was: whatever is not above it may have been recorded.
    highest: Session,
    /// The session before the current one.
    displaced: Session,
    /// One of the two has proven to be alive beside the current one: two devices have the same label and key.
    is_contested: bool,
}

stored!(Past { highest, displaced, is_contested } where |_| true);

/// The sources that have gone back to an older session, with what they went back from.
#[derive(Default)]
pub struct Pasts(HashMap<SourceId, Past>);

impl Pasts {
    /// A source was known before the collector was restarted, and this is remembered of it.
    pub fn restore(&mut self, id: SourceId, past: Past) {
        self.0.insert(id, past);
    }

    /// What is remembered of a source.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<Past> {
        self.0.get(&id).copied()
    }

    /// The highest session there was of a source, the `current` one included.
    #[must_use]
    pub fn highest(&self, id: SourceId, current: Session) -> Session {
        self.0.get(&id).map_or(current, |past| past.highest)
    }

    /// Whether a session that is not above the highest may show that it is the present one while the current one is
    /// live. It may not any more where two are known to live.
    #[must_use]
    pub fn is_open(&self, id: SourceId) -> bool {
        self.0.get(&id).is_none_or(|past| !past.is_contested)
    }

    /// A session has proven to be alive while the current one is. Returns whether it takes over: where it lived before,
    /// and lost its place to one that lives too, it does not, or the two would take it from each other without end.
    pub fn contend(&mut self, id: SourceId, session: Session) -> bool {
        let Some(past) = self.0.get_mut(&id) else {
            return true;
        };
        past.is_contested |= session == past.highest || session == past.displaced;
        !past.is_contested
    }

    /// A source that was in session `before` goes on in `now`.
    pub fn go_on(&mut self, id: SourceId, before: Session, now: Session) {
        let highest = self.highest(id, before);
        if now >= highest {
            self.0.remove(&id);
            return;
        }
        let past = Past {
            highest,
            displaced: before,
            is_contested: false,
        };
        self.0.insert(id, past);
    }

    /// The source is no longer kept.
    pub fn forget(&mut self, id: SourceId) {
        self.0.remove(&id);
    }
}
