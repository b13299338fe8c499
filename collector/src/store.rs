//! The state file: what is known of the sources survives the process, whether it ends in order, is killed, or the power
//! fails (docs/operations.md).

use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use std::{io, path::Path};

use beacon_common::{Label, Moment};

pub mod bell;
pub mod file;
pub mod keeper;
pub mod layout;
pub mod pace;
pub mod save;
pub mod stamp;

use crate::clock;
use crate::failure::{Exit, Failure};
use crate::handle::Handle;
use crate::track::stored::Record;
use crate::track::tracker::Tracker;

use bell::{Bell, Ear, Legacy};
use file::StateFile;
use keeper::Keeper;
use layout::{Damage, Reader};

/// The state file of a run that begins.
pub struct Store {
    file: StateFile,
    before: Option<Reader<File>>,
    bell: (Bell, Ear, Receiver<Legacy>),
}

impl Store {
    /// Claims the file at `path` and, where there is one, has the collector's time go on from when it was saved. To be
    /// called before any moment is taken.
    ///
    /// # Errors
    /// [`Exit::Data`] where the file is damaged, and those of [`StateFile::claim`] and [`StateFile::open`].
    pub fn open(path: PathBuf) -> Result<Self, Failure> {
        let file = StateFile::claim(path)?;
        let before = file.open()?.map(Reader::begin).transpose();
        let before = before.map_err(|damage| damaged(file.path(), &damage))?;
        if let Some(reader) = &before {
            reader.header.stamp.go_on();
        }
        Ok(Self {
            file,
            before,
            bell: bell::bell(),
        })
    }

    /// Up to when whoever saved the file had heard everything; `None` where there is no file.
    #[must_use]
    pub fn heard_until(&self) -> Option<Moment> {
        self.before.as_ref().map(|reader| reader.header.heard_until)
    }

    /// Gives each source of the file to the tracker that it belongs to, as `owner` says. All of them then listen again.
    ///
    /// # Errors
    /// [`Exit::Data`] where the file is damaged.
    pub fn restore(
        &mut self,
        trackers: &mut [Tracker],
        owner: impl Fn(&Label) -> usize,
    ) -> Result<(), Failure> {
        let Some(mut reader) = self.before.take() else {
            return Ok(());
        };
        let (now, heard_until) = (clock::now(), reader.header.heard_until);
        for tracker in &mut *trackers {
            tracker.begin_resuming(&reader.header.blindness, heard_until, now);
        }
        let (mut restored, mut refused, mut unsilenced) = (0_u64, 0_u64, 0_u64);
        let damaged = |damage| damaged(self.file.path(), &damage);
        while let Some(record) = reader.read().map_err(damaged)? {
            let tracker = &mut trackers[owner(record.label())];
            let is_source = !matches!(record, Record::Silenced(_));
            match tracker.restore(record, now) {
                Ok(()) => restored += u64::from(is_source),
                Err(_) if is_source => refused += 1,
                Err(_) => unsilenced += 1,
            }
        }
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
        Keeper::spawn(self.file, shards, self.bell)
    }
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
