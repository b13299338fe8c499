//! Counting: each case in a process of its own under valgrind's callgrind.

use std::env;
use std::fs;
use std::io::{self, ErrorKind};
use std::process::{Child, Command, Stdio};

use beacon_tests::e2e::Directory;

use crate::baseline::Baseline;
use crate::case::{Case, MEASURED};
use crate::fleet::SOURCES;

/// Counts every case, all of them at once; each does what it does once for every source.
pub(crate) fn all() -> io::Result<Baseline> {
    let directory = Directory::default();
    let file = |case: Case| directory.path().join(case.name());
    let begin = |case| Ok((case, start(case, &file(case).display().to_string())?));
    let running: Vec<(Case, Child)> = Case::ALL.into_iter().map(begin).collect::<io::Result<_>>()?;
    let mut counted = Baseline::default();
    for (case, child) in running {
        let output = child.wait_with_output()?;
        let log = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(failed(case, &log));
        }
        let total = total(&fs::read_to_string(file(case))?).filter(|&total| total > 0);
        let total = total.ok_or_else(|| failed(case, &log))?;
        counted.set(case, total as f64 / f64::from(SOURCES));
    }
    Ok(counted)
}

/// Only what happens inside the functions called [`MEASURED`] is counted.
fn start(case: Case, file: &str) -> io::Result<Child> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--collect-atstart=no"]);
    command.arg(format!("--toggle-collect=*::{MEASURED}"));
    command.arg(format!("--callgrind-out-file={file}"));
    command.arg(env::current_exe()?).args(["--play", case.name()]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => io::Error::new(
            error.kind(),
            "there is no valgrind; tests/benches/instructions/install installs it",
        ),
        _ => error,
    })
}

/// The line `totals: N` of a callgrind file.
fn total(text: &str) -> Option<u64> {
    let total = text.lines().find_map(|line| line.strip_prefix("totals:"))?;
    total.trim().parse().ok()
}

fn failed(case: Case, log: &str) -> io::Error {
    io::Error::other(format!("valgrind has not counted '{}':\n{log}", case.name()))
}
