//! The binaries, built as the tests are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::limit::Limit;
use super::lines::Lines;
use super::process::{Process, code};

/// One of the two programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `beacon-agent`.
    Agent,
    /// `beacon-collector`.
    Collector,
}

impl Binary {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "beacon-agent",
            Self::Collector => "beacon-collector",
        }
    }

    /// A command that runs it, without what the tester's environment says to it; a collector has no control socket
    /// unless it is told where.
    #[must_use]
    pub fn command(self) -> Command {
        let mut command = Command::new(built().join(self.name()));
        for (name, _) in env::vars_os() {
            let is_heard = |prefix| name.to_str().is_some_and(|name| name.starts_with(prefix));
            let is_heard = ["BEACON_", "LISTEN_", "WATCHDOG_"].into_iter().any(is_heard);
            if is_heard
                || ["RUST_LOG", "NO_COLOR", "NOTIFY_SOCKET"]
                    .iter()
                    .any(|heard| name == *heard)
            {
                command.env_remove(name);
            }
        }
        if self == Self::Collector {
            command.env("BEACON_CONTROL", "none");
        }
        command
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Finished {
    /// The exit code.
    pub code: Option<i32>,
    /// The lines on stdout.
    pub stdout: Vec<String>,
    /// The lines on stderr.
    pub stderr: Vec<String>,
}

/// Runs `binary` to its end.
pub fn run<'a>(binary: Binary, arguments: impl IntoIterator<Item = &'a str>) -> Finished {
    let mut command = binary.command();
    let mut process = Process::spawn(binary.name(), command.args(arguments).stdout(Stdio::piped()));
    let mut stdout = Lines::follow(process.stdout().expect("it was just asked to be piped"));
    let code = code(process.wait());
    Finished {
        code,
        stdout: stdout.rest(Limit::soon()).to_vec(),
        stderr: process.whole_log().to_vec(),
    }
}

/// The directory of the binaries. Cargo builds binaries for the tests of their own package only, so they are built
/// here, once a process, with the profile and into the directory of the running executable: where the tests
/// were run by `cargo test --workspace`, there is little left to do.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let executable = env::current_exe().expect("the system knows what it runs");
        let directory = profile_directory(&executable);
        let profile = match directory.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        let target = directory
            .parent()
            .expect("a profile's directory lies in the target directory");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(["build", "--quiet", "--profile", profile, "--target-dir"])
            .arg(target);
        command.args([
            "--package",
            Binary::Agent.name(),
            "--package",
            Binary::Collector.name(),
            "--bins",
        ]);
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        let status = command
            .status()
            .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        assert!(status.success(), "the binaries do not build: {command:?}");
        directory
    })
}

/// `target/debug` for `target/debug/deps/e2e-0123456789abcdef` and for `target/debug/cadence`.
fn profile_directory(executable: &Path) -> PathBuf {
    let directory = executable.parent().expect("an executable lies in a directory");
    match directory.file_name().and_then(|name| name.to_str()) {
        Some("deps" | "examples") => directory
            .parent()
            .expect("deps lies in a profile's directory")
            .to_owned(),
        _ => directory.to_owned(),
    }
}
