//! Why the collector does not run: one line, one exit code.

use std::fmt;
use std::process::ExitCode;

use crate::output::escape::shown;

/// The exit codes, all in one place: up to 3 as shells and monitoring plugins use them, the others from sysexits.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Not all is well.
    Unwell = 1,
    /// Wrong arguments.
    Usage = 2,
    /// No collector answers.
    Unreachable = 3,
    /// A file is damaged.
    Data = 65,
    /// There is no such file, or it cannot be read; or no such source.
    NoInput = 66,
    /// The system refuses: an address cannot be bound, no thread, no random bytes.
    System = 71,
    /// A file cannot be made.
    CannotCreate = 73,
    /// What was asked for cannot be written.
    Output = 74,
    /// Somebody else uses what only one can; later it may be free.
    InUse = 75,
    /// A key file is open to others than its owner.
    NoPermission = 77,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why the collector does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// One line: what was wrong, where, and what to do.
    pub line: String,
}

impl Failure {
    /// The failure told by `line`, which may hold names of files, whatever they are.
    #[must_use]
    pub fn new(exit: Exit, line: impl fmt::Display) -> Self {
        Self {
            exit,
            line: shown(&line.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_file_neither_ends_the_line_nor_steers_the_terminal() {
        let failure = Failure::new(Exit::NoInput, "--state: no\x1b[31mdir\n2/Ü 'x': not there");
        assert_eq!(failure.line, "--state: no\\u{1b}[31mdir\\n2/Ü 'x': not there");
    }
}
