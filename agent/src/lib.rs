//! The beacon agent: tells its collectors, on time and with little else, that a device is alive.
//!
//! One thread walks a straight line: [`schedule`] says when, [`beat`] says what, [`socket`] sends it, and
//! [`link`] judges what comes back. The pure rooms take the time as an argument; only [`clock`] reads one.
//! Names, checks and hooks are on threads of their own ([`helper`]), so that nothing ever delays a beat.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::thread;

use log::LevelFilter;

mod attend;
pub mod beat;
pub mod cli;
pub mod clock;
pub mod collector;
pub mod config;
pub mod destination;
pub mod dry_run;
pub mod failure;
mod goodbye;
pub mod health;
pub mod helper;
pub mod hooks;
pub mod inbound;
pub mod key_file;
pub mod link;
pub mod notify;
mod once;
pub mod random;
pub mod resolve;
pub mod route;
pub mod run;
pub mod schedule;
pub mod shell;
pub mod signals;
pub mod socket;
pub mod statistics;
pub mod status_file;
pub mod wait;

use config::Config;
use failure::Failure;
use run::Agent;

/// Does what `arguments` ask for, and says how it went.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let outcome = match parse(arguments.into_iter().collect()) {
        Ok(cli::Parsed::Options(options)) => perform(*options),
        Ok(cli::Parsed::Text(text)) => print(&text),
        Err(failure) => Err(failure),
    };
    outcome.unwrap_or_else(|failure| {
        // Where stderr is gone too, the exit code is all that is left to tell.
        let _ = writeln!(io::stderr(), "beacon-agent: {failure}");
        failure.exit_code()
    })
}

/// Reads the command line on a thread of its own, whose stack goes back to the system: no other work takes nearly as
/// much, and the main thread's would be kept for life.
fn parse(arguments: Vec<OsString>) -> Result<cli::Parsed, Failure> {
    let copy = arguments.clone();
    match thread::Builder::new().spawn(|| cli::parse(copy)) {
        Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
        Err(_) => cli::parse(arguments),
    }
}

fn perform(options: cli::Options) -> Result<ExitCode, Failure> {
    let dry_run = options.dry_run;
    let config = Config::new(options, &config::host_name())?;
    if dry_run {
        return print(&dry_run::describe(&config));
    }
    start_log();
    Ok(Agent::new(config)?.perform())
}

/// Writes to stdout. A reader who is gone wanted no more: that is no failure, let alone a panic.
fn print(text: &str) -> Result<ExitCode, Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Logs to stderr as `beacon-agent: level: message`; the level by `RUST_LOG`, info unless it says otherwise.
fn start_log() {
    env_logger::Builder::new()
        .filter_level(LevelFilter::Info)
        .parse_env("RUST_LOG")
        // Whoever sends SIGUSR1 asks for the statistics, whatever else is to be kept quiet.
        .filter_module(statistics::LOG_TARGET, LevelFilter::Info)
        .format(|out, record| {
            let level = record.level().as_str().to_ascii_lowercase();
            writeln!(out, "beacon-agent: {level}: {}", record.args())
        })
        .init();
}
