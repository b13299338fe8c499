//! Saves the state while the collector works: in threads of its own, so that no beat and no deadline waits for a disk. One
//! enters what changes in the journal, and has another write the whole file, which takes its time.

use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use beacon_common::Moment;

use super::bell::{self, Bell, Ear, Legacy};
use super::book::{Begun, Book, Claim};
use super::fault_log::Log;
use super::file::StateFile;
use super::journal::{Journal, Wish};
use super::pace::Pace;
use super::save::{Shelf, Unsaved, save};
use super::stamp::Stamp;
use super::syncer::Syncer;
use crate::background;
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::handle::{Handle, Message};

/// The least: writing the whole state may take its time.
const NICENESS: i32 = 19;

/// How often saving has failed, for whoever looks.
#[derive(Clone, Debug, Default)]
pub struct Failures(Arc<AtomicU64>);

impl Failures {
    pub(super) fn count(&self) {
        // The number alone is shared, nothing is published by it.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How often until now.
    #[must_use]
    pub fn in_all(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whoever saves the state, as the supervisor holds it.
#[derive(Debug)]
pub struct Keeper {
    bell: Bell,
    legacies: Receiver<Legacy>,
    failures: Failures,
    thread: JoinHandle<Desk>,
}

impl Keeper {
    /// Begins to save what `shards` know to `file`, and goes on in the journal that `open` opens, if there is one.
    ///
    /// # Errors
    /// The system's, where it has no thread to give.
    pub(super) fn spawn(
        file: StateFile,
        open: impl FnOnce() -> Option<io::Result<Journal>> + Send + 'static,
        shards: Vec<Handle>,
        (bell, ear, legacies): (Bell, Ear, Receiver<Legacy>),
    ) -> io::Result<Self> {
        let failures = Failures::default();
        let mut desk = Desk {
            book: Book::new(file.journal_path(), Syncer::spawn()?),
            file,
            log: Log::new(failures.clone()),
            pace: Pace::new(clock::now()),
        };
        let thread = thread::Builder::new().name("state".to_owned()).spawn(move || {
            if let Some(journal) = open() {
                desk.open(journal);
            }
            desk.keep(&shards, &ear);
            desk
        })?;
        Ok(Self {
            bell,
            legacies,
            failures,
            thread,
        })
    }

    /// How often saving has failed.
    #[must_use]
    pub const fn failures(&self) -> &Failures {
        &self.failures
    }

    /// Saves what the shards have left, when all of them have ended. No journal is left.
    ///
    /// # Errors
    /// [`Exit::Output`] where that fails.
    pub fn finish(self) -> Result<(), Failure> {
        self.bell.end();
        let desk = match self.thread.join() {
            Ok(desk) => desk,
            Err(panic) => resume_unwind(panic),
        };
        desk.finish(self.legacies.try_iter().collect())
    }
}

/// What the thread that saves has.
struct Desk {
    file: StateFile,
    book: Book,
    log: Log,
    pace: Pace,
}

impl Desk {
    fn open(&mut self, journal: io::Result<Journal>) {
        match journal {
            Ok(journal) => self.book.open(journal, self.file.size()),
            Err(error) => self.log.failed(self.book.path(), &error),
        }
    }

    /// Enters what changes in the journal, and saves the whole state from time to time, until it is over.
    fn keep(&mut self, shards: &[Handle], ear: &Ear) {
        while ear.wait(|has_changed| self.save_at().min(self.book.is_due_at(has_changed))) {
            if self.save_at() <= clock::now() {
                self.save(shards, ear);
            } else if self.book.enter(claims(shards), &mut self.log) {
                ear.remind();
            }
        }
    }

    fn save_at(&self) -> Moment {
        self.pace.next(self.book.save_wanted_at())
    }

    fn save(&mut self, shards: &[Handle], ear: &Ear) {
        let begun = clock::now();
        let written = self.try_save(shards, ear);
        let is_written = written.is_ok();
        match written.and_then(|()| Ok(self.book.end_save(self.file.size())?)) {
            Ok(()) => self.log.saved(self.file.path()),
            Err(unsaved) => {
                self.book.fail_save();
                if let Unsaved::Failed(error) = unsaved {
                    let path = if is_written {
                        self.book.path()
                    } else {
                        self.file.path()
                    };
                    self.log.failed(path, &error);
                }
            }
        }
        self.pace.pass(begun, clock::now(), self.log.is_well());
        // Of what has changed in the meantime.
        ear.remind();
    }

    /// Has a thread write the whole state that has time to do so. What changes meanwhile is not to wait for it: who was
    /// told goodbye is to be known as well as any other if the process is killed now.
    fn try_save(&mut self, shards: &[Handle], ear: &Ear) -> Result<(), Unsaved> {
        let Self { file, book, log, .. } = self;
        let stamp = Stamp::take();
        let begun = book.begin_save(&stamp, claims(shards), log);
        // Of what was too much for one batch.
        ear.remind();
        let is_written = AtomicBool::new(false);
        thread::scope(|scope| {
            let writing = thread::Builder::new().name("save".to_owned());
            let writing = writing.spawn_scoped(scope, || {
                background::step_back("saves the state", NICENESS);
                let written = write(file, shards, stamp, &begun);
                is_written.store(true, Ordering::Release);
                ear.wake();
                written
            })?;
            let is_written = || is_written.load(Ordering::Acquire);
            let due_at = |book: &Book, has_changed| match is_written() {
                true => Moment::ORIGIN,
                false => book.is_due_at(has_changed),
            };
            while ear.wait(|has_changed| due_at(book, has_changed)) {
                if is_written() {
                    break;
                }
                if book.enter(claims(shards), log) {
                    ear.remind();
                }
            }
            writing.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    fn finish(mut self, mut legacies: Vec<Legacy>) -> Result<(), Failure> {
        // If the whole state cannot be written, the journal is to have all.
        while self.book.enter(claims_of(&mut legacies), &mut self.log) {}
        let stamp = Stamp::take();
        let begun = self
            .book
            .begin_save(&stamp, claims_of(&mut legacies), &mut self.log);
        match write(&self.file, &legacies, stamp, &begun) {
            Ok(()) | Err(Unsaved::Ended) => {
                self.book.close();
                Ok(())
            }
            Err(Unsaved::Failed(error)) => {
                self.book.fail_save();
                Err(Failure::new(
                    Exit::Output,
                    format_args!(
                        "--state: {}: not saved: {error}; what it holds is older",
                        self.file.path().display()
                    ),
                ))
            }
        }
    }
}

/// Writes the whole state, and sees that its journals are on the disk when they have to be; where that fails they say so
/// themselves.
fn write(file: &StateFile, shelves: &[impl Shelf], stamp: Stamp, begun: &Begun) -> Result<(), Unsaved> {
    let fulfil = |wish: &Option<Wish>| wish.iter().for_each(Wish::fulfil);
    fulfil(&begun.mark);
    save(file, shelves, stamp)?;
    fulfil(&begun.heir);
    Ok(())
}

/// What has changed in each shard, asked for between two batches of datagrams.
fn claims(shards: &[Handle]) -> impl Iterator<Item = impl Claim> {
    shards.iter().map(|shard| {
        move |room| {
            let (to, changed) = sync_channel(1);
            shard.send(Message::Changes(bell::Claim { room, to }));
            changed.recv().ok()
        }
    })
}

/// What has changed in each shard that has ended.
fn claims_of(legacies: &mut [Legacy]) -> impl Iterator<Item = impl Claim> {
    legacies.iter_mut().map(|legacy| {
        let until = legacy.heard_until;
        move |room| Some(legacy.tracker.take_changes(room, until))
    })
}

#[cfg(test)]
mod tests;
