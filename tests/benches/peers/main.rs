//! What a heartbeat costs the collector, beside what it costs the daemons that take heartbeats by UDP today. Each
//! is fed in its own format, from as many hosts at the same rate, and keeps what it keeps of them.
//!
//!     sudo tests/benches/peers/install
//!     cargo bench -p beacon-tests --bench peers

#![forbid(unsafe_code)]

mod beacon;
mod collectd;
mod format;
mod gmond;
mod irtt;
mod netdata;
mod peer;
mod report;
mod rsyslog;
mod rwhod;

use std::error::Error;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use beacon_tests::e2e::Directory;
use beacon_tests::load::{Generator, Pace, Settings};
use beacon_tests::measure::{
    LOAD_CORE, Queues, Usage, conclude, free_port, machine, measure, pin, spawn_pinned, wait_until_bound,
};
use clap::Parser;

use peer::{Hosts, Peer};
use report::{Measured, Report};

#[derive(Debug, Parser)]
struct Options {
    /// How often each daemon is measured
    #[arg(long, default_value = "3")]
    rounds: u32,

    /// How many hosts there are
    #[arg(long, default_value = "20000")]
    hosts: u32,

    /// Datagrams a second of all hosts together
    #[arg(long, default_value = "20000")]
    rate: u32,

    /// How long one measurement takes, after the hosts are known
    #[arg(long, default_value = "5")]
    seconds: u64,

    /// Measure only these
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,

    /// What cargo tells a bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    conclude("peers", compare(&Options::parse()))
}

fn compare(options: &Options) -> Result<(), Box<dyn Error>> {
    pin(LOAD_CORE)?;
    let mut out = io::stdout().lock();
    let mut report = Report::default();
    let mut peers = all(options);
    if peers.is_empty() {
        return Err(format!("none of {:?} is measured here", options.only).into());
    }
    peers.retain(|peer| match why_not(peer.as_ref()) {
        Some(reason) => {
            report.skip(peer.as_ref(), reason);
            false
        }
        None => true,
    });
    for _ in 0..options.rounds {
        for peer in &peers {
            match one(options, peer.as_ref()) {
                Ok(measured) => report.add(peer.as_ref(), measured),
                Err(error) => report.skip(peer.as_ref(), error.to_string()),
            }
        }
    }
    writeln!(out, "{}", machine())?;
    writeln!(
        out,
        "\n{} hosts, {} datagrams a second\n\n{report}",
        options.hosts, options.rate
    )?;
    Ok(())
}

/// The collector first: the others are compared with it.
fn all(options: &Options) -> Vec<Box<dyn Peer>> {
    let mut peers: Vec<Box<dyn Peer>> = vec![
        Box::new(beacon::Beacon { acks: false }),
        Box::new(beacon::Beacon { acks: true }),
        Box::new(irtt::Irtt),
        Box::new(collectd::Collectd),
        Box::new(gmond::Gmond),
        Box::new(rwhod::Rwhod),
        Box::new(rsyslog::Rsyslog),
        Box::new(netdata::Netdata),
    ];
    let is_wanted =
        |peer: &dyn Peer| options.only.is_empty() || options.only.iter().any(|name| name == peer.name());
    peers.retain(|peer| is_wanted(peer.as_ref()));
    peers
}

fn why_not(peer: &dyn Peer) -> Option<String> {
    let program = peer.program()?;
    (!Path::new(program).exists()).then(|| format!("{program} is not installed"))
}

fn one(options: &Options, peer: &dyn Peer) -> Result<Measured, Box<dyn Error>> {
    let hosts = Hosts {
        count: options.hosts,
        interval: Duration::from_secs(1) * options.hosts / options.rate.max(1),
    };
    let directory = Directory::default();
    let port = match peer.port() {
        Some(port) if Queues::of(port).sockets > 0 => return Err(format!("port {port} is in use").into()),
        Some(port) => port,
        None => free_port()?,
    };
    let mut command = peer.command(&directory, port)?;
    command.stdout(Stdio::null());
    let mut process = spawn_pinned(peer.name(), &mut command)?;
    wait_until_bound(&mut process, port);
    let bytes_at_first = Usage::resident_bytes(process.id())?;
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut settings = Settings::new(to, options.hosts, Pace::per_second(options.rate.into()));
    settings.ports = 1;
    settings.per_call = peer.per_call();
    let mut generator = Generator::new(peer.fleet(to, hosts)?, &settings)?;
    let warm_up = 2 * hosts.interval + Duration::from_secs(1);
    let span = Duration::from_secs(options.seconds);
    let window = measure(&mut generator, (process.id(), port), warm_up, span)?;
    process.kill();
    Ok(Measured {
        bytes_a_host: window.resident_bytes.saturating_sub(bytes_at_first) as f64 / f64::from(hosts.count),
        window,
    })
}
