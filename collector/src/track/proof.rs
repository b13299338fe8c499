//! Sessions that have to prove that they are the present one (docs/protocol.md, section 4): what they have sent is held
//! until they do.
//!
//! Whoever has recorded a device's datagrams can send them again, tags and all. Only who holds the device's key can
//! answer a question that was never asked before.

use std::collections::HashMap;
use std::time::Duration;

use beacon_common::{Frame, Label, Moment, Session};

use super::event::SourceId;
use super::stored::stored;
use super::transmit::Peer;
use super::ways::Way;

/// How long an answer may take. Also how long what was held is worth anything.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// A session is asked at most this often.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// How many sessions are held at most: about two megabytes.
const HELD_AT_MOST: usize = 16_384;

/// The newest frame of a session that has been asked for proof. Its tag was valid.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// What it says.
    pub frame: Frame,
    /// Where it came from.
    pub peer: Peer,
    /// The way back.
    pub way: Way,
    /// When it came.
    pub at: Moment,
    /// When its session was asked for the first time: what the nonce is made of.
    pub first_asked: Moment,
    last_asked: Moment,
}

/// The sessions that are held.
#[derive(Default)]
pub struct Claims {
    held: HashMap<(Label, Session), Held>,
    swept: Moment,
}

impl Claims {
    /// Keeps a frame whose session is not proven, if it is held already. Returns whether its session may be asked now.
    pub fn keep(&mut self, frame: &Frame, (peer, way): (Peer, Way), now: Moment) -> bool {
        self.sweep(now);
        let Some(held) = self.held.get_mut(&(frame.label, frame.session)) else {
            return self.held.len() < HELD_AT_MOST;
        };
        if frame.seq > held.frame.seq {
            (held.frame, held.peer, held.way, held.at) = (*frame, peer, way, now);
        }
        now.since(held.last_asked) >= ASKED_EVERY
    }

    /// The session of this frame is asked now. Returns when it was asked for the first time.
    pub fn ask(&mut self, frame: &Frame, (peer, way): (Peer, Way), now: Moment) -> Moment {
        let first = Held {
            frame: *frame,
            peer,
            way,
            at: now,
            first_asked: now,
            last_asked: now,
        };
        let held = self.held.entry((frame.label, frame.session)).or_insert(first);
        held.last_asked = now;
        held.first_asked
    }

    /// When a session was asked, if it is held.
    #[must_use]
    pub fn first_asked(&self, label: Label, session: Session) -> Option<Moment> {
        self.held.get(&(label, session)).map(|held| held.first_asked)
    }

    /// Takes out what is held of a session, unless its time is over.
    pub fn take(&mut self, label: Label, session: Session, now: Moment) -> Option<Held> {
        self.held
            .remove(&(label, session))
            .filter(|held| held.is_of_worth(now))
    }

    fn sweep(&mut self, now: Moment) {
        if now.since(self.swept) >= ASKED_EVERY {
            self.held.retain(|_, held| held.is_of_worth(now));
            self.swept = now;
        }
    }
}

impl Held {
    fn is_of_worth(&self, now: Moment) -> bool {
        now.since(self.first_asked) < ANSWERED_WITHIN
    }
}

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
