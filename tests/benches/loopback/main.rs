//! What a datagram costs the collector on the loopback, beside what it costs to receive it at all: the same load,
//! round after round, on a loop of recvmmsg(2) that only counts, and on the collector in three set-ups.
//!
//!     cargo bench -p beacon-tests --bench loopback

#![forbid(unsafe_code)]

mod bare;
mod receiver;
mod report;

use std::error::Error;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use beacon_common::MasterKey;
use beacon_tests::load::{Beacons, Generator, Pace, Settings};
use beacon_tests::measure::{LOAD_CORE, Window, conclude, machine, measure, pin};
use clap::{Parser, Subcommand};

use receiver::{Receiver, Running};
use report::Report;

#[derive(Debug, Parser)]
struct Options {
    /// How often each receiver is measured at each rate
    #[arg(long, default_value = "5")]
    rounds: u32,

    /// How many agents there are
    #[arg(long, default_value = "100000")]
    sources: u32,

    /// Beats a second of all agents together, one table each
    #[arg(long, value_delimiter = ',', default_value = "100000,200000")]
    rates: Vec<u64>,

    /// How long one measurement takes, after the sources are known
    #[arg(long, default_value = "3")]
    seconds: u64,

    /// No run with as many beats as go
    #[arg(long)]
    no_saturation: bool,

    /// What cargo tells a bench
    #[arg(long, hide = true)]
    bench: bool,

    #[command(subcommand)]
    role: Option<Role>,
}

/// The bench starts itself again for the receiver that the collector is compared with.
#[derive(Debug, Subcommand)]
#[command(hide = true)]
enum Role {
    Bare {
        #[arg(long)]
        port: u16,
        #[arg(long)]
        answer: bool,
    },
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.role {
        Some(Role::Bare { port, answer }) => bare::receive(port, answer).map_err(Into::into),
        None => compare(&options),
    };
    conclude("loopback", done)
}

fn compare(options: &Options) -> Result<(), Box<dyn Error>> {
    pin(LOAD_CORE)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", machine())?;
    for &rate in &options.rates {
        let report = play(options, Some(rate))?;
        writeln!(
            out,
            "\n{} sources, {rate} datagrams a second\n\n{report}",
            options.sources
        )?;
    }
    if !options.no_saturation {
        let report = play(options, None)?;
        writeln!(
            out,
            "\n{} sources, as many datagrams as go\n\n{report}",
            options.sources
        )?;
    }
    Ok(())
}

/// How often a measurement is repeated in which the load could not be kept up: the pause of a load is silence to
/// the collector, and telling of it is not what is measured.
const REPEATS: u32 = 3;

/// Measures each receiver once a round, so that what disturbs the machine disturbs all of them.
fn play(options: &Options, rate: Option<u64>) -> Result<Report, Box<dyn Error>> {
    let mut report = Report::default();
    for _ in 0..options.rounds {
        for receiver in Receiver::ALL {
            for repeat in 0..=REPEATS {
                let (window, complaint) = one(options, receiver, rate)?;
                if window.tally.slips == 0 || repeat == REPEATS {
                    report.add(receiver, window, complaint);
                    break;
                }
            }
        }
    }
    Ok(report)
}

/// What the sources promise where they speak as often as they can.
const SATURATED_PROMISE: Duration = Duration::from_secs(1);

fn one(
    options: &Options,
    receiver: Receiver,
    rate: Option<u64>,
) -> Result<(Window, Option<String>), Box<dyn Error>> {
    let (pace, interval) = match rate {
        Some(rate) => {
            let interval = Duration::from_secs(1) * options.sources / u32::try_from(rate)?;
            (Pace::per_second(rate), interval)
        }
        None => {
            let promise = SATURATED_PROMISE;
            (Pace::Unbounded { promise }, promise)
        }
    };
    let mut running = Running::start(receiver)?;
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, running.port()));
    let mut fleet = Beacons::new("load", options.sources, interval, 1)?;
    if receiver.has_keys() {
        fleet = fleet.with_keys(&MasterKey::new(receiver::KEY_ID, receiver::MASTER));
    }
    if receiver.answers() {
        fleet = fleet.with_acks();
    }
    // Every source is new in the first round and finds its place in the second.
    let warm_up = 2 * interval + Duration::from_millis(500);
    let span = Duration::from_secs(options.seconds);
    let mut generator = Generator::new(fleet, &Settings::new(to, options.sources, pace))?;
    let window = measure(&mut generator, (running.id(), running.port()), warm_up, span)?;
    let complaint = running.end(options.sources)?;
    Ok((window, complaint))
}
