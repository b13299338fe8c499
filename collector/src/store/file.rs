//! The state file in its directory: who may write it, and how it is replaced without ever being half of anything.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::failure::{Exit, Failure};
use crate::lock::{Lock, beside, directory};

/// Bytes that go to the disk at once. Where all of a large state is handed over in the end, the disk's answers keep a
/// processor busy for milliseconds on end, and no deadline is judged there meanwhile (docs/performance.md).
const STRIDE: u64 = 4 << 20;

/// A file that one process at a time reads and replaces.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    _lock: Lock,
}

impl StateFile {
    /// Claims the file at `path`, whether or not there is one, and sees that it can be replaced.
    ///
    /// # Errors
    /// [`Exit::InUse`] where another process has it, [`Exit::CannotCreate`] where its directory cannot be written.
    pub fn claim(path: PathBuf) -> Result<Self, Failure> {
        let lock = Lock::take(&path).map_err(|error| match error {
            TryLockError::WouldBlock => Failure::new(
                Exit::InUse,
                format_args!(
                    "--state: {}: in use by another collector; give each a file of its own",
                    path.display()
                ),
            ),
            TryLockError::Error(error) => cannot_create(&path, &error),
        })?;
        let file = Self { path, _lock: lock };
        let new = new_path(&file.path);
        create_new(&new)
            .and_then(|_| fs::remove_file(&new))
            .map_err(|error| cannot_create(&file.path, &error))?;
        Ok(file)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens what there is; `None` where there is nothing.
    ///
    /// # Errors
    /// [`Exit::NoInput`] where it cannot be opened.
    pub fn open(&self) -> Result<Option<File>, Failure> {
        match File::open(&self.path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::new(
                Exit::NoInput,
                format_args!("--state: {}: cannot be read: {error}", self.path.display()),
            )),
        }
    }

    /// Replaces the file by what `write` writes. Whenever the power fails, the old one is there or the new one: the new
    /// one is on the disk before it has the name, and the name before this returns. Where it fails, the old one stays,
    /// and nothing else.
    ///
    /// # Errors
    /// The system's, or that of `write`.
    pub fn replace<E: From<io::Error>>(
        &self,
        write: impl FnOnce(&mut Striding) -> Result<(), E>,
    ) -> Result<(), E> {
        let new = new_path(&self.path);
        let replaced = replace(&self.path, &new, write);
        if replaced.is_err() {
            // A full disk is not to be kept full. What cannot be removed is written over the next time.
            let _ = fs::remove_file(&new);
        }
        replaced
    }

    /// Where its journal is, which belongs to whoever has the file.
    #[must_use]
    pub fn journal_path(&self) -> PathBuf {
        beside(&self.path, ".journal")
    }

    /// How many bytes it has; 0 where there is none.
    #[must_use]
    pub fn size(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |file| file.len())
    }
}

fn replace<E: From<io::Error>>(
    path: &Path,
    new: &Path,
    write: impl FnOnce(&mut Striding) -> Result<(), E>,
) -> Result<(), E> {
    let mut file = Striding {
        file: create_new(new)?,
        since_synced: 0,
    };
    write(&mut file)?;
    file.file.sync_all()?;
    fs::rename(new, path)?;
    Ok(sync_name(path)?)
}

/// Sees that the name `path`, or that there is no such name any more, is on the disk.
pub(super) fn sync_name(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

/// Where that is written which is to take the place of what is at `path`.
pub(super) fn new_path(path: &Path) -> PathBuf {
    beside(path, ".new")
}

/// An empty file at `path` that nobody else reads or writes. What stood there is removed, whatever it was and whoever has
/// made it.
///
/// # Errors
/// The system's.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path),
    }
}

/// A file that goes to the disk while it is written, a stride at a time.
#[derive(Debug)]
pub struct Striding {
    file: File,
    /// Bytes.
    since_synced: u64,
}

impl Write for Striding {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.since_synced += written as u64;
        if self.since_synced >= STRIDE {
            self.file.sync_data()?;
            self.since_synced = 0;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn cannot_create(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Exit::CannotCreate,
        format_args!(
            "--state: {}: its directory has to be there and writable: {error}",
            path.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn claim(directory: &tempfile::TempDir) -> Result<StateFile, Failure> {
        StateFile::claim(directory.path().join("state"))
    }

    fn names(directory: &tempfile::TempDir) -> Vec<String> {
        let entries = fs::read_dir(directory.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let file = claim(&directory).unwrap();
        assert!(file.open().unwrap().is_none());
        let write = |text: &'static str| file.replace(|file| file.write_all(text.as_bytes()));
        write("one").unwrap();
        write("another").unwrap();
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "another");

        let failed = file.replace(|file| {
            file.write_all(b"half")?;
            Err(io::Error::from(ErrorKind::StorageFull))
        });
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "another");
        assert_eq!(names(&directory), ["state", "state.lock"]);
    }

    #[test]
    fn a_file_has_one_user_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = claim(&directory).unwrap();
        assert_eq!(claim(&directory).unwrap_err().exit, Exit::InUse);
        drop(first);
        assert!(claim(&directory).is_ok());
    }

    #[test]
    fn what_another_has_put_in_the_way_is_not_written_to() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("precious"), "precious").unwrap();
        let link = |name: &str| symlink(at("precious"), at(name)).unwrap();
        link("state.new");
        let file = claim(&directory).unwrap();
        link("state.new");
        file.replace(|file| file.write_all(b"one")).unwrap();
        let written = fs::symlink_metadata(file.path()).unwrap();
        assert!(written.is_file() && written.permissions().mode() & 0o777 == 0o600);
        drop(file);
        fs::remove_file(at("state.lock")).unwrap();
        link("state.lock");
        assert_eq!(claim(&directory).unwrap_err().exit, Exit::CannotCreate);
        assert_eq!(fs::read_to_string(at("precious")).unwrap(), "precious");
    }

    #[test]
    fn a_directory_that_is_not_there_is_told_of_at_once() {
        let failure = StateFile::claim("/nowhere/state".into()).unwrap_err();
        assert_eq!(failure.exit, Exit::CannotCreate);
        assert!(
            failure
                .line
                .starts_with("--state: /nowhere/state: its directory has to be there and writable: "),
            "{failure}"
        );
    }

    #[test]
    fn what_is_no_file_cannot_be_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = claim(&directory).unwrap();
        fs::create_dir(file.path()).unwrap();
        let opened = file.open().unwrap();
        assert!(
            io::Read::read(&mut opened.unwrap(), &mut [0]).is_err(),
            "a directory opens, but is not read"
        );
    }
}
