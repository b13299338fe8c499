//! The state file: what is known of the sources survives the process, whether it ends in order, is killed, or the power
//! fails (docs/operations.md).

use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use std::{io, path::Path};

use beacon_common::{Label, Moment};

pub mod batches;
pub mod bell;
mod book;
mod fault_log;
pub mod file;
pub mod journal;
pub mod keeper;
pub mod layout;
pub mod pace;
pub mod save;
pub mod stamp;
mod syncer;

use crate::clock;
use crate::failure::{Exit, Failure};
use crate::handle::Handle;
use crate::track::stored::Record;
use crate::track::tracker::Tracker;

use batches::Since;
use bell::{Bell, Ear, Legacy};
use file::StateFile;
use journal::Journal;
use keeper::Keeper;
use layout::{Damage, Reader};
use stamp::Stamp;

/// The state file of a run that begins, and its journal.
pub struct Store {
    file: StateFile,
    before: Option<Before>,
    opening: Option<Opening>,
    bell: (Bell, Ear, Receiver<Legacy>),
}

/// What the run before has left.
struct Before {
    state: Reader<File>,
    since: Since,
}

/// How the journal of a state file is opened.
#[derive(Clone, Copy)]
enum Opening {
    /// Behind so many bytes.
    Resume(u64),
    /// As that of the state file which bears this stamp.
    Begin(Stamp),
}

impl Store {
    /// Claims the file at `path` and, where there is one, has the collector's time go on from when it was saved, or its
    /// journal was written. To be called before any moment is taken.
    ///
    /// # Errors
    /// [`Exit::Data`] where the file or its journal is damaged, and those of [`StateFile::claim`] and
    /// [`StateFile::open`].
    pub fn open(path: PathBuf) -> Result<Self, Failure> {
        let file = StateFile::claim(path)?;
        let state = file.open()?.map(Reader::begin).transpose();
        let state = state.map_err(|damage| damaged(file.path(), &damage))?;
        let stamp = state.as_ref().map(|state| state.header.stamp);
        let since = read_journal(&file.journal_path(), stamp)?;
        let opening = stamp.map(|stamp| match &since {
            Some(since) => Opening::Resume(since.whole as u64),
            None => Opening::Begin(stamp),
        });
        let since = since.unwrap_or_default();
        if let Some(stamp) = since.last.or(stamp) {
            stamp.go_on();
        }
        Ok(Self {
            file,
            before: state.map(|state| Before { state, since }),
            opening,
            bell: bell::bell(),
        })
    }

    /// Up to when whoever saved the file had heard everything; `None` where there is no file.
    #[must_use]
    pub fn heard_until(&self) -> Option<Moment> {
        self.before.as_ref().map(|before| before.state.header.heard_until)
    }

    /// Gives each source of the file and its journal to the tracker that it belongs to, as `owner` says. All of them then
    /// listen again, and note from now on what changes.
    ///
    /// # Errors
    /// [`Exit::Data`] where the file is damaged.
    pub fn restore(
        &mut self,
        trackers: &mut [Tracker],
        owner: impl Fn(&Label) -> usize,
    ) -> Result<(), Failure> {
        trackers.iter_mut().for_each(Tracker::note_changes);
        let Some(Before { mut state, mut since }) = self.before.take() else {
            return Ok(());
        };
        let (now, heard_until) = (clock::now(), state.header.heard_until);
        for tracker in &mut *trackers {
            tracker.begin_resuming(&state.header.blindness, heard_until, now);
        }
        let (mut restored, mut refused, mut unsilenced) = (0_u64, 0_u64, 0_u64);
        let mut restore = |record: Record| {
            let tracker = &mut trackers[owner(record.label())];
            let is_source = !matches!(record, Record::Silenced(_));
            match tracker.restore(record, now) {
                Ok(()) => restored += u64::from(is_source),
                Err(_) if is_source => refused += 1,
                Err(_) => unsilenced += 1,
            }
        };
        let damaged = |damage| damaged(self.file.path(), &damage);
        while let Some(record) = state.read().map_err(damaged)? {
            if since.leaves(&record) {
                restore(record);
            }
        }
        since.into_records().for_each(restore);
        let now = clock::now();
        trackers
            .iter_mut()
            .for_each(|tracker| tracker.resume(heard_until, now));
        log::info!(
            "--state: {}: {restored} sources, as they were {} ago",
            self.file.path().display(),
            humantime::format_duration(Duration::from_millis(now.since(heard_until).as_millis() as u64))
        );
        if refused > 0 {
            log::warn!("--max-sources: there is no room for {refused} more sources of --state");
        }
        if unsilenced > 0 {
            log::warn!("--state: there is no room for {unsilenced} more silences");
        }
        Ok(())
    }

    /// How a shard says that something is worth saving.
    #[must_use]
    pub fn bell(&self) -> Bell {
        self.bell.0.clone()
    }

    /// Saves what `shards` know from now on.
    ///
    /// # Errors
    /// The system's, where it has no thread to give.
    pub fn keep(self, shards: Vec<Handle>) -> io::Result<Keeper> {
        let (opening, path) = (self.opening, self.file.journal_path());
        let open = move || {
            opening.map(|opening| match opening {
                Opening::Resume(whole) => Journal::resume(&path, whole),
                Opening::Begin(stamp) => begin_journal(&path, &stamp),
            })
        };
        Keeper::spawn(self.file, open, shards, self.bell)
    }
}

/// The journal of the state file that bears `stamp`, where there is none or another state's.
fn begin_journal(path: &Path, stamp: &Stamp) -> io::Result<Journal> {
    let journal = Journal::begin(path, stamp)?;
    journal.wish().fulfil();
    journal.take_place()?;
    Ok(journal)
}

/// What the journal at `path` says of the state file that bears `stamp`; `None` where there is no journal, or another
/// state's.
fn read_journal(path: &Path, stamp: Option<Stamp>) -> Result<Option<Since>, Failure> {
    let told = path.display();
    let bytes = journal::contents(path).map_err(|error| {
        Failure::new(
            Exit::NoInput,
            format_args!("--state: {told}: cannot be read: {error}"),
        )
    })?;
    let (Some(bytes), Some(stamp)) = (bytes, stamp) else {
        return Ok(None);
    };
    let since = batches::read(&bytes, &stamp).map_err(|damage| {
        Failure::new(
            Exit::Data,
            format_args!("--state: {told}: {damage}; to start without it, move it away"),
        )
    })?;
    if since.is_none() {
        log::warn!("--state: {told}: not read, because it belongs to another state file");
    }
    Ok(since)
}

fn damaged(path: &Path, damage: &Damage) -> Failure {
    let path = path.display();
    match damage {
        Damage::Unreadable(error) => Failure::new(
            Exit::NoInput,
            format_args!("--state: {path}: cannot be read: {error}"),
        ),
        _ => Failure::new(
            Exit::Data,
            format_args!("--state: {path}: {damage}; to start without it, move it away"),
        ),
    }
}
