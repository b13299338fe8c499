//! Why the agent does not even start: one line, one exit code.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use beacon_common::key::holds_key;

/// Why the agent does not start.
#[derive(Debug)]
pub enum Failure {
    /// An option is wrong or missing.
    Usage(String),
    /// The key file holds no usable key.
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; never what it holds.
        problem: String,
    },
    /// The key file can be read by more than its owner.
    KeyFileMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system refuses what every process needs.
    System {
        /// What was asked of it.
        what: &'static str,
        /// Its answer.
        error: io::Error,
    },
    /// What was asked for cannot be written to stdout.
    Output(io::Error),
}

impl Failure {
    /// A wrong value: which option it is and what it takes.
    #[must_use]
    pub fn usage(option: &str, problem: impl fmt::Display) -> Self {
        Self::Usage(format!("{option}: {problem}"))
    }

    /// The exit code: 2 for wrong arguments, otherwise as in sysexits.h.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::KeyFile { .. } => 66,
            Self::System { .. } => 71,
            Self::Output(_) => 74,
            Self::KeyFileMode { .. } => 77,
        }
    }

    /// [`Failure::code`] for the end of the process.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        self.code().into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(line) => f.write_str(line),
            Self::KeyFile { path, .. } if holds_key(&path.to_string_lossy()) => f.write_str(
                "--key-file: this looks like a key, and is not repeated here; it takes the path of a file that holds the key",
            ),
            Self::KeyFile { path, problem } => write!(f, "--key-file: {}: {problem}", path.display()),
            Self::KeyFileMode { path, mode } => write!(
                f,
                "--key-file: {}: mode {mode:03o} lets others than its owner at the key; chmod 600 it",
                path.display()
            ),
            Self::System { what, error } => write!(f, "cannot {what}: {error}"),
            Self::Output(error) => write!(f, "stdout: {error}"),
        }
    }
}

impl std::error::Error for Failure {}
