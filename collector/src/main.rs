//! The collector's binary; the work is in its library, so that tests and benches link it.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    beacon_collector::main(std::env::args_os())
}
