//! The agent's binary; the work is in its library, so that tests link it.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    beacon_agent::main(std::env::args_os())
}
