//! Commands that are run when something happens (docs/hooks.md).
//!
//! Whoever tells an event hands it over here too, without waiting ([`Caller`]). One thread keeps what waits
//! (`queue`), begins hooks while there is room, and sees to it that they end (`dispatch`). It does not depend on
//! the reader of the event lines: a server is put back also while nobody reads.

mod counts;
mod dispatch;
mod process;
mod queue;
mod watch;

pub use counts::{Counts, Outcome};

use std::io;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use beacon_common::{Label, Moment};

use crate::clock::{self, Reading};
use crate::net;
use crate::output::events::{EventName, EventSet};
use crate::track::event::{Event, What};
use dispatch::{Dispatcher, Message};
use queue::Queue;

/// How many events may be on their way to the hooks' thread, and how many may wait there.
const MAX_WAITING: usize = 65_536;

/// How long hooks that run when the collector ends may go on, before they are told to end too.
const AT_THE_END: Duration = Duration::from_secs(5);

/// How long they are waited for: not for ever, where one does not die when it is killed.
const GONE_WITHIN: Duration = Duration::from_secs(8);

/// What is run, when, and how much of it at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The command, as the shell takes it.
    pub command: String,
    /// The events that it is run for.
    pub events: EventSet,
    /// How many may run at once.
    pub parallel: NonZeroU16,
    /// How long each may take.
    pub timeout: Duration,
}

/// The hooks' thread.
#[derive(Debug)]
pub struct Hooks {
    caller: Caller,
    thread: JoinHandle<()>,
    /// Broken off when the thread has ended.
    life: Receiver<()>,
}

/// Where events are handed over; each thread that tells something has one.
#[derive(Clone, Debug)]
pub struct Caller {
    events: EventSet,
    messages: Sender<Message>,
    /// Events on their way.
    sent: Arc<AtomicUsize>,
    counts: Counts,
}

impl Hooks {
    /// Begins to wait for events, of the collector called `collector`.
    ///
    /// # Errors
    /// The system's, where it has no thread to give.
    pub fn open(settings: Settings, collector: String) -> io::Result<Self> {
        net::keep_children()?;
        let (messages, incoming) = channel();
        let run_for = settings.events.with_steady();
        let caller = Caller {
            // The queue has to know when a mass loss is over.
            events: run_for.with(EventName::MassOver),
            messages,
            sent: Arc::default(),
            counts: Counts::default(),
        };
        let queue = Queue::new(run_for, MAX_WAITING, caller.counts.clone());
        let dispatcher = Dispatcher::new(settings, collector, queue, incoming, &caller);
        let (alive, life) = channel();
        let thread = thread::Builder::new().name("hooks".to_owned()).spawn(move || {
            let _alive: Sender<()> = alive;
            dispatcher.run();
        })?;
        Ok(Self { caller, thread, life })
    }

    /// Where events are handed over.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// What has become of the events.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.caller.counts.clone()
    }

    /// Begins no more hooks, and waits for those that run. They were told to end at `since` ([`Caller::end`]), from which
    /// the time they have is reckoned.
    pub fn finish(self, since: Moment) {
        // Where the thread is gone, it has panicked, which is told below.
        let _ = self.caller.messages.send(Message::Close);
        let rest = (since + GONE_WITHIN).since(clock::now());
        if self.life.recv_timeout(rest) == Err(RecvTimeoutError::Timeout) {
            return log::warn!("--on-event: hooks that do not die are left behind: the collector ends");
        }
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Caller {
    /// Hands an event over, without waiting. Where too many are on their way, it is counted instead.
    pub fn offer(&self, event: &Event, clock: &Reading) {
        if !self.events.contains(EventName::of(&event.what)) {
            return;
        }
        // The end of a mass loss is what others wait for.
        let is_needed = matches!(event.what, What::MassOver(_));
        if self.sent.fetch_add(1, Ordering::SeqCst) >= MAX_WAITING && !is_needed {
            self.sent.fetch_sub(1, Ordering::SeqCst);
            self.counts.add(Outcome::Dropped, 1);
            return;
        }
        let time_us = clock.wall_micros(event.at);
        // It fails only where the hooks have ended before their callers.
        let _ = self
            .messages
            .send(Message::Event(Box::new(event.clone()), time_us));
    }

    /// Runs no hook for the source called `label` any more that is not begun, until something else happens to it.
    pub fn silence(&self, label: Label) {
        let _ = self.messages.send(Message::Silence(label));
    }

    /// Begins no more hooks, and lets those that run end: the collector does.
    pub fn end(&self) {
        let _ = self.messages.send(Message::End);
    }

    /// How many events no hook was run for because too many waited.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.counts.of(Outcome::Dropped)
    }
}

#[cfg(test)]
mod tests;
