//! The sources of the inventory: expected before they are heard, and missed where they are not.

use beacon_common::{Label, Moment};

use super::Tracker;
use crate::track::event::{Cause, Event, Happening, SourceId, State};
use crate::track::inventory::{Expected, Step, Unheard};
use crate::track::reject::Reject;
use crate::track::tell::{self, Before};

/// How many sources one call of [`Tracker::on_time`] looks at, of those to be taken in and of those to go down each.
const LOOKS_A_CALL: usize = 1_024;

impl Tracker {
    /// These sources are expected from `now` on, and no others any more. The first list is taken in at once, another one,
    /// and whom the list leaves out, by and by ([`Tracker::on_time`]).
    pub fn expect(&mut self, expected: Vec<Expected>, now: Moment) {
        let is_first = self.inventory.is_unread();
        self.inventory.read(expected, now);
        while is_first && self.inventory.is_listing() {
            self.read_on(now);
        }
    }

    /// Takes in a part of a new list of expected sources.
    fn read_on(&mut self, now: Moment) {
        for _ in 0..LOOKS_A_CALL {
            match self.inventory.step() {
                Step::Listed(expected) => {
                    let label = expected.label;
                    let is_heard = self.find(&label).is_some();
                    if self.inventory.add(expected, is_heard) {
                        self.commons.admission.reserve();
                        self.states[State::Unknown as usize] += 1;
                        self.changes.note(label);
                    }
                }
                Step::LeftOut(place) => self.leave_out(place, now),
                Step::Kept => {}
                Step::Done => return,
            }
        }
    }

    /// A source is expected no more: from now on it is one like any other, and one that was never heard is none.
    fn leave_out(&mut self, place: u32, now: Moment) {
        let Some((label, unheard)) = self.inventory.at(place) else {
            return;
        };
        if let Some(unheard) = unheard {
            let before = unheard.before(now);
            let what = (State::Unknown, Happening::Forgotten, None);
            self.tell_unheard((place, label, unheard), now, &before, what);
            self.states[before.state as usize] -= 1;
            self.commons.admission.leave();
            self.changes.note(label);
        }
        self.inventory.remove(place);
        if let Some(id) = self.find(&label) {
            self.rearm(id);
        }
    }

    /// Whether a source that is not in the table would be let in if there were room.
    pub(super) fn is_welcome(&self, label: &Label) -> bool {
        !self.config.inventory_only || self.inventory.expects(label)
    }

    /// Lets in a source that is not in the table: one that is expected always, any other if there is room. Returns what
    /// there was to know of it; it is counted in the state that it was in.
    pub(super) fn let_in(&mut self, label: &Label, now: Moment) -> Result<Before, Reject> {
        if let Some(unheard) = self.inventory.hear(label) {
            return Ok(unheard.before(now));
        }
        if !self.is_welcome(label) {
            return Err(Reject::Full);
        }
        self.commons.admission.admit(now)?;
        self.states[State::Unknown as usize] += 1;
        Ok(Before::FIRST)
    }

    /// Takes in a part of a new list, and lets those go down that were to be heard until `now`.
    pub(super) fn await_expected(&mut self, now: Moment) {
        self.read_on(now);
        for _ in 0..LOOKS_A_CALL {
            if self.inventory.next_down(self.rules()).is_none_or(|at| at > now) {
                return;
            }
            let down = self.inventory.go_down(now);
            let at = down.and_then(|place| Some((place, self.inventory.at(place)?)));
            if let Some((place, (label, Some(unheard)))) = at {
                let before = Before {
                    state: State::Unknown,
                    since: now.since(unheard.since),
                    ..unheard.before(now)
                };
                self.states[State::Unknown as usize] -= 1;
                self.states[State::Down as usize] += 1;
                self.changes.note(label);
                let what = (State::Down, Happening::Down, Some(Cause::Never));
                self.tell_unheard((place, label, unheard), now, &before, what);
            }
        }
    }

    fn tell_unheard(
        &mut self,
        (place, label, unheard): (u32, Label, Unheard),
        now: Moment,
        before: &Before,
        what: (State, Happening, Option<Cause>),
    ) {
        let source = (SourceId::of_unheard(place), label, unheard);
        let event = tell::unheard_event(source, (now, self.rules()), before, what);
        let event = self.marked(event);
        self.events.push_back(event);
    }

    /// Asks for the state of a source that was not heard when it was given its number.
    pub(super) fn ask_unheard(&mut self, place: u32) {
        let heard = self.inventory.ask(place);
        if let Some(id) = heard.and_then(|label| self.find(&label)) {
            self.snapshots.ask(id);
        }
    }

    /// The next `state` line of a source that was never heard.
    pub(super) fn poll_unheard(&mut self, now: Moment) -> Option<Event> {
        while let Some((label, place)) = self.inventory.next_asked() {
            let at = place.and_then(|place| Some((place, self.inventory.at(place)?.1?)));
            if let Some((place, unheard)) = at {
                let before = unheard.before(now);
                let cause = (before.state == State::Down).then_some(Cause::Never);
                let what = (before.state, Happening::State, cause);
                let source = (SourceId::of_unheard(place), label, unheard);
                return Some(tell::unheard_event(source, (now, self.rules()), &before, what));
            }
            // Heard since it was asked for.
            if let Some(id) = self.find(&label) {
                self.snapshots.ask(id);
            }
        }
        None
    }

    pub(super) fn find(&self, label: &Label) -> Option<SourceId> {
        self.table.find(label, self.table.hash(label))
    }
}
