//! What is entered in the journal until the whole state is saved again.
//!
//! While that is done, what changes goes into two journals: that of the old file and that of the new one, which takes the
//! other's place when the new file is there. Where a journal cannot be written there is none, until the state has been
//! saved: that holds all that would stand in it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use beacon_common::Moment;

use super::batches::Batch;
use super::fault_log::Log;
use super::journal::{self, Journal, Wish};
use super::stamp::Stamp;
use super::syncer::Syncer;
use crate::clock;
use crate::track::stored::Change;
use crate::track::tracker::Changed;

/// The whole state is saved so long after something was entered: changes seldom come alone, and while it is saved they wait
/// for the disk.
const SAVED_AFTER: Duration = Duration::from_secs(5);

/// Bytes after which a batch is full.
const BATCH: usize = 1 << 20;

/// A journal may grow to so many bytes, and to as many as the state file has. Then nothing is entered any more until the
/// state has been saved.
const LEAST_ROOM: u64 = 4 << 20;

/// The journal of a run.
pub(super) struct Book {
    path: PathBuf,
    journal: Option<Journal>,
    /// That of the state file that is being written, or why there is none.
    heir: Option<io::Result<Journal>>,
    /// How many bytes it may grow to.
    most: u64,
    /// Something that has changed is in no journal, or saving has failed.
    is_lacking: bool,
    /// Since when there is something in the journal.
    used_since: Option<Moment>,
    rest_until: Moment,
    syncer: Syncer,
    room: Vec<Change>,
    batch: Batch,
}

/// Whoever hands out what has changed in a shard; `None` where there is nobody any more.
pub(super) trait Claim: FnMut(Vec<Change>) -> Option<Changed> {}

impl<T: FnMut(Vec<Change>) -> Option<Changed>> Claim for T {}

/// What of the journals has to be on the disk while a state file is written.
pub(super) struct Begun {
    /// That it was begun, in the journal of the one before: until this file has its name.
    pub(super) mark: Option<Wish>,
    /// The beginning of its own, and what has changed so far: until that has its name.
    pub(super) heir: Option<Wish>,
}

impl Book {
    /// No journal yet: the state is to be saved first.
    pub(super) fn new(path: PathBuf, syncer: Syncer) -> Self {
        Self {
            path,
            journal: None,
            heir: None,
            most: LEAST_ROOM,
            is_lacking: false,
            used_since: None,
            rest_until: Moment::ORIGIN,
            syncer,
            room: Changed::room(),
            batch: Batch::default(),
        }
    }

    /// Goes on in `journal`, that of a state file of `state_len` bytes.
    pub(super) fn open(&mut self, journal: Journal, state_len: u64) {
        self.most = LEAST_ROOM.max(state_len);
        self.used_since = (!journal.is_empty()).then(clock::now);
        self.syncer.wish(journal.wish_with_name());
        self.journal = Some(journal);
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether something that has changed can be entered: there is a journal, and room in it.
    pub(super) fn is_open(&self) -> bool {
        let mut journals = self.journal.iter().chain(self.heir.iter().flatten()).peekable();
        journals.peek().is_some() && journals.all(|journal| self.has_room(journal))
    }

    const fn has_room(&self, journal: &Journal) -> bool {
        journal.len() <= self.most
    }

    /// When something is to be entered, if anything `has_changed`: to ask the shards for it takes half of the time at most.
    pub(super) fn is_due_at(&self, has_changed: bool) -> Moment {
        if has_changed && self.is_open() {
            self.rest_until
        } else {
            Moment::NEVER
        }
    }

    /// From when on the whole state is to be saved as soon as it may be; `None` where it holds all that is to be saved at
    /// once.
    pub(super) fn save_wanted_at(&self) -> Option<Moment> {
        if self.is_lacking || !self.is_open() {
            return Some(Moment::ORIGIN);
        }
        self.used_since.map(|since| since + SAVED_AFTER)
    }

    /// Enters what has changed, as one batch, and has it brought to the disk. Returns whether there is more. Where there is no
    /// journal, what is handed out is lost.
    pub(super) fn enter(&mut self, claims: impl IntoIterator<Item = impl Claim>, log: &mut Log) -> bool {
        let begun = clock::now();
        let mut is_more = false;
        for claim in claims {
            is_more |= self.gather(claim);
        }
        if !self.batch.is_empty() {
            let asked_for = clock::now().since(begun);
            self.append(log);
            let ended = clock::now();
            self.used_since.get_or_insert(ended);
            self.rest_until = ended + asked_for;
        }
        is_more
    }

    /// Adds to the batch what has changed in one shard. Returns whether there is more.
    fn gather(&mut self, mut claim: impl Claim) -> bool {
        loop {
            if self.batch.len() >= BATCH {
                return true;
            }
            let Some(changed) = claim(std::mem::take(&mut self.room)) else {
                self.room = Changed::room();
                return false;
            };
            self.is_lacking |= changed.has_overflowed;
            changed.changes.iter().for_each(|change| self.batch.put(change));
            self.room = changed.changes;
            if !changed.is_more {
                return false;
            }
        }
    }

    /// Writes the batch into each journal that there is, and empties it.
    fn append(&mut self, log: &mut Log) {
        if let Some(Ok(heir)) = &mut self.heir
            && let Err(error) = heir.append(&mut self.batch)
        {
            self.heir = Some(Err(error));
        }
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.append(&mut self.batch)
        {
            log.failed(&self.path, &error);
            self.journal = None;
            self.is_lacking = true;
        }
        if let Some(journal) = &self.journal {
            self.syncer.wish(journal.wish());
        }
        self.batch.clear();
    }

    /// The state file that bears `stamp` is begun. What has changed until now will be in it; as much of that as makes a batch
    /// is in the journal too, if the file is never finished.
    pub(super) fn begin_save(
        &mut self,
        stamp: &Stamp,
        claims: impl IntoIterator<Item = impl Claim>,
        log: &mut Log,
    ) -> Begun {
        self.enter(claims, log);
        self.is_lacking = false;
        // Where there is no room, nothing stands behind the mark either.
        if self
            .journal
            .as_ref()
            .is_some_and(|journal| self.has_room(journal))
        {
            self.batch = Batch::begun(stamp);
            self.append(log);
        }
        let heir = self.heir.insert(Journal::begin(&self.path, stamp));
        Begun {
            mark: self.journal.as_ref().map(Journal::wish),
            heir: heir.as_ref().ok().map(Journal::wish),
        }
    }

    /// The state file that was begun, and has `state_len` bytes, has taken the place of the one before.
    ///
    /// # Errors
    /// Why it has no journal of its own. That of the one before says all of it too, and goes on.
    pub(super) fn end_save(&mut self, state_len: u64) -> io::Result<()> {
        if let Some(heir) = self.heir.take().transpose()? {
            heir.take_place()?;
            self.open(heir, state_len);
        }
        Ok(())
    }

    /// The state could not be saved.
    pub(super) fn fail_save(&mut self) {
        self.is_lacking = true;
        self.heir = None;
        // A full disk is not to be kept full.
        journal::remove_new(&self.path);
    }

    /// The state file has all, and nothing will change any more. Says so where the journal stays: that changes nothing, as
    /// nothing stands in it behind the mark of that file.
    pub(super) fn close(self) {
        journal::remove_new(&self.path);
        if let Err(error) = journal::remove(&self.path) {
            log::warn!(
                "--state: {}: not removed: {error}; it does no harm",
                self.path.display()
            );
        }
    }
}

#[cfg(test)]
mod tests;
