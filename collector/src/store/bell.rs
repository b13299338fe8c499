//! How shards and the thread that saves the state reach each other.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use beacon_common::Moment;

use crate::clock;
use crate::track::event::SourceId;
use crate::track::stored::{Change, Record};
use crate::track::tracker::{Changed, Portion, Tracker};

/// A portion of what a shard knows, asked for.
pub struct Request {
    /// Where it begins.
    pub from: SourceId,
    /// What is to hold it.
    pub room: Vec<Record>,
    /// Where it goes.
    pub to: SyncSender<Handed>,
}

/// A portion of what a shard knows.
pub struct Handed {
    /// The portion.
    pub portion: Portion,
    /// Up to then the shard had heard everything.
    pub heard_until: Moment,
}

/// What has changed in a shard, asked for.
pub struct Claim {
    /// What is to hold it.
    pub room: Vec<Change>,
    /// Where it goes.
    pub to: SyncSender<Changed>,
}

/// What a shard knew when it ended.
pub struct Legacy {
    /// All of it.
    pub tracker: Tracker,
    /// Up to then it had heard everything.
    pub heard_until: Moment,
}

/// How a shard reaches whoever saves the state.
#[derive(Clone, Debug)]
pub struct Bell {
    wishes: Arc<Wishes>,
    legacies: Sender<Legacy>,
}

/// The other end, for the thread that saves.
#[derive(Debug)]
pub(super) struct Ear(Arc<Wishes>);

#[derive(Debug, Default)]
struct Wishes {
    flags: Mutex<Flags>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct Flags {
    has_changed: bool,
    is_over: bool,
}

/// Both ends, and what the shards leave.
pub(super) fn bell() -> (Bell, Ear, Receiver<Legacy>) {
    let wishes = Arc::<Wishes>::default();
    let (legacies, left) = channel();
    let ear = Ear(Arc::clone(&wishes));
    (Bell { wishes, legacies }, ear, left)
}

impl Bell {
    /// Something has changed that is worth saving soon.
    pub fn ring(&self) {
        self.wishes.raise(|flags| &mut flags.has_changed);
    }

    /// Leaves what is known at the end.
    pub fn leave(&self, legacy: Legacy) {
        // Where nobody is left to take it, the process is about to end.
        let _ = self.legacies.send(legacy);
    }

    /// There is nothing more to wait for.
    pub(super) fn end(&self) {
        self.wishes.raise(|flags| &mut flags.is_over);
    }
}

impl Ear {
    /// What has changed is still to be saved.
    pub(super) fn remind(&self) {
        self.0.lock().has_changed = true;
    }

    /// Whoever waits asks again whether it is time.
    pub(super) fn wake(&self) {
        // Held by whoever has asked and does not wait yet.
        drop(self.0.lock());
        self.0.rung.notify_one();
    }

    /// Waits until it is time to save, as `due` says for whether anything has changed; false where it is over.
    pub(super) fn wait(&self, due: impl Fn(bool) -> Moment) -> bool {
        let mut flags = self.0.lock();
        while !flags.is_over {
            let rest = due(flags.has_changed).since(clock::now());
            if rest.is_zero() {
                flags.has_changed = false;
                return true;
            }
            let woken = self.0.rung.wait_timeout(flags, rest);
            flags = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

impl Wishes {
    fn lock(&self) -> MutexGuard<'_, Flags> {
        self.flags.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn raise(&self, flag: fn(&mut Flags) -> &mut bool) {
        let mut flags = self.lock();
        if !std::mem::replace(flag(&mut flags), true) {
            self.rung.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_change_wakes_and_is_heard_once() {
        let (bell, ear, _left) = bell();
        let soon_if_changed = |has_changed| {
            if has_changed {
                Moment::ORIGIN
            } else {
                Moment::NEVER
            }
        };
        let ringer = thread::spawn(move || {
            bell.ring();
            bell.ring();
            bell
        });
        assert!(ear.wait(soon_if_changed));
        let bell = ringer.join().unwrap();
        // The second ring may have come after the first was heard.
        assert!(ear.wait(|_| Moment::ORIGIN));
        thread::spawn(move || bell.end());
        assert!(!ear.wait(soon_if_changed));
    }
}
