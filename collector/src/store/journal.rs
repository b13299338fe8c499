//! The journal in its directory, beside the state file whose changes it holds (docs/operations.md).

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::batches::{Batch, EMPTY, beginning};
use super::file::{Striding, replace, sync_name};
use super::stamp::Stamp;
use super::syncer::Wish;

/// A journal that is appended to. Whoever has the state file has it too.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Arc<File>,
    len: u64,
    /// How many bytes are on the disk.
    synced: Arc<AtomicU64>,
    /// Where the batch stands that says which state file was begun last.
    begun_at: u64,
}

impl Journal {
    /// Begins the journal of the state file that bears `stamp`, in place of any other.
    ///
    /// # Errors
    /// The system's. What was there before may be there still.
    pub fn begin(path: &Path, stamp: &Stamp) -> io::Result<Self> {
        Self::write(path, |file| {
            file.write_all(&beginning())?;
            file.write_all(Batch::begun(stamp).finish(0))
        })
    }

    /// Goes on with the journal at `path`, of which `whole` bytes are whole.
    ///
    /// # Errors
    /// The system's.
    pub fn resume(path: &Path, whole: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self {
            path: path.to_owned(),
            file: Arc::new(file),
            len: whole,
            synced: Arc::default(),
            begun_at: beginning().len() as u64,
        })
    }

    /// One that is there and cannot be written, as on a disk that is full.
    #[cfg(test)]
    pub(super) fn unwritable(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: Arc::new(File::open(path).unwrap()),
            len: EMPTY as u64,
            synced: Arc::default(),
            begun_at: beginning().len() as u64,
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

    /// That what was written gets to the disk.
    pub(super) fn wish(&self) -> Wish {
        Wish {
            file: Arc::clone(&self.file),
            len: self.len,
            synced: Arc::clone(&self.synced),
        }
    }

    /// The state file that bears `stamp` is begun: what comes from now on follows it too. All of the journal is on the disk
    /// when this returns.
    ///
    /// # Errors
    /// As of [`Journal::append`].
    pub fn mark(&mut self, stamp: &Stamp) -> io::Result<()> {
        let begun_at = self.len;
        self.append(&mut Batch::begun(stamp))?;
        self.file.sync_data()?;
        self.synced.store(self.len, Ordering::Relaxed);
        self.begun_at = begun_at;
        Ok(())
    }

    /// The state file that was begun last has taken the place of the one before: what came before it is dropped. Whenever
    /// the power fails, the journal as it was is there or the new one, and both say the same of that file.
    ///
    /// # Errors
    /// The system's.
    pub fn shed(self) -> io::Result<Self> {
        let mut before = File::open(&self.path)?;
        before.seek(SeekFrom::Start(self.begun_at))?;
        let mut kept = (&before).take(self.len - self.begun_at);
        Self::write(&self.path, |file| {
            file.write_all(&beginning())?;
            io::copy(&mut kept, file).map(drop)
        })
    }

    fn write(path: &Path, write: impl FnOnce(&mut Striding) -> io::Result<()>) -> io::Result<Self> {
        let file = replace(path, write)?;
        let len = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file: Arc::new(file),
            len,
            synced: Arc::new(AtomicU64::new(len)),
            begun_at: beginning().len() as u64,
        })
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

/// Removes what is at `path`, if there is anything.
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

#[cfg(test)]
mod tests;
