//! What it costs to take a datagram from the kernel, way by way: one at a time or in batches, with and without what
//! the kernel can tell of it.
//!
//!     cargo bench -p beacon-tests --bench reception

#![forbid(unsafe_code)]

mod receive;
mod report;
mod way;

use std::env;
use std::error::Error;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use beacon_tests::load::{Beacons, Generator, Pace, Settings};
use beacon_tests::measure::{
    LOAD_CORE, Window, conclude, free_port, machine, measure, pin, spawn_pinned, wait_until_bound,
};
use clap::{Parser, Subcommand};

use report::Report;
use way::Way;

#[derive(Debug, Parser)]
struct Options {
    /// How often each way is measured at each rate
    #[arg(long, default_value = "15")]
    rounds: u32,

    /// Datagrams a second, one table each
    #[arg(long, value_delimiter = ',', default_value = "100000")]
    rates: Vec<u32>,

    /// How long one measurement takes: many short ones tell more than a few long ones where others use the machine too
    #[arg(long, default_value = "300")]
    milliseconds: u64,

    /// What cargo tells a bench
    #[arg(long, hide = true)]
    bench: bool,

    #[command(subcommand)]
    role: Option<Role>,
}

/// The bench starts itself again for the receiver.
#[derive(Debug, Subcommand)]
#[command(hide = true)]
enum Role {
    Receive {
        /// Which of [`Way::ALL`]
        way: usize,
        port: u16,
    },
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.role {
        Some(Role::Receive { way, port }) => receive::receive(Way::ALL[way], port).map_err(Into::into),
        None => compare(&options),
    };
    conclude("reception", done)
}

/// Measures each way once a round, so that what disturbs the machine disturbs all of them.
fn compare(options: &Options) -> Result<(), Box<dyn Error>> {
    pin(LOAD_CORE)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", machine())?;
    let span = Duration::from_millis(options.milliseconds);
    for &rate in &options.rates {
        let mut report = Report::default();
        for _ in 0..options.rounds {
            for way in 0..Way::ALL.len() {
                report.add(way, one(way, rate, span)?);
            }
        }
        writeln!(out, "\n{rate} datagrams a second\n\n{report}")?;
    }
    Ok(())
}

/// So that every receiver has slept and woken before it is measured.
const WARM_UP: Duration = Duration::from_millis(100);

/// How many agents speak makes no difference to who only receives.
const SOURCES: u32 = 10_000;

fn one(way: usize, rate: u32, span: Duration) -> Result<Window, Box<dyn Error>> {
    let port = free_port()?;
    let mut command = Command::new(env::current_exe()?);
    command.args(["receive", &way.to_string(), &port.to_string()]);
    let mut process = spawn_pinned(Way::ALL[way].name, command.stdout(Stdio::null()))?;
    wait_until_bound(&mut process, port);
    let interval = Duration::from_secs(1) * SOURCES / rate;
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let settings = Settings::new(to, SOURCES, Pace::per_second(rate.into()));
    let mut generator = Generator::new(Beacons::new("load", SOURCES, interval, 1)?, &settings)?;
    Ok(measure(&mut generator, (process.id(), port), WARM_UP, span)?)
}
