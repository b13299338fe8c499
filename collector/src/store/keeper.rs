//! Saves the state while the collector works: in a thread of its own, so that no beat and no deadline waits for a disk.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};

use super::bell::{Bell, Ear, Legacy};
use super::file::StateFile;
use super::pace::Pace;
use super::save::{Unsaved, save};
use crate::background;
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::handle::Handle;

/// The least: a save may take its time.
const NICENESS: i32 = 19;

/// How often saving has failed, for whoever looks.
#[derive(Clone, Debug, Default)]
pub struct Failures(Arc<AtomicU64>);

impl Failures {
    fn count(&self) {
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
    thread: JoinHandle<StateFile>,
}

impl Keeper {
    /// Begins to save what `shards` know to `file`.
    ///
    /// # Errors
    /// The system's, where it has no thread to give.
    pub(super) fn spawn(
        file: StateFile,
        shards: Vec<Handle>,
        (bell, ear, legacies): (Bell, Ear, Receiver<Legacy>),
    ) -> io::Result<Self> {
        let failures = Failures::default();
        let log = Log {
            failures: failures.clone(),
            since_saved: 0,
        };
        let thread = thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || keep(file, &shards, &ear, log))?;
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

    /// Saves what the shards have left, when all of them have ended.
    ///
    /// # Errors
    /// [`Exit::Output`] where that fails.
    pub fn finish(self) -> Result<(), Failure> {
        self.bell.end();
        let file = match self.thread.join() {
            Ok(file) => file,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let legacies: Vec<Legacy> = self.legacies.try_iter().collect();
        match save(&file, &legacies) {
            Ok(()) | Err(Unsaved::Ended) => Ok(()),
            Err(Unsaved::Failed(error)) => Err(Failure::new(
                Exit::Output,
                format_args!(
                    "--state: {}: not saved: {error}; what it holds is older",
                    file.path().display()
                ),
            )),
        }
    }
}

/// What is told of saving: that it fails, and that it works again.
struct Log {
    failures: Failures,
    /// How often it has failed since it last worked.
    since_saved: u64,
}

fn keep(file: StateFile, shards: &[Handle], ear: &Ear, mut log: Log) -> StateFile {
    background::step_back("saves the state", NICENESS);
    let mut pace = Pace::new(clock::now());
    while ear.wait(|has_changed| pace.next(has_changed)) {
        let begun = clock::now();
        match save(&file, shards) {
            Ok(()) => log.saved(&file),
            Err(Unsaved::Failed(error)) => log.failed(&file, &error),
            Err(Unsaved::Ended) => {}
        }
        pace.pass(begun, clock::now(), log.since_saved == 0);
        if log.since_saved > 0 {
            ear.remind();
        }
    }
    file
}

impl Log {
    fn saved(&mut self, file: &StateFile) {
        if self.since_saved > 0 {
            let (path, times) = (file.path().display(), self.since_saved);
            log::info!("--state: {path}: saved again, after {times} failures");
            self.since_saved = 0;
        }
    }

    /// Told once until it works again.
    fn failed(&mut self, file: &StateFile, error: &io::Error) {
        if self.since_saved == 0 {
            let path = file.path().display();
            log::error!("--state: {path}: not saved: {error}; it is tried again, and all else goes on");
        }
        self.since_saved += 1;
        self.failures.count();
    }
}
