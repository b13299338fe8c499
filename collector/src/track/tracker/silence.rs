//! What silence leads to: the wheel brings a source up, and its deadline has passed or is put off.

use beacon_common::Moment;

use super::Tracker;
use crate::track::deadlines::Deadlines;
use crate::track::event::{Cause, Detail, Happening, SourceId, State};
use crate::track::tell::{self, Before};

/// How many sources one call of [`Tracker::on_time`] looks at, so that the death of a whole fleet does not keep
/// the sockets waiting.
const LOOKS_A_CALL: usize = 1_024;

/// As how many looks it counts at least when the wheel is asked who is due: it may have moved a thousand entries.
const LOOKS_AN_ASKING: usize = 16;

impl Tracker {
    /// When a source is to be looked at if nothing is heard: when its state changes, or when it is asked before.
    pub(super) fn deadline(&self, id: SourceId) -> Moment {
        let changes_at = self.changes_at(id);
        match self.table[id].state {
            State::Late => self.next_probe(id, changes_at).unwrap_or(changes_at),
            _ => changes_at,
        }
    }

    /// When a source's state changes if nothing is heard: its late or down deadline, or the end of its being kept.
    pub(super) fn changes_at(&self, id: SourceId) -> Moment {
        let source = &self.table[id];
        match (source.state, source.promise(self.rules())) {
            (State::Unknown, _) => Moment::NEVER,
            (State::Up | State::Asleep, Some(promise)) => promise.late_at,
            (State::Late, Some(promise)) => promise.down_at,
            _ if self.inventory.expects(&source.label) => Moment::NEVER,
            _ => {
                let since = self.table.history(id).since;
                since + self.config.forget + self.blindness.since(since)
            }
        }
    }

    pub(super) fn rearm(&mut self, id: SourceId) {
        self.deadlines.set(id.0, self.deadline(id));
    }

    /// Judges the silence until `now`: up to it, every datagram that has arrived has been taken.
    /// Does a bounded amount of work; [`Tracker::next_deadline`] says when to come again.
    pub fn on_time(&mut self, now: Moment) {
        self.snapshots.on_time(now);
        self.await_expected(now);
        let mass = self.falls.on_time(now);
        self.events.extend(mass);
        self.look_for_steady(now);
        self.end_silences(now);
        self.deadlines.sweep();
        let mut due = Deadlines::NOBODY;
        let mut looks = 0;
        while looks < LOOKS_A_CALL {
            let Some(due) = self.deadlines.expire(now, &mut due) else {
                return;
            };
            looks += due.len().max(LOOKS_AN_ASKING);
            due.iter().for_each(|&source| self.table.fetch(SourceId(source)));
            due.iter().for_each(|&source| self.look(SourceId(source), now));
        }
    }

    /// Looks at a source that is due, or is due beyond the wheel's horizon, and arms it again.
    fn look(&mut self, id: SourceId, now: Moment) {
        let mut deadline = self.deadline(id);
        if deadline <= now {
            if !self.judge(id, now) {
                return;
            }
            deadline = self.deadline(id);
        }
        self.deadlines.arm(id.0, deadline);
    }

    /// A deadline has passed without a beat. Returns whether the source is still there.
    fn judge(&mut self, id: SourceId, now: Moment) -> bool {
        if self.table[id].state == State::Late && self.ask_on(id, now) {
            return true;
        }
        let record = (&self.table[id], self.table.history(id));
        let before = Before::of(record, now);
        let (state, happening, cause) = match before.state {
            State::Up => (State::Late, Happening::Late, Cause::Silent),
            State::Late => (State::Down, Happening::Down, record.1.cause),
            State::Asleep if record.0.promise(self.rules()).is_some() => {
                (State::Late, Happening::Late, Cause::Overslept)
            }
            State::Unknown | State::Down | State::Stopped | State::Asleep => {
                self.forget(id, now, &before);
                return false;
            }
        };
        self.enter(id, state, cause, now);
        self.tell(id, now, &before, (happening, Some(cause)), Detail::None);
        if before.state == State::Up {
            self.count_fall(id, now);
        }
        if state == State::Late {
            self.begin_silence(id, now);
        }
        true
    }

    pub(super) fn forget(&mut self, id: SourceId, now: Moment, before: &Before) {
        let record = (&self.table[id], self.table.history(id));
        let cause = record.1.cause;
        self.departed.add(&tell::tally(record, now, self.rules()));
        self.enter(id, State::Unknown, cause, now);
        self.tell(id, now, before, (Happening::Forgotten, None), Detail::None);
        self.states[State::Unknown as usize] -= 1;
        self.forget_unsteady(id);
        self.ways.leave(self.table[id].way);
        self.pasts.forget(id);
        self.duplicates.forget(id);
        self.snapshots.forget(id);
        self.restarts.forget(id);
        self.table.remove(id);
        self.commons.admission.leave();
    }
}
