//! The collector: receives beats, judges silence, writes one line an event.
//!
//! A beat walks a straight line: [`net`] takes it from its socket, [`track`] judges it, [`relay`] hands what there
//! is to tell to [`output`]. [`shard`] is the loop that drives them, one a worker; [`supervisor`] watches over them,
//! and [`run`] is one run from start to end. [`vigil`] notices when the loop stood still, and [`hooks`] are run beside it
//! all. The judging rooms take the time as an argument; only [`clock`] reads one.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

pub mod background;
pub mod cli;
pub mod client;
pub mod clock;
pub mod commands;
pub mod config;
pub mod control;
pub mod event_counts;
pub mod failure;
pub mod handle;
pub mod hooks;
pub mod input;
pub mod inventory;
pub mod keys;
pub mod lag;
pub mod lock;
pub mod logbook;
pub mod losses;
pub mod net;
pub mod notify;
pub mod outages;
pub mod output;
pub mod relay;
pub mod run;
pub mod serve;
pub mod shard;
pub mod signals;
pub mod sorter;
pub mod store;
pub mod supervisor;
pub mod teller;
pub mod track;
pub mod vigil;

use cli::Parsed;
use config::{Config, Surroundings};
use failure::{Exit, Failure};
use logbook::Logbook;

/// Does what `arguments` ask for, and says how it went.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let performed = match perform(&arguments) {
        Err(failure) if cli::asks_as_plugin(&arguments) => client::say_unknown(&failure),
        performed => performed,
    };
    performed.unwrap_or_else(|failure| {
        // Where stderr is gone too, the exit code is all that is left to tell.
        let _ = write!(io::stderr(), "{}", line(&failure));
        failure.exit.into()
    })
}

fn line(failure: &Failure) -> String {
    format!("beacon-collector: {failure}\n")
}

fn perform(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    match cli::parse(arguments)? {
        Parsed::Text(text) => commands::print(&text, io::stdout())?,
        Parsed::Command(command) => return commands::perform(&command),
        Parsed::Run(options) => {
            let config = Config::new(*options, Surroundings::look())?;
            return run(config);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Once there is a log, what ends the run goes there too: it does not wait for who reads stderr.
fn run(config: Config) -> Result<ExitCode, Failure> {
    let log =
        Logbook::open().map_err(|error| Failure::new(Exit::System, format_args!("cannot log: {error}")))?;
    Ok(match run::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            log.close(&line(&failure));
            failure.exit.into()
        }
    })
}
