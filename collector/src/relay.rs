//! From a tracker to the output queue: what is told, when the reader keeps up and when it does not.
//!
//! A line that the queue has no room for is not written but counted, and the tracker remembers whose state it was
//! about. From then on every event is folded into those states. Once the queue is half empty again the reader
//! gets a `gap` line with the count, what it would otherwise never hear of, and then the present `state` of each
//! of those sources; only when all of them are told do events flow again. So what the reader knows is behind, but
//! never wrong or out of order.
//!
//! A source belongs to one tracker and so to one relay, which is why this holds for several of them as for one.

use std::collections::VecDeque;

use beacon_common::Label;

use crate::clock::Reading;
use crate::output::pipe::Full;
use crate::teller::{Queue, Teller};
use crate::track::event::{Event, Happening, What};
use crate::track::tracker::Tracker;

/// How many `forgotten` sources are kept for a reader that is behind: their state can be asked for no more.
const FORGOTTEN_KEPT: usize = 1_024;

/// Tells the events of one tracker, as far as there is room.
pub struct Relay<Q> {
    teller: Teller<Q>,
    forgotten: VecDeque<Event>,
    is_paused: bool,
}

impl<Q: Queue> Relay<Q> {
    /// A relay that tells through `teller`.
    pub const fn new(teller: Teller<Q>) -> Self {
        Self {
            teller,
            forgotten: VecDeque::new(),
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
            if self.teller.is_told(&event) && self.teller.try_tell(&event, clock).is_err() {
                self.fold(event, tracker);
            }
        }
        self.is_paused = false;
        let is_all_told = self.tell_gap(clock).is_ok() && self.tell_states(tracker, clock);
        if is_all_told {
            self.teller.catch_up();
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

    /// A line that is not written: the present state of its source will be.
    fn fold(&mut self, event: Event, tracker: &mut Tracker) {
        if let What::Source(source) = &event.what {
            if source.happening == Happening::Forgotten && self.forgotten.len() < FORGOTTEN_KEPT {
                return self.forgotten.push_back(event);
            }
            tracker.ask_state(source.id);
        }
        self.teller.drop_line();
    }

    /// Tells how many lines were dropped since the last time, and the sources forgotten meanwhile.
    fn tell_gap(&mut self, clock: &Reading) -> Result<(), Full> {
        self.teller.tell_gap(clock)?;
        while let Some(event) = self.forgotten.front() {
            self.teller.push(event, clock)?;
            self.forgotten.pop_front();
        }
        Ok(())
    }

    /// Tells the lines that were asked for while there is room, and says whether that was all of them.
    fn tell_states(&mut self, tracker: &mut Tracker, clock: &Reading) -> bool {
        while self.teller.has_room() {
            let Some(event) = tracker.poll_state(clock.now) else {
                self.is_paused = tracker.is_paused();
                return !self.is_paused;
            };
            if self.teller.is_told(&event) && self.teller.push(&event, clock).is_err() {
                self.teller.fall_behind();
                self.fold(event, tracker);
            } else {
                self.teller.count(&event);
            }
        }
        false
    }
}

#[cfg(test)]
mod tests;
