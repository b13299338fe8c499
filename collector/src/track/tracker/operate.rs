//! What the operator says of one source: that it is to be forgotten, or that nobody is to be rung up because of it.

use std::time::Duration;

use beacon_common::{Label, Moment};

use super::Tracker;
use crate::track::event::{SourceId, State};
use crate::track::silences::{Reason, Silence};
use crate::track::tell::Before;

/// How many silences one call of [`Tracker::on_time`] ends.
const ENDS_A_CALL: usize = 256;

/// What the operator wants of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Mark the lines about it for so long.
    Silence {
        /// For how long.
        lasts: Duration,
        /// Why.
        reason: Reason,
    },
    /// Mark them no longer.
    Unsilence,
    /// Keep nothing of it.
    Forget,
}

/// What has come of an [`Instruction`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is silenced until then.
    Silenced(Moment),
    /// It is silenced no longer.
    Unsilenced,
    /// It was not silenced.
    NotSilenced,
    /// It is forgotten, and was in this state.
    Forgotten(State),
    /// It is expected and was never heard, so there is nothing to forget.
    Unheard,
    /// There is no such source.
    Unknown,
    /// As many are silenced as may be.
    Full,
}

impl Tracker {
    /// Does what the operator wants of the source called `label`. A `state` line tells of silences that begin and end.
    pub fn operate(&mut self, label: &Label, instruction: Instruction, now: Moment) -> Outcome {
        let known = self.find(label);
        match instruction {
            Instruction::Silence { lasts, reason } => {
                if known.is_none() && !self.inventory.expects(label) {
                    return Outcome::Unknown;
                }
                let (label, until) = (*label, now + lasts);
                if !self.silences.begin(Silence { label, until, reason }) {
                    return Outcome::Full;
                }
                self.tell_silence(&label);
                Outcome::Silenced(until)
            }
            Instruction::Unsilence if self.silences.end(label) => {
                self.tell_silence(label);
                Outcome::Unsilenced
            }
            Instruction::Unsilence if known.is_some() || self.inventory.expects(label) => {
                Outcome::NotSilenced
            }
            Instruction::Unsilence => Outcome::Unknown,
            Instruction::Forget => match known {
                Some(id) => self.forget_on_order(id, now),
                None if self.inventory.expects(label) => Outcome::Unheard,
                None => Outcome::Unknown,
            },
        }
    }

    /// Forgets a source whatever its state. One that is expected is expected anew.
    fn forget_on_order(&mut self, id: SourceId, now: Moment) -> Outcome {
        let label = self.table[id].label;
        let before = Before::of((&self.table[id], self.table.history(id)), now);
        self.deadlines.disarm(id.0);
        self.forget(id, now, &before);
        self.silences.end(&label);
        if self.inventory.lose(&label, now) {
            self.commons.admission.reserve();
            self.states[State::Unknown as usize] += 1;
        }
        Outcome::Forgotten(before.state)
    }

    /// How many sources of each state are silenced, in the order of [`State::ALL`].
    pub(super) fn silenced(&self) -> [u64; State::ALL.len()] {
        let state = |silence: &Silence| match self.find(&silence.label) {
            Some(id) => Some(self.table[id].state),
            None => self.inventory.unheard_state(&silence.label),
        };
        let mut counts = [0; State::ALL.len()];
        let states = self.silences.iter().filter_map(state);
        states.for_each(|state| counts[state as usize] += 1);
        State::ALL.map(|state| counts[state as usize])
    }

    /// Ends the silences that have lasted until `now`.
    pub(super) fn end_silences(&mut self, now: Moment) {
        for _ in 0..ENDS_A_CALL {
            let Some(label) = self.silences.expire(now) else {
                return;
            };
            self.tell_silence(&label);
        }
    }

    /// Whether a source is silenced has changed: its `state` line will say so.
    fn tell_silence(&mut self, label: &Label) {
        if let Some(id) = self.find(label) {
            self.note(id);
            self.snapshots.ask(id);
            return;
        }
        self.changes.note(*label);
        if let Some(place) = self.inventory.place(label) {
            self.ask_unheard(place);
        }
    }
}
