//! Restarts the collector at a socket that outlives it, and counts what became of each datagram:
//! `cargo run --release -p beacon-tests --bin handover`.

#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use beacon_tests::e2e::{HandedOver, Handover};
use beacon_tests::measure::conclude;
use clap::Parser;

/// Restarts beacon-collector under socket activation while a fleet beats on.
#[derive(Debug, Parser)]
struct Options {
    /// How many sources there are
    #[arg(long, default_value = "1000")]
    sources: u32,
    /// How many beats a second they send together
    #[arg(long, default_value = "10000")]
    rate: u64,
    /// For how many seconds they do
    #[arg(long, default_value = "60")]
    seconds: u64,
    /// How long a collector lives
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    life: Duration,
    /// How long there is none between two
    #[arg(long, default_value = "100ms", value_parser = humantime::parse_duration)]
    away: Duration,
    /// The receive buffer of the socket
    #[arg(long, value_name = "BYTES", default_value = "4194304")]
    buffer: usize,
    /// What all chance follows from
    #[arg(long, default_value = "1")]
    seed: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let handover = Handover {
        sources: options.sources,
        rate: options.rate,
        lasts: Duration::from_secs(options.seconds),
        life: options.life,
        away: options.away,
        buffer: options.buffer,
        seed: options.seed,
    };
    let done = handover.run().and_then(|handed_over| {
        let shown = io::stdout().write_all(report(&handed_over).as_bytes());
        shown.map_err(|error| format!("cannot write the report: {error}"))
    });
    conclude("handover", done)
}

fn report(handed_over: &HandedOver) -> String {
    let HandedOver {
        load,
        received,
        socket_drops,
        runs,
        longest_blind,
        false_alarms,
    } = handed_over;
    let sent = load.sent;
    let told = |event| false_alarms.iter().filter(|line| line.event() == event).count();
    let missing = i128::from(sent) - i128::from(received + socket_drops);
    format!(
        "sent           {sent} in {:.1} s, {:.0} a second\n\
         received       {received} by {runs} collectors\n\
         socket drops   {socket_drops}\n\
         missing        {missing}\n\
         longest blind  {longest_blind:?}\n\
         false alarms   {} late, {} down\n",
        load.took.as_secs_f64(),
        load.rate(),
        told("late"),
        told("down"),
    )
}
