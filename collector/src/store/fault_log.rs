//! What is told of saving: that it fails, and that it works again.

use std::io;
use std::path::Path;

use super::keeper::Failures;

/// The failures of one run.
#[derive(Debug)]
pub(super) struct Log {
    failures: Failures,
    /// How often it has failed since it last worked.
    since_saved: u64,
}

impl Log {
    /// Nothing has failed yet; all that does is counted by `failures`.
    pub(super) const fn new(failures: Failures) -> Self {
        Self {
            failures,
            since_saved: 0,
        }
    }

    /// Whether nothing has failed since it last worked.
    pub(super) const fn is_well(&self) -> bool {
        self.since_saved == 0
    }

    pub(super) fn saved(&mut self, path: &Path) {
        if self.since_saved > 0 {
            let (path, times) = (path.display(), self.since_saved);
            log::info!("--state: {path}: saved again, after {times} failures");
            self.since_saved = 0;
        }
    }

    /// Told once until it works again.
    pub(super) fn failed(&mut self, path: &Path, error: &io::Error) {
        if self.since_saved == 0 {
            let path = path.display();
            log::error!("--state: {path}: not saved: {error}; it is tried again, and all else goes on");
        }
        self.since_saved += 1;
        self.failures.count();
    }
}
