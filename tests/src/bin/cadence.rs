//! Runs a real agent against a socket with kernel time stamps and shows how exactly it keeps its schedule:
//! `cargo run --release -p beacon-tests --bin cadence -- --minutes 10 --interval 100ms`.

#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::num::NonZeroU16;
use std::process::ExitCode;
use std::time::Duration;

use beacon_collector::config::Listen;
use beacon_collector::net::{self, Inbox, Socket};
use beacon_common::{Kind, View};
use beacon_tests::e2e::{Agent, Beat, Cadence, Lateness, Limit, Witness};
use beacon_tests::measure::conclude;
use clap::Parser;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Shows how exactly beacon-agent keeps its schedule on this machine.
#[derive(Parser)]
struct Options {
    /// How long to run
    #[arg(long, default_value = "10")]
    minutes: u64,
    /// The agent's interval
    #[arg(long, default_value = "100ms", value_parser = humantime::parse_duration)]
    interval: Duration,
}

/// What the collector's deadlines allow for at least: half of the least safety margin.
const TOLERANCE_US: i64 = 5_000;

fn main() -> ExitCode {
    let options = Options::parse();
    let done = run(&options).and_then(|table| io::stdout().write_all(table.as_bytes()));
    conclude("cadence", done)
}

fn run(options: &Options) -> io::Result<String> {
    let loopback = "127.0.0.1:0".parse().map_err(io::Error::other)?;
    let listening = net::open(&Listen::At(vec![loopback]), NonZeroU16::MIN).map_err(io::Error::other)?;
    let [socket] = &listening.shards[0][..] else {
        return Err(io::Error::other("one address is one socket"));
    };
    let interval = humantime::format_duration(options.interval).to_string();
    let mut agent = Agent::start(
        socket.local(),
        "cadence",
        &["--interval", &interval, "--ack-every", "0"],
    );
    let witness = Witness::start();
    let beats = receive(socket, Limit::after(Duration::from_secs(60 * options.minutes)))?;
    agent.stop();
    let logged = agent
        .whole_log()
        .iter()
        .filter(|line| line.contains("skipped"))
        .count();
    // The first beat is sent at once, outside the rhythm.
    let beats = beats.get(1..).unwrap_or_default();
    let interval_us = i64::try_from(options.interval.as_micros()).map_err(io::Error::other)?;
    let machine = format!(
        "a thread beside that only slept overslept by up to {} ms\n",
        witness.overslept_ms()
    );
    Ok(table(&Cadence::new(interval_us, beats), beats.len(), logged) + &machine)
}

fn receive(socket: &Socket, limit: Limit) -> io::Result<Vec<Beat>> {
    let (mut inbox, mut beats) = (Inbox::default(), Vec::new());
    while !limit.left().is_zero() {
        let left = Timespec::try_from(limit.left()).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&left)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        socket.receive(&mut inbox)?;
        for datagram in inbox.datagrams() {
            let frame = View::parse(datagram.bytes).map_err(io::Error::other)?.frame();
            let stamp = datagram
                .stamp_nanos
                .ok_or_else(|| io::Error::other("the kernel gives no time stamps"))?;
            if let Kind::Beat(_) = frame.kind {
                beats.push(Beat {
                    sent_us: frame.sent_us as i64,
                    next_us: i64::from(frame.next_ms) * 1_000,
                    arrived_us: (stamp / 1_000) as i64,
                });
            }
        }
    }
    Ok(beats)
}

fn table(cadence: &Cadence, beats: usize, logged: usize) -> String {
    let mut text = format!(
        "beats {beats}, slots skipped {}, skips logged {logged}, drift of the schedule {} us\n\
         microseconds after the slot      50 %      90 %      99 %    99.9 %       max   over {TOLERANCE_US}\n",
        cadence.skipped(),
        cadence.drift_us(),
    );
    for (name, late) in [("sent", cadence.of_sending()), ("arrived", cadence.of_arrival())] {
        text += &row(name, &late);
    }
    text
}

fn row(name: &str, late: &Lateness) -> String {
    let parts = [500, 900, 990, 999, 1_000].map(|part| format!("{:>10}", late.per_mille(part)));
    format!(
        "{name:<27}{}{:>12}\n",
        parts.concat(),
        late.count_over(TOLERANCE_US)
    )
}
