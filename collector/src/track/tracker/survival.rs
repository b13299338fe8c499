//! What outlives the process: handed out a portion at a time, and taken in when the next process begins.

use beacon_common::{Label, Moment};

use super::{FOUND, Tracker};
use crate::track::blindness::Blindness;
use crate::track::changes::MAX_CHANGES;
use crate::track::event::{Cause, Event, SourceId, What};
use crate::track::inventory::Unheard;
use crate::track::reject::Reject;
use crate::track::stored::{Change, Heard, Record};

/// How many numbers of the table a portion covers: some ten microseconds' worth of copying.
const PORTION: u32 = 256;

/// How many changes are handed out at once: each may have to be fetched from memory.
const CHANGES: usize = 256;

/// Some of what a tracker knows.
pub struct Portion {
    /// The records of the sources in it. Each is whole, and carries its own moments.
    pub records: Vec<Record>,
    /// When the tracker could not listen until now.
    pub blindness: Blindness,
    /// Where the next portion begins; `None` behind the last one.
    pub next: Option<SourceId>,
}

impl Portion {
    /// Where the first one begins. Those that were never heard come first, so that one that is heard while the portions
    /// are handed out is in one of them at least.
    pub const BEGINNING: SourceId = SourceId::of_unheard(0);

    /// Room for the records of a portion.
    #[must_use]
    pub fn room() -> Vec<Record> {
        Vec::with_capacity(PORTION as usize)
    }
}

/// What has become of sources that have changed.
pub struct Changed {
    /// What there is to know of each.
    pub changes: Vec<Change>,
    /// Whether there are more.
    pub is_more: bool,
    /// Whether others have changed of which there is nothing but the whole of what is known.
    pub has_overflowed: bool,
}

impl Changed {
    /// Room for the changes.
    #[must_use]
    pub fn room() -> Vec<Change> {
        Vec::with_capacity(CHANGES)
    }
}

impl Tracker {
    /// What is known from `from` on, as far as a portion goes. The first one begins at [`Portion::BEGINNING`].
    ///
    /// The records are laid into `room`, whatever it held before. Who asks again hands back the room of the portion
    /// before: where an allocator keeps what a thread has allocated behind a lock of its own, another thread that gives
    /// it back, and has to wait for a processor while it does, would keep this one waiting too.
    #[must_use]
    pub fn portion(&self, from: SourceId, room: Vec<Record>) -> Portion {
        let mut records = room;
        records.clear();
        let next = match from.as_unheard() {
            Some(place) => self.lay_unheard(place, &mut records),
            None => self.lay_heard(from, &mut records),
        };
        if from == Portion::BEGINNING {
            records.extend(self.silences.iter().cloned().map(Record::Silenced));
        }
        Portion {
            records,
            blindness: self.blindness.clone(),
            next,
        }
    }

    fn lay_unheard(&self, from: u32, records: &mut Vec<Record>) -> Option<SourceId> {
        let end = from.saturating_add(PORTION);
        let unheard = self.inventory.unheard(from, end);
        records.extend(unheard.map(|(_, label, unheard)| Record::Unheard(label, unheard)));
        match self.inventory.reaches(end) {
            true => Some(SourceId::of_unheard(end)),
            false => Some(SourceId::FIRST).filter(|&first| self.table.reaches(first)),
        }
    }

    fn lay_heard(&self, from: SourceId, records: &mut Vec<Record>) -> Option<SourceId> {
        let end = from.0.saturating_add(PORTION);
        let next = SourceId(end);
        let record = |id: u32| self.heard(SourceId(id)).map(Record::Heard);
        records.extend((from.0..end).filter_map(record));
        self.table.reaches(next).then_some(next)
    }

    fn heard(&self, id: SourceId) -> Option<Heard> {
        let source = self.table.get(id)?.clone();
        let learned = self.patiences.as_ref().and_then(|patiences| patiences.get(id));
        Some(Heard {
            source,
            history: *self.table.history(id),
            past: self.pasts.get(id),
            told: self.flapping.told(id),
            patience: learned.map(|patience| Box::new(patience.clone())),
        })
    }

    /// Lists whom something changes of from now on, for [`Tracker::take_changes`].
    pub const fn note_changes(&mut self) {
        self.changes.make_room(MAX_CHANGES);
    }

    /// Something of a source has changed that is worth saving at once.
    pub(super) fn note(&mut self, id: SourceId) {
        let (source, history) = self.table.record_mut(id).expect(FOUND);
        history.is_noted = history.is_noted || self.changes.note(source.label);
    }

