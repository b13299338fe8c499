//! Files for one test.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A directory that goes with the test.
pub struct Directory(tempfile::TempDir);

impl Default for Directory {
    fn default() -> Self {
        Self(tempfile::tempdir().expect("there is room for a temporary directory"))
    }
}

impl Directory {
    /// One in memory, where there is such a thing: on a disk that others keep busy, a file takes seconds to get there.
    #[must_use]
    pub fn in_memory() -> Self {
        tempfile::tempdir_in("/dev/shm").map_or_else(|_| Self::default(), Self)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file with these permission bits, and gives its path.
    pub fn write(&self, name: &str, mode: u32, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("a temporary file can be written");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its owner can change its mode");
        path
    }
}
