//! What is told of sources that cannot make up their mind: two senders of one label, and one that falls and comes back
//! time and again.

use std::time::Duration;

use beacon_common::{Frame, Moment};

use super::{FOUND, Tracker};
use crate::track::event::{Detail, Event, Happening, SourceEvent, SourceId, State};
use crate::track::flapping::STEADY_AFTER;
use crate::track::mass::Change;
use crate::track::origin::Origin;
use crate::track::tell::Before;
use crate::track::twins::{LEAST_SPAN, Pair};

/// How many flapping sources one call of [`Tracker::on_time`] looks at.
const LOOKS_A_CALL: usize = 256;

impl Tracker {
    /// A frame of an older session was refused. What was sent before the current session began may still be on its way
    /// while that is young, and a device that is about to sleep may go on in an older one.
    pub(super) fn suspect_twins(&mut self, id: SourceId, frame: &Frame, origin: Origin, now: Moment) {
        let source = &self.table[id];
        let least_age = Duration::from_millis(source.interval_ms.into()).max(LEAST_SPAN);
        if source.state != State::Up || source.session_age(now).is_none_or(|age| age < least_age) {
            return;
        }
        let pair = Pair {
            source: id,
            current: source.session,
            older: frame.session,
        };
        if self.twins.observe(pair, frame, source.arrived, now) {
            let addrs = [source.origin.addr(), origin.addr()];
            let before = Before::of((source, self.table.history(id)), now);
            let what = (Happening::DuplicateLabel, None);
            self.tell(id, now, &before, what, Detail::Twins { addrs });
        }
    }

    /// Whether two live senders still use the label of which `told` says so: neither of them has gone, or begun another
    /// session.
    #[must_use]
    pub fn has_twins(&self, told: &SourceEvent) -> bool {
        let source = self.table.get(told.id);
        source.is_some_and(|source| {
            let is_live = matches!(source.state, State::Up | State::Late);
            let (before, now) = (told.session.unwrap_or_default(), source.session);
            is_live && source.label == told.label && self.twins.are_known(told.id, before, now)
        })
    }

    /// Tells once more what `told` has told of a source that [has twins](Self::has_twins), as it is at `now`.
    pub fn tell_twins(&mut self, told: &SourceEvent, now: Moment) -> Event {
        let before = Before::of((&self.table[told.id], self.table.history(told.id)), now);
        let what = (Happening::DuplicateLabel, None);
        self.event(told.id, now, &before, what, told.detail.clone())
    }

    /// A source has gone late by silence.
    pub(super) fn count_fall(&mut self, id: SourceId, now: Moment) {
        let (_, history) = self.table.record_mut(id).expect(FOUND);
        if self.flapping.fall(id, now, history) {
            // What it does from now on says nothing of the collector's own network.
            let change = self.change_of_mind(id, |state| (state, State::Unknown));
            self.weigh(id, change, now);
            let record = (&self.table[id], self.table.history(id));
            let (before, cause) = (Before::of(record, now), record.1.cause);
            self.tell(id, now, &before, (Happening::Flapping, Some(cause)), Detail::None);
        }
    }

    /// Tells of the flapping sources that have kept one state for long enough at `now`.
    pub(super) fn look_for_steady(&mut self, now: Moment) {
        self.flapping.expire(now, &mut self.table);
        for _ in 0..LOOKS_A_CALL {
            let Some(id) = self.flapping.due(now) else { return };
            let since = self.table.history(id).since;
            let deadline = self.changes_at(id);
            if now.min(deadline).since(since) >= STEADY_AFTER {
                self.end_flapping(id, now);
            } else {
                let changes_at = if deadline <= now { now } else { since };
                self.flapping.look_again(id, changes_at + STEADY_AFTER);
            }
        }
    }

    /// A source that flapped is steady now, and says so.
    pub(super) fn end_flapping(&mut self, id: SourceId, now: Moment) {
        let Some(told) = self.flapping.end(id) else { return };
        self.note(id);
        // Where it is late, that is no fall of its own.
        let change = self.change_of_mind(id, |state| match state {
            State::Late => (State::Unknown, State::Up),
            state => (State::Unknown, state),
        });
        self.weigh(id, change, now);
        let record = (&self.table[id], self.table.history(id));
        let before = Before {
            state: told,
            ..Before::of(record, now)
        };
        let what = (Happening::Steady, Some(record.1.cause));
        self.tell(id, now, &before, what, Detail::None);
    }

    fn change_of_mind(&self, id: SourceId, ends: impl Fn(State) -> (State, State)) -> Change {
        let source = &self.table[id];
        let (was, is) = ends(source.state);
        Change {
            was,
            is,
            interval_ms: source.interval_ms,
        }
    }

    /// A source is no longer kept.
    pub(super) fn forget_unsteady(&mut self, id: SourceId) {
        let (_, history) = self.table.record_mut(id).expect(FOUND);
        self.flapping.forget(id, history);
        self.twins.forget(id);
    }
}
