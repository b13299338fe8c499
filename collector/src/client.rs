//! The control socket's other end: what a running collector is asked and told by the commands (docs/control.md).

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

mod answer;
mod detail;
mod operate;
mod table;
mod verdict;

use crate::cli::Status;
use crate::commands;
use crate::config::Surroundings;
use crate::control::{Ask, MAX_WORST, Place, default_paths};
use crate::failure::{Exit, Failure};
use answer::Answer;
use verdict::Verdict;

pub use operate::{operate, operate_on};

/// How long a collector may take to go on with its answer: longer than it allows itself.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How often it is looked again.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// What a terminal is cleared by: to the first place, and all behind it (ECMA-48, CUP and ED).
const CLEAR: &str = "\x1b[H\x1b[J";

/// Lines around the table.
const FRAME_LINES: u64 = 5;

/// Shows what a running collector knows.
///
/// # Errors
/// [`Exit::Unreachable`] where no collector answers, [`Exit::NoInput`] where it does not know the source, and
/// [`Exit::Usage`] where options do not go together.
pub fn show(status: &Status) -> Result<ExitCode, Failure> {
    if status.plugin && (status.json || status.watch) {
        let other = if status.json { "--json" } else { "--watch" };
        let line = format_args!("--plugin: it does not go together with {other}");
        return Err(Failure::new(Exit::Usage, line));
    }
    if status.watch {
        return watch(status);
    }
    if status.json {
        return copy(status);
    }
    let (text, verdict) = text(status, MAX_WORST)?;
    commands::print(&text, io::stdout())?;
    Ok(verdict.into())
}

/// Says as a monitoring plugin does that there is nothing to say, whatever the reason: on stdout, because a monitoring
/// system reads that alone (Monitoring Plugins Development Guidelines, as are the exit codes).
///
/// # Errors
/// [`Exit::Output`] where that cannot be written.
pub fn say_unknown(failure: &Failure) -> Result<ExitCode, Failure> {
    commands::print(&format!("BEACON UNKNOWN: {failure}\n"), io::stdout())?;
    Ok(Exit::Unreachable.into())
}

/// The JSON as it comes: of many sources there is no need to hold it all.
fn copy(status: &Status) -> Result<ExitCode, Failure> {
    let answer = Answer::to(&status.control, &ask(status, None))?;
    let verdict = answer.verdict()?;
    answer.copy(&mut io::stdout().lock())?;
    Ok(verdict.into())
}

/// What is asked for, in text with at most so many sources, and how all fare.
fn text(status: &Status, most: u64) -> Result<(String, Verdict), Failure> {
    let around = Surroundings::look();
    let colour = around.terminal && around.colour;
    let document = Answer::to(&status.control, &ask(status, Some(most)))?.whole()?;
    let verdict = Verdict::of(&document);
    let text = match status.label {
        _ if status.plugin => verdict.line(&document),
        Some(_) => detail::render(&document, colour),
        None => table::render(&document, colour),
    };
    Ok((text, verdict))
}

fn ask(status: &Status, most: Option<u64>) -> Ask {
    if let Some(label) = status.label {
        return Ask::Source(label);
    }
    let most = most.map(|most| if status.plugin { 0 } else { most.min(MAX_WORST) });
    Ask::Status {
        group: status.group.clone(),
        worst: most,
    }
}

/// Shows it again and again, also while no collector answers.
fn watch(status: &Status) -> Result<ExitCode, Failure> {
    let is_terminal = io::stdout().is_terminal();
    loop {
        let lines = rustix::termios::tcgetwinsize(io::stdout()).map_or(u16::MAX, |size| size.ws_row);
        let most = u64::from(lines).saturating_sub(FRAME_LINES).max(1);
        let shown = match status.json {
            true => Answer::to(&status.control, &ask(status, None)).and_then(Answer::text),
            false => text(status, most).map(|(text, _)| text),
        };
        let text = match shown {
            Err(failure) if failure.exit == Exit::Unreachable => format!("{failure}\n"),
            shown => shown?,
        };
        let mut out = io::stdout().lock();
        let clear = if is_terminal { CLEAR } else { "" };
        match write!(out, "{clear}{text}").and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            Err(error) => return Err(commands::cannot_write(&error)),
            Ok(()) => thread::sleep(WATCH_EVERY),
        }
    }
}

fn connect(place: &Place) -> Result<UnixStream, Failure> {
    let paths = match place {
        Place::At(path) => vec![path.clone()],
        Place::Default => default_paths(),
        Place::Off => {
            let line = "--control: none: this asks a collector, so it takes the PATH of its socket";
            return Err(Failure::new(Exit::Usage, line));
        }
    };
    let mut problems = Vec::new();
    let mut what_to_do = "start it, or name its socket with --control PATH";
    for path in paths {
        match try_connect(&path) {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                if error.kind() == ErrorKind::PermissionDenied {
                    what_to_do = "ask it as root, or as one of its group (docs/control.md)";
                }
                problems.push(problem(&path, &error));
            }
        }
    }
    let problems = problems.join("; ");
    let line = format_args!("no collector answers: {problems}; {what_to_do}");
    Err(Failure::new(Exit::Unreachable, line))
}

fn problem(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn try_connect(path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A collector that stands still lets nobody in: this bounds the wait for that too (unix(7), SO_SNDTIMEO).
    socket.set_write_timeout(Some(ANSWER_WITHIN))?;
    socket.set_read_timeout(Some(ANSWER_WITHIN))?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(OwnedFd::from(socket).into())
}
