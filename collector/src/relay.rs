//! From a tracker to the output queue: what is told, when the reader keeps up and when it does not.
//!
//! A line that the queue has no room for is not written but counted, and the tracker remembers whose state it was
//! about. From then on every event is folded into those states. Once the queue is half empty again the reader
//! gets a `gap` line with the count, what it missed of the collector as a whole (losses.rs), a `forgotten` line of each
//! source that is kept no more, a `duplicate_label` line of each that two senders use, and then the present `state` of
//! each of the others; only when all of them are told do events flow again. So what the reader knows is behind, but
//! never wrong or out of order.
//!
//! A source belongs to one tracker and so to one relay, which is why this holds for several of them as for one.

mod forgotten;
mod suspicions;

use beacon_common::Label;

use self::forgotten::Forgotten;
use self::suspicions::Suspicions;
use crate::clock::Reading;
use crate::output::pipe::Full;
use crate::teller::{Queue, Teller};
use crate::track::event::{Event, Happening, What};
use crate::track::tracker::Tracker;

/// How many lines that can wait are told at a time, so that those who have much to catch up on do not keep the sockets
/// waiting.
const LINES_A_FLUSH: usize = 4_096;

/// Tells the events of one tracker, as far as there is room.
pub struct Relay<Q> {
    teller: Teller<Q>,
    forgotten: Forgotten,
    suspicions: Suspicions,
    is_paused: bool,
}

impl<Q: Queue> Relay<Q> {
    /// A relay that tells through `teller`.
    pub fn new(teller: Teller<Q>) -> Self {
        Self {
            teller,
            forgotten: Forgotten::default(),
            suspicions: Suspicions::default(),
            is_paused: false,
        }
    }

    /// Whether the last flush left something to tell for which there is room: it only takes another one.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Tells what has happened and what was asked for; true where it is certain that nothing is left to tell.
    pub fn flush(&mut self, tracker: &mut Tracker, clock: &Reading) -> bool {
        while let Some(event) = tracker.poll_event() {
            self.teller.pass_on(&event, clock);
            let is_missed = self.teller.is_told(&event) && self.teller.try_tell(&event, clock).is_err();
            if self.teller.is_behind() {
                self.forgotten.watch(&event);
            }
            if is_missed {
                self.fold(event, tracker);
            }
        }
        self.is_paused = false;
        let is_all_told = self.teller.tell_gap(clock).is_ok() && self.tell_rest(tracker, clock);
        if is_all_told {
            self.teller.catch_up();
            self.forgotten.catch_up();
        }
        is_all_told
    }

    /// Tells what is left when nothing else happens any more; false where that has to wait for room.
    pub fn finish(&mut self, tracker: &mut Tracker, clock: &Reading) -> bool {
        self.teller.hurry();
        self.flush(tracker, clock)
    }

    /// The source called `label` is silenced: no hook is run for what has happened to it until now.
    pub fn silence(&mut self, label: Label, tracker: &mut Tracker, clock: &Reading) {
        self.flush(tracker, clock);
        self.teller.silence_hooks(label);
    }

    /// A line that is not written: the present state of its source will be, or that there is none.
    fn fold(&mut self, event: Event, tracker: &mut Tracker) {
        let dropped = match &event.what {
            What::Source(source) if source.happening == Happening::Forgotten => {
                self.forgotten.keep(source, &event)
            }
            What::Source(source) => {
                if source.happening == Happening::DuplicateLabel {
                    self.suspicions.keep(source, tracker);
                }
                tracker.ask_state(source.id);
                Some(event)
            }
            _ => Some(event),
        };
        if let Some(event) = dropped {
            self.teller.drop_line(&event);
        }
    }

    /// Tells what makes up for dropped lines and what was asked for while there is room, and says whether that was all.
    fn tell_rest(&mut self, tracker: &mut Tracker, clock: &Reading) -> bool {
        for _ in 0..LINES_A_FLUSH {
            if !self.teller.has_room() {
                return false;
            }
            if let Some(event) = self.forgotten.first() {
                if self.teller.push(event, clock).is_err() {
                    return false;
                }
                self.forgotten.pop();
                continue;
            }
            if let Some(event) = self.suspicions.first(tracker, clock.now) {
                if self.teller.push(&event, clock).is_err() {
                    return false;
                }
                self.forgotten.introduce(&event);
                self.suspicions.pop();
                continue;
            }
            let Some(event) = tracker.poll_state(clock.now) else {
                self.is_paused = tracker.is_paused();
                return !self.is_paused;
            };
            if self.teller.is_told(&event) {
                self.tell_state(event, tracker, clock);
            } else {
                self.teller.count(&event);
            }
        }
        self.is_paused = true;
        false
    }

    fn tell_state(&mut self, event: Event, tracker: &mut Tracker, clock: &Reading) {
        match self.teller.push(&event, clock) {
            Ok(()) => {
                self.forgotten.introduce(&event);
                self.teller.count(&event);
            }
            Err(Full) => {
                self.teller.fall_behind();
                self.fold(event, tracker);
            }
        }
    }
}

#[cfg(test)]
mod tests;
