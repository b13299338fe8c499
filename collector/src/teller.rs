//! Puts events into the output queue, and counts those that it has no room for.
//!
//! Several threads tell: each shard of its own sources, and the supervisor of the collector as a whole. What they
//! could not tell is counted once for all of them, because a reader misses lines, not shards.

use beacon_common::Label;

use crate::clock::Reading;
use crate::event_counts::EventCounts;
use crate::hooks::Caller;
use crate::losses::Losses;
use crate::outages::Outages;
use crate::output::Entry;
use crate::output::events::{EventName, EventSet};
use crate::output::pipe::{Full, Inlet};
use crate::track::event::{Event, Happening, Tick, What};

/// The output queue, as those who tell need it.
pub trait Queue {
    /// Hands a line over, without waiting.
    ///
    /// # Errors
    /// [`Full`]; whoever tells is woken when about half of the queue is free.
    fn push(&self, entry: Entry) -> Result<(), Full>;

    /// How many lines would be taken now.
    fn room(&self) -> usize;

    /// Asks to be woken when about half of the queue is free.
    fn want_room(&self);
}

impl Queue for Inlet {
    fn push(&self, entry: Entry) -> Result<(), Full> {
        Self::push(self, entry)
    }

    fn room(&self) -> usize {
        Self::room(self)
    }

    fn want_room(&self) {
        Self::want_room(self);
    }
}

/// Tells events, as far as there is room.
pub struct Teller<Q> {
    queue: Q,
    /// How many lines the queue holds.
    capacity: usize,
    /// The events that are told.
    events: EventSet,
    /// Who runs hooks, if there are any.
    hooks: Option<Caller>,
    /// What befalls all sources, told or not.
    outages: Outages,
    /// How often each event has happened, told or not.
    event_counts: EventCounts,
    losses: Losses,
    /// Lines were dropped, and not all that makes up for them is told.
    is_behind: bool,
    /// Lines that can wait leave this much of the queue to what happens meanwhile.
    reserve: usize,
    /// Lines that can wait do so until half of the queue is free.
    awaits_room: bool,
}

/// The events that are told where `chosen` are asked for: `gap`, without which nobody could trust the others, and
/// `state`, which only comes when it is asked for or after a `gap`, are told in any case, and `steady` with what is held
/// back until then.
#[must_use]
pub fn told(chosen: EventSet) -> EventSet {
    let always = [EventName::Gap, EventName::Source(Happening::State)];
    always.into_iter().fold(chosen.with_steady(), EventSet::with)
}

impl<Q: Queue> Teller<Q> {
    /// One that tells `events` to `queue`, which holds `capacity` lines.
    pub fn new(queue: Q, capacity: usize, events: EventSet) -> Self {
        Self {
            queue,
            capacity,
            events,
            hooks: None,
            outages: Outages::default(),
            event_counts: EventCounts::default(),
            losses: Losses::default(),
            is_behind: false,
            reserve: capacity / 4,
            awaits_room: false,
        }
    }

    /// Has `hooks` run for what is told or would be, if there are any.
    #[must_use]
    pub fn calling(self, hooks: Option<Caller>) -> Self {
        Self { hooks, ..self }
    }

    /// Another one that tells to the same queue.
    #[must_use]
    pub fn another(&self) -> Self
    where
        Q: Clone,
    {
        Self {
            losses: self.losses.clone(),
            hooks: self.hooks.clone(),
            outages: self.outages.clone(),
            event_counts: self.event_counts.clone(),
            ..Self::new(self.queue.clone(), self.capacity, self.events)
        }
    }