    /// What is known at `now` of the sources that have changed, as far as it is handed out at once; all that came until
    /// then was taken. The changes are laid into `room`, as in [`Tracker::portion`].
    pub fn take_changes(&mut self, room: Vec<Change>, now: Moment) -> Changed {
        let mut changes = room;
        changes.clear();
        while changes.len() < CHANGES
            && let Some(label) = self.changes.take()
        {
            changes.push(self.change(label, now));
        }
        Changed {
            changes,
            is_more: !self.changes.is_empty(),
            has_overflowed: self.changes.take_overflow(),
        }
    }

    fn change(&mut self, label: Label, as_of: Moment) -> Change {
        let id = self.find(&label);
        if let Some((_, history)) = id.and_then(|id| self.table.record_mut(id)) {
            history.is_noted = false;
        }
        let unheard = || {
            let (_, unheard) = self.inventory.at(self.inventory.place(&label)?)?;
            Some(Record::Unheard(label, unheard?))
        };
        let known = match id {
            Some(id) => self.heard(id).map(Record::Heard),
            None => unheard(),
        };
        Change {
            label,
            as_of,
            known,
            silence: self.silences.of(&label).cloned(),
        }
    }

    /// Goes on where another tracker was, which could not listen in the times of `blindness` and did until `heard_until`.
    /// To be called first of all, when the sources are not restored yet; [`Tracker::resume`] comes last.
    pub fn begin_resuming(&mut self, blindness: &Blindness, heard_until: Moment, now: Moment) {
        self.blindness.add_all(blindness);
        self.blindness.add(heard_until, now, now.since(heard_until));
        // Else the wheel would have everyone looked at once more.
        self.on_time(now);
    }

    /// Listens again from `now` on.
    pub fn resume(&mut self, heard_until: Moment, now: Moment) {
        let blind = now.since(heard_until);
        if blind.is_zero() {
            return;
        }
        self.blindness.go_on(now);
        if self.commons.tells_blindness(heard_until, now) {
            let cause = Cause::Restarted;
            let what = What::Blind { blind, cause };
            self.events.push_back(Event { at: now, what });
        }
    }

    /// Takes in a source as it was known before. Where the same label comes twice, the first one stands.
    ///
    /// # Errors
    /// [`Reject::Full`] where there is no room.
    pub fn restore(&mut self, record: Record, now: Moment) -> Result<(), Reject> {
        let is_known = self.find(record.label()).is_some();
        match record {
            Record::Silenced(silence) => match self.silences.begin(silence) {
                true => Ok(()),
                false => Err(Reject::Full),
            },
            _ if is_known => Ok(()),
            Record::Heard(heard) => self.restore_heard(heard, now),
            Record::Unheard(label, unheard) => self.restore_unheard(label, unheard.until(now)),
        }
    }

    fn restore_unheard(&mut self, label: Label, unheard: Unheard) -> Result<(), Reject> {
        self.commons.admission.restore()?;
        if self.inventory.restore(label, unheard) {
            self.states[unheard.state() as usize] += 1;
        } else {
            self.commons.admission.leave();
        }
        Ok(())
    }

    fn restore_heard(&mut self, heard: Heard, now: Moment) -> Result<(), Reject> {
        let Heard {
            mut source,
            mut history,
            past,
            told,
            patience,
        } = heard;
        // One that was heard while the state was saved is there twice, and has its room.
        match self.inventory.hear(&source.label) {
            Some(unheard) => self.states[unheard.state() as usize] -= 1,
            None => self.commons.admission.restore()?,
        }
        let hash = self.table.hash(&source.label);
        source.arrived = source.arrived.min(now);
        history.since = history.since.min(now);
        let state = source.state;
        let id = self.table.admit(hash, (source, history));
        self.states[state as usize] += 1;
        past.into_iter().for_each(|past| self.pasts.restore(id, past));
        match told {
            Some(told) => self.flapping.restore(id, told, now),
            None => self.falls.restore(state),
        }
        if let Some(patiences) = &mut self.patiences {
            patiences.restore(id, patience.map(|patience| *patience));
        }
        let record = (&self.table[id], self.table.history(id));
        let past = record.0.turned_past(now, self.rules());
        let tally = record.1.tally(&record.0.slots, past);
        self.snapshots.restore(id, record.0, (tally, past));
        self.deadlines.arm(id.0, self.deadline(id));
        Ok(())
    }

    /// Whether any source has entered a state or begun a session since this was last asked.
    pub const fn take_changed(&mut self) -> bool {
        self.changes.take_news()
    }
}
