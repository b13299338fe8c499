//! From the tracker to the output queue: what is told, when the reader keeps up and when it does not.
//!
//! A line that the queue has no room for is not written but counted, and the tracker remembers whose state it was
//! about. From then on every event is folded into those states. Once the queue is half empty again the reader
//! gets a `gap` line with the count, what it would otherwise never hear of, and then the present `state` of each
//! of those sources; only when all of them are told do events flow again. So what the reader knows is behind, but
//! never wrong or out of order.

use std::collections::VecDeque;

use crate::clock::Reading;
use crate::output::Entry;
use crate::output::events::{EventName, EventSet};
use crate::output::pipe::{Full, Pipe};
use crate::track::event::{Event, Happening, What};
use crate::track::tracker::Tracker;

/// How many `forgotten` sources are kept for a reader that is behind: their state can be asked for no more.
const FORGOTTEN_KEPT: usize = 1_024;

/// The output queue, as the relay needs it.
pub trait Queue {
    /// Hands a line over, without waiting.
    ///
    /// # Errors
    /// [`Full`]; the relay is woken when about half of the queue is free.
    fn push(&self, entry: Entry) -> Result<(), Full>;

    /// How many lines would be taken now.
    fn room(&self) -> usize;

    /// Asks to be woken when about half of the queue is free.
    fn want_room(&self);
}

impl Queue for &Pipe {
    fn push(&self, entry: Entry) -> Result<(), Full> {
        Pipe::push(self, entry)
    }

    fn room(&self) -> usize {
        Pipe::room(self)
    }

    fn want_room(&self) {
        Pipe::want_room(self);
    }
}

/// Tells events, as far as there is room.
pub struct Relay<Q> {
    queue: Q,
    /// How many lines the queue holds.
    capacity: usize,
    /// The events that are told.
    events: EventSet,
    /// Lines were dropped, and not all that makes up for them is told.
    is_behind: bool,
    /// Lines that can wait leave this much of the queue to what happens meanwhile.
    reserve: usize,
    /// Lines that can wait do so until half of the queue is free.
    awaits_room: bool,
    /// Lines dropped since the last `gap` line.
    untold: u64,
    /// Lines dropped in all.
    dropped: u64,
    forgotten: VecDeque<Event>,
}

/// The events that are told where `chosen` are asked for: `gap`, without which nobody could trust the others, and
/// `state`, which only comes when it is asked for or after a `gap`, are told in any case.
#[must_use]
pub fn told(chosen: EventSet) -> EventSet {
    let always = [EventName::Gap, EventName::Source(Happening::State)];
    EventName::ALL
        .into_iter()
        .filter(|&event| chosen.contains(event) || always.contains(&event))
        .collect()
}

impl<Q: Queue> Relay<Q> {
    /// A relay that tells `events` to `queue`, which holds `capacity` lines.
    pub const fn new(queue: Q, capacity: usize, events: EventSet) -> Self {
        Self {
            queue,
            capacity,
            events,
            is_behind: false,
            reserve: capacity / 4,
            awaits_room: false,
            untold: 0,
            dropped: 0,
            forgotten: VecDeque::new(),
        }
    }

    /// How many lines the reader was too slow for until now.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Tells something about the collector itself.
    pub fn tell(&mut self, what: What, clock: &Reading) {
        let event = Event { at: clock.now, what };
        if !self.is_told(&event) {
            return;
        }
        if self.is_behind || self.push(&event, clock).is_err() {
            self.fall_behind();
            self.drop_line();
        }
    }

    /// Tells what has happened and what was asked for; true where it is certain that nothing is left to tell.
    pub fn flush(&mut self, tracker: &mut Tracker, clock: &Reading) -> bool {
        while let Some(event) = tracker.poll_event() {
            if !self.is_told(&event) {
                continue;
            }
            if self.is_behind || self.push(&event, clock).is_err() {
                self.fold(event, tracker);
            }
        }
        let is_all_told = self.tell_gap(clock).is_ok() && self.tell_states(tracker, clock);
        if is_all_told {
            self.is_behind = false;
        }
        is_all_told
    }

    /// Tells the end, once nothing is left that comes before it; false where that has to wait for room. Nothing
    /// else happens any more, so no room is kept for it.
    pub fn end(&mut self, tracker: &mut Tracker, clock: &Reading) -> bool {
        (self.reserve, self.awaits_room) = (1, false);
        let end = Event {
            at: clock.now,
            what: What::End,
        };
        self.flush(tracker, clock) && (!self.is_told(&end) || self.push(&end, clock).is_ok())
    }

    /// A line that is not written: the present state of its source will be.
    fn fold(&mut self, event: Event, tracker: &mut Tracker) {
        self.fall_behind();
        if let What::Source(source) = &event.what {
            if source.happening == Happening::Forgotten && self.forgotten.len() < FORGOTTEN_KEPT {
                return self.forgotten.push_back(event);
            }
            tracker.ask_state(source.id);
        }
        self.drop_line();
    }

    const fn fall_behind(&mut self) {
        self.is_behind = true;
        self.awaits_room = true;
    }

    const fn drop_line(&mut self) {
        self.untold += 1;
        self.dropped += 1;
    }

    /// Tells how many lines were dropped since the last time, and the sources forgotten meanwhile.
    fn tell_gap(&mut self, clock: &Reading) -> Result<(), Full> {
        if self.untold == 0 && self.forgotten.is_empty() {
            return Ok(());
        }
        if !self.has_room() {
            return Err(Full);
        }
        if self.untold > 0 {
            let gap = Event {
                at: clock.now,
                what: What::Gap { dropped: self.untold },
            };
            self.push(&gap, clock)?;
            self.untold = 0;
        }
        while let Some(event) = self.forgotten.front() {
            self.push(event, clock)?;
            self.forgotten.pop_front();
        }
        Ok(())
    }

    /// Tells the lines that were asked for while there is room, and says whether that was all of them.
    fn tell_states(&mut self, tracker: &mut Tracker, clock: &Reading) -> bool {
        while self.has_room() {
            let Some(event) = tracker.poll_state(clock.now) else {
                return true;
            };
            if self.is_told(&event) && self.push(&event, clock).is_err() {
                self.fold(event, tracker);
            }
        }
        false
    }

    /// Whether there is room for lines that can wait: until only the reserve is left, and then again once half of
    /// the queue is free.
    fn has_room(&mut self) -> bool {
        if self.awaits_room || self.queue.room() < self.reserve {
            // In this order: of room that is made after the look, the queue tells.
            self.queue.want_room();
            self.awaits_room = self.queue.room() < self.capacity / 2;
        }
        !self.awaits_room
    }

    fn is_told(&self, event: &Event) -> bool {
        self.events.contains(EventName::of(&event.what))
    }

    fn push(&self, event: &Event, clock: &Reading) -> Result<(), Full> {
        self.queue.push(Entry {
            time_us: clock.wall_micros(event.at),
            what: event.what.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
