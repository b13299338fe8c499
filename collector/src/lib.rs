//! The collector: receives beats, judges silence, writes one line an event.
//!
//! A beat walks a straight line: [`net`] takes it from its socket, [`track`] judges it, [`relay`] hands what there
//! is to tell to [`output`]. [`shard`] is the loop that drives them, one a worker; [`supervisor`] watches over them,
//! and [`run`] is one run from start to end. [`vigil`] notices when the loop stood still, and [`hooks`] are run beside it all. The judging rooms take the time as an argument; only [`clock`] reads one.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use log::LevelFilter;

pub mod background;
pub mod cli;
pub mod client;
pub mod clock;
pub mod commands;
pub mod config;
pub mod control;
pub mod failure;
pub mod handle;
pub mod hooks;
pub mod inventory;
pub mod keys;
pub mod lag;
pub mod lock;
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
use failure::Failure;

/// Does what `arguments` ask for, and says how it went.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match perform(arguments) {
        Ok(code) => code,
        Err(failure) => {
            // Where stderr is gone too, the exit code is all that is left to tell.
            let _ = writeln!(io::stderr(), "beacon-collector: {failure}");
            failure.exit.into()
        }
    }
}

fn perform(arguments: impl IntoIterator<Item = OsString>) -> Result<ExitCode, Failure> {
    match cli::parse(arguments)? {
        Parsed::Text(text) => commands::print(&text, io::stdout())?,
        Parsed::Command(command) => return commands::perform(&command),
        Parsed::Run(options) => {
            let config = Config::new(*options, Surroundings::look())?;
            start_log();
            run::run(config)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Logs to stderr as `beacon-collector: level: message`; the level by `RUST_LOG`, info unless it says otherwise.
fn start_log() {
    env_logger::Builder::new()
        .filter_level(LevelFilter::Info)
        .parse_env("RUST_LOG")
        .format(|out, record| {
            let level = record.level().as_str().to_ascii_lowercase();
            writeln!(out, "beacon-collector: {level}: {}", record.args())
        })
        .init();
}