    /// How many lines the reader was too slow for until now, whoever was to tell them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.losses.in_all()
    }

    /// How many events no hook was run for because too many waited.
    #[must_use]
    pub fn hooks_dropped(&self) -> u64 {
        self.hooks.as_ref().map_or(0, Caller::dropped)
    }

    /// The count of what was dropped, for whoever watches it.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses.clone()
    }

    /// What befalls all sources, for whoever watches it.
    #[must_use]
    pub fn outages(&self) -> Outages {
        self.outages.clone()
    }

    /// How often each event has happened, for whoever watches it.
    #[must_use]
    pub fn event_counts(&self) -> EventCounts {
        self.event_counts.clone()
    }

    /// Tells something about the collector itself.
    pub fn tell(&mut self, what: What, clock: &Reading) {
        let event = Event { at: clock.now, what };
        self.pass_on(&event, clock);
        if self.is_told(&event) && self.try_tell(&event, clock).is_err() {
            self.drop_line(&event);
        }
    }

    /// Tells the end, with what was counted `in_all`; false where that, or what comes before it, has to wait for room.
    pub fn end(&mut self, in_all: &Tick, clock: &Reading) -> bool {
        let events_dropped = self.dropped();
        let end = Event {
            at: clock.now,
            what: What::End(Tick {
                events_dropped,
                hooks_dropped: self.hooks_dropped(),
                ..in_all.clone()
            }),
        };
        self.hurry();
        // Who dropped lines may have given up on the reader.
        self.is_behind |= self.losses.are_untold();
        let is_over = self.make_up(clock) && (!self.is_told(&end) || self.push(&end, clock).is_ok());
        if is_over {
            self.count(&end);
        }
        is_over
    }

    /// Makes up for what was dropped by telling how much it was; true where it is certain that nothing is left.
    pub fn make_up(&mut self, clock: &Reading) -> bool {
        let is_done = self.tell_gap(clock).is_ok();
        self.is_behind &= !is_done;
        is_done
    }

    /// From now on nothing happens any more that room would have to be kept for.
    pub(crate) const fn hurry(&mut self) {
        (self.reserve, self.awaits_room) = (1, false);
    }

    /// Passes an event on to those who hear of it whether its line is told or not: hooks, and whoever serves.
    pub(crate) fn pass_on(&self, event: &Event, clock: &Reading) {
        self.count(event);
        self.outages.note(event, clock);
        if let Some(hooks) = &self.hooks {
            hooks.offer(event, clock);
        }
    }

    /// Counts an event that has happened.
    pub(crate) fn count(&self, event: &Event) {
        self.event_counts.count(event);
    }

    /// Has no hook run any more for what has happened to the source called `label`.
    pub(crate) fn silence_hooks(&self, label: Label) {
        if let Some(hooks) = &self.hooks {
            hooks.silence(label);
        }
    }

    /// Has hooks end, which takes its time.
    pub fn end_hooks(&self) {
        if let Some(hooks) = &self.hooks {
            hooks.end();
        }
    }

    /// Whether an event of this kind is told at all.
    pub(crate) fn is_told(&self, event: &Event) -> bool {
        self.events.contains(EventName::of(&event.what))
    }

    /// Tells an event in its turn: not while anything is left to make up for.
    pub(crate) fn try_tell(&mut self, event: &Event, clock: &Reading) -> Result<(), Full> {
        let told = self.losses.tell_in_order(event, || match self.is_behind {
            true => Err(Full),
            false => self.push(event, clock),
        });
        told.inspect_err(|Full| self.fall_behind())
    }

    /// Whether lines were dropped, and not all that makes up for them is told.
    pub(crate) const fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// From now on nothing is told until what was dropped is made up for.
    pub(crate) const fn fall_behind(&mut self) {
        self.is_behind = true;
        self.awaits_room = true;
    }

    /// Takes note of a line that will not be told.
    pub(crate) fn drop_line(&self, event: &Event) {
        self.losses.drop_line(event);
    }

    /// All that makes up for dropped lines is told.
    pub(crate) const fn catch_up(&mut self) {
        self.is_behind = false;
    }

    /// Tells how many lines were dropped since the last time, and what they would have told of the collector. One that
    /// was dropped here is made up for when this returns, by whomever.
    pub(crate) fn tell_gap(&mut self, clock: &Reading) -> Result<(), Full> {
        if !self.is_behind {
            return Ok(());
        }
        if !self.has_room() {
            return Err(Full);
        }
        self.losses.make_up(clock.now, |event| {
            self.push(event, clock)?;
            // What is told once more was counted when it happened.
            if matches!(event.what, What::Gap { .. }) {
                self.count(event);
            }
            Ok(())
        })
    }

    /// Whether there is room for lines that can wait: until only the reserve is left, and then again once half of
    /// the queue is free.
    pub(crate) fn has_room(&mut self) -> bool {
        if self.awaits_room || self.queue.room() < self.reserve {
            // In this order: of room that is made after the look, the queue tells.
            self.queue.want_room();
            self.awaits_room = self.queue.room() < self.capacity / 2;
        }
        !self.awaits_room
    }

    /// Puts an event into the queue.
    pub(crate) fn push(&self, event: &Event, clock: &Reading) -> Result<(), Full> {
        self.queue.push(Entry {
            time_us: clock.wall_micros(event.at),
            what: event.what.clone(),
        })
    }
}
