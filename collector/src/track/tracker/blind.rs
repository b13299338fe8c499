//! What it means to every source together that the collector could not listen, or that many fell at once.

use std::time::Duration;

use beacon_common::Moment;

use super::Tracker;
use crate::track::event::{Cause, Event, SourceId, What};
use crate::track::mass::Change;
use crate::track::patience::Patiences;
use crate::track::rules::Rules;

impl Tracker {
    /// The collector could not listen for the time `blind` between two moments: every deadline of what came before is
    /// put off (docs/protocol.md, section 9). To be told before time is judged beyond `from`. Beats that waited
    /// meanwhile may be taken before or after, with the moments at which they arrived.
    pub fn on_blind(&mut self, from: Moment, until: Moment, blind: Duration, cause: Cause) {
        if self.blindness.add(from, until, blind) && self.commons.tells_blindness(from, until) {
            let what = What::Blind { blind, cause };
            self.events.push_back(Event { at: until, what });
        }
    }

    /// By what silence is judged.
    pub(super) const fn rules(&self) -> Rules<'_> {
        Rules {
            config: &self.config,
            blindness: &self.blindness,
        }
    }

    /// A source's state changes, which may begin or end a mass loss.
    pub(super) fn weigh(&mut self, id: SourceId, change: Change, now: Moment) {
        let mass = self.falls.change(id, change, now);
        self.events.extend(mass);
    }

    /// The event, with what is remarkable about its time and its source.
    pub(super) fn marked(&mut self, mut event: Event) -> Event {
        if let What::Source(told) = &mut event.what {
            told.marks.mass = self.falls.is_mass();
            let is_learning = |patiences: &Patiences| patiences.is_learning(told.id);
            told.marks.learning = told.bound.is_some() && self.patiences.as_ref().is_some_and(is_learning);
            told.marks.silenced = self
                .silences
                .of(&told.label)
                .is_some_and(|silence| event.at < silence.until);
            told.group = self.inventory.group(&told.label);
        }
        self.flapping.join(&mut event);
        event
    }
}
