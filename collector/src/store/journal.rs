//! The journal in its directory, beside the state file whose changes it holds (docs/operations.md).

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::batches::{Batch, EMPTY, beginning};
use super::file::{new_path, sync_name};
use super::stamp::Stamp;
use crate::lock::create;

/// A journal that is appended to. Whoever has the state file has it too.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Arc<File>,
    len: u64,
    /// How many bytes are on the disk.
    synced: Arc<AtomicU64>,
}

/// What is to get to the disk of a journal. Whoever waits for that need not be whoever writes.
#[derive(Debug)]
pub(super) struct Wish {
    file: Arc<File>,
    /// How many bytes it has.
    len: u64,
    synced: Arc<AtomicU64>,
    /// The name that it was given, where that is to get there too.
    name: Option<PathBuf>,
}

impl Journal {
    /// Begins the journal of the state file that bears `stamp`, the journal of which is to be at `path`. Until
    /// [`Journal::take_place`] it is beside what is there.
    ///
    /// # Errors
    /// The system's.
    pub fn begin(path: &Path, stamp: &Stamp) -> io::Result<Self> {
        let mut file = create(&new_path(path))?;
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
            file: Arc::new(file),
            len,
            synced: Arc::default(),
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
    /// The system's.
    pub fn append(&mut self, batch: &mut Batch) -> io::Result<()> {
        let bytes = batch.finish(self.synced.load(Ordering::Relaxed));
        (&*self.file).write_all(bytes)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Takes the name that it is to have, in place of any other journal. What it began with has to be on the disk: a name
    /// may get there before what it is of.
    ///
    /// # Errors
    /// The system's. What was there before is there still.
    pub fn take_place(&self) -> io::Result<()> {
        fs::rename(new_path(&self.path), &self.path)
    }

    /// That what was written gets to the disk.
    pub(super) fn wish(&self) -> Wish {
        Wish {
            file: Arc::clone(&self.file),
            len: self.len,
            synced: Arc::clone(&self.synced),
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

impl Wish {
    /// Brings it to the disk.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn fulfil(&self) -> io::Result<()> {
        self.file.sync_data()?;
        self.synced.fetch_max(self.len, Ordering::Relaxed);
        self.name.as_deref().map_or(Ok(()), sync_name)
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

/// Removes the journal at `path`, if there is one, and one that was to take its place.
///
/// # Errors
/// The system's.
pub fn remove(path: &Path) -> io::Result<()> {
    remove_new(path)?;
    match fs::remove_file(path) {
        Ok(()) => sync_name(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes what was to take the place of the journal at `path`, if there is anything.
///
/// # Errors
/// The system's.
pub fn remove_new(path: &Path) -> io::Result<()> {
    match fs::remove_file(new_path(path)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
