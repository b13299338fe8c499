//! A path that one process at a time has: a lock in a file beside it.
//!
//! The path itself may be replaced, or be left where a process was killed. Whoever ends, however that is, lets go of the
//! lock.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A path that is this process's alone, for as long as this is kept.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "it is locked while it is open")] File);

impl Lock {
    /// Takes `path`, whatever is there or is not.
    ///
    /// # Errors
    /// [`TryLockError::WouldBlock`] where another process has it, else the system's: its directory has to be there and
    /// writable.
    pub fn take(path: &Path) -> Result<Self, TryLockError> {
        let file = open(&beside(path, ".lock")).map_err(TryLockError::Error)?;
        file.try_lock()?;
        Ok(Self(file))
    }
}

/// The file at `path`, which need not be there. It tells who is where and says nothing, so what another may have put there is
/// left as it is.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(libc::O_NOFOLLOW).open(path)
}

/// The path with `suffix` behind it.
#[must_use]
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// The directory that `path` is in.
#[must_use]
pub fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_path_is_taken_once_until_it_is_let_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let first = Lock::take(&path).unwrap();
        assert!(matches!(Lock::take(&path), Err(TryLockError::WouldBlock)));
        let lock = fs::metadata(directory.path().join("state.lock")).unwrap();
        assert_eq!(lock.permissions().mode() & 0o777, 0o600);
        drop(first);
        assert!(Lock::take(&path).is_ok() && !path.exists());
        let nowhere = Lock::take(&directory.path().join("nowhere/state"));
        assert!(matches!(nowhere, Err(TryLockError::Error(_))));
    }

    #[test]
    fn a_path_without_a_directory_is_in_the_present_one() {
        for (path, wanted) in [("state", "."), ("a/state", "a"), ("/state", "/")] {
            assert_eq!(directory(Path::new(path)), Path::new(wanted));
        }
    }
}
