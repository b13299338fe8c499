//! The journal in its directory, beside the state file whose changes it holds (docs/operations.md).

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::batches::{Batch, EMPTY, beginning};
use super::file::{create_new, new_path, sync_name};
use super::stamp::Stamp;

/// A journal that is appended to. Whoever has the state file has it too.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    medium: Arc<Medium>,
    len: u64,
}

/// What is to get to the disk of a journal. Whoever waits for that need not be whoever writes.
#[derive(Debug)]
pub(super) struct Wish {
    medium: Arc<Medium>,
    /// How many bytes it has.
    len: u64,
    /// The name that it was given, where that is to get there too.
    name: Option<PathBuf>,
}

/// The file of a journal, and how much of it is on the disk.
#[derive(Debug)]
struct Medium {
    file: File,
    /// Bytes.
    synced: AtomicU64,
    /// Why it could not be brought to the disk. The system says so once, and of what was lost then it never says any more:
    /// such a journal is not to be relied on again.
    failure: OnceLock<io::Error>,
    /// Of those who bring it to the disk one at a time does, so that none takes for granted what another is told is lost.
    turn: Mutex<()>,
}

impl Journal {
    /// Begins the journal of the state file that bears `stamp`, the journal of which is to be at `path`. Until
    /// [`Journal::take_place`] it is beside what is there.
    ///
    /// # Errors
    /// The system's.
    pub fn begin(path: &Path, stamp: &Stamp) -> io::Result<Self> {
        let mut file = create_new(&new_path(path))?;
        file.write_all(&beginning())?;
        file.write_all(Batch::begun(stamp).finish(0))?;
        Ok(Self::of(path, file, EMPTY as u64))
    }

    /// Goes on with the journal at `path`, of which `whole` bytes are whole.
    ///
    /// # Errors
    /// The system's.
    pub fn resume(path: &Path, whole: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self::of(path, file, whole))
    }

    /// One that is there and cannot be written, as on a disk that is full.
    #[cfg(test)]
    pub(super) fn unwritable(path: &Path) -> Self {
        Self::of(path, File::open(path).unwrap(), EMPTY as u64)
    }

    fn of(path: &Path, file: File, len: u64) -> Self {
        Self {
            path: path.to_owned(),
            medium: Arc::new(Medium {
                file,
                synced: AtomicU64::default(),
                failure: OnceLock::new(),
                turn: Mutex::default(),
            }),
            len,
        }
    }

    /// How many bytes it has.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether it says nothing but whose it is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len <= EMPTY as u64
    }

    /// Writes `batch` behind all others. It outlives the process when this returns, but not a power cut yet. A journal for
    /// which that fails is not to be written any more: it may end in half a batch.
    ///
    /// # Errors
    /// The system's, or why what was written before did not get to the disk.
    pub fn append(&mut self, batch: &mut Batch) -> io::Result<()> {
        self.medium.check()?;
        let bytes = batch.finish(self.medium.synced.load(Ordering::Relaxed));
        (&self.medium.file).write_all(bytes)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Takes the name that it is to have, in place of any other journal. What it began with has to be on the disk: a name
    /// may get there before what it is of.
    ///
    /// # Errors
    /// The system's, or why it did not get to the disk. What was there before is there still.
    pub fn take_place(&self) -> io::Result<()> {
        self.medium.check()?;
        fs::rename(new_path(&self.path), &self.path)
    }

    /// That what was written gets to the disk.
    pub(super) fn wish(&self) -> Wish {
        Wish {
            medium: Arc::clone(&self.medium),
            len: self.len,
            name: None,
        }
    }

    /// That what was written gets to the disk, and its name with it.
    pub(super) fn wish_with_name(&self) -> Wish {
        Wish {
            name: Some(self.path.clone()),
            ..self.wish()
        }
    }
}

impl Medium {
    fn check(&self) -> io::Result<()> {
        let failed = self.failure.get();
        failed.map_or(Ok(()), |error| {
            Err(io::Error::new(error.kind(), error.to_string()))
        })
    }

    fn sync(&self, len: u64, name: Option<&Path>) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if self.failure.get().is_some() {
            return;
        }
        match self.file.sync_data() {
            Ok(()) => drop(self.synced.fetch_max(len, Ordering::Relaxed)),
            Err(error) => drop(self.failure.set(error)),
        }
        if let Some(Err(error)) = name.map(sync_name) {
            drop(self.failure.set(error));
        }
    }
}

impl Wish {
    /// Brings it to the disk. Where that fails, the journal takes no more, and says why.
    pub(super) fn fulfil(&self) {
        self.medium.sync(self.len, self.name.as_deref());
    }

    /// What is left to wish for where `later` was wished for after this: it is of the same journal, or of the one that has
    /// taken its place.
    pub(super) fn and(self, later: Self) -> Self {
        Self {
            name: later.name.or(self.name),
            ..later
        }
    }
}

/// What is at `path`; `None` where there is nothing, or nothing in it.
///
/// # Errors
/// The system's.
pub fn contents(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes).filter(|bytes| !bytes.is_empty())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the journal at `path`, if there is one.
///
/// # Errors
/// The system's.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_name(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes what was to take the place of the journal at `path`, if there is anything. What cannot be removed is in nobody's
/// way but the next one's, which says so.
pub fn remove_new(path: &Path) {
    let _ = fs::remove_file(new_path(path));
}

#[cfg(test)]
mod tests;
