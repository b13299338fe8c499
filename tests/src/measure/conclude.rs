//! How a program that measures ends.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::{ExitCode, Termination};

/// The exit code of the program of this name; what went wrong is told on stderr.
pub fn conclude<T: Termination>(program: &str, result: Result<T, impl Display>) -> ExitCode {
    match result {
        Ok(done) => done.report(),
        Err(error) => {
            // Where even stderr is gone there is nobody left to tell.
            let _ = writeln!(io::stderr().lock(), "{program}: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_says_how_it_ends_and_an_error_is_a_failure() {
        let done = |code: ExitCode| conclude("a test", Ok::<_, &str>(code));
        assert_eq!(done(ExitCode::SUCCESS), ExitCode::SUCCESS);
        assert_eq!(done(ExitCode::from(7)), ExitCode::from(7));
        assert_eq!(conclude("a test", Err::<(), _>("expected")), ExitCode::FAILURE);
    }
}
