//! Restarts a real collector time and again at one socket that outlives it, while a fleet beats on, and counts what
//! became of each datagram.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::binaries::Binary;
use super::collector::Collector;
use super::directory::Directory;
use super::limit::Limit;
use super::line::Line;
use crate::load::{Beacons, Generator, Pace, Settings, Tally};

/// A fleet, and a collector that is restarted.
#[derive(Clone, Debug)]
pub struct Handover {
    /// How many sources there are.
    pub sources: u32,
    /// How many beats a second they send together.
    pub rate: u64,
    /// For how long they do.
    pub lasts: Duration,
    /// How long a collector lives.
    pub life: Duration,
    /// How long there is none between two.
    pub away: Duration,
    /// The receive buffer of the socket, in bytes.
    pub buffer: usize,
    /// What all chance follows from.
    pub seed: u64,
}

/// What became of the datagrams.
#[derive(Debug)]
pub struct HandedOver {
    /// What the fleet sent.
    pub load: Tally,
    /// What the collectors have received, all together.
    pub received: u64,
    /// What the socket had no room for, whether there was a collector or not.
    pub socket_drops: u64,
    /// How many collectors there were.
    pub runs: usize,
    /// The longest time that a collector was `blind` because it was `restarted`.
    pub longest_blind: Duration,
    /// The `late` and `down` lines that were told while all sources beat on.
    pub false_alarms: Vec<Line>,
}

impl Handover {
    /// Runs it.
    ///
    /// # Errors
    /// What the system refuses, or that the fleet cannot be.
    pub fn run(&self) -> Result<HandedOver, String> {
        let refused = |error: io::Error| format!("the system refuses: {error}");
        // What has to be built first is not to be waited for while the fleet speaks.
        drop(Binary::Collector.command());
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(refused)?;
        let buffer = SockRef::from(&socket).set_recv_buffer_size(self.buffer);
        buffer.map_err(refused)?;
        let port = socket.local_addr().map_err(refused)?.port();
        let interval =
            Duration::from_secs(self.sources.into()) / u32::try_from(self.rate).unwrap_or(u32::MAX);
        let fleet = Beacons::new("handed", self.sources, interval, self.seed as u32)?;
        let settings = Settings {
            // One call for each, as from as many devices.
            per_call: 1,
            seed: self.seed,
            ..Settings::new(
                (Ipv4Addr::LOCALHOST, port).into(),
                self.sources,
                Pace::per_second(self.rate),
            )
        };
        let lasts = self.lasts;
        // The generator stays in the thread that it was made in.
        let speak = move || Ok(Generator::new(fleet, &settings)?.run_until(lasts));
        let speaking = thread::spawn(speak);

        let directory = Directory::default();
        let state = directory.path().join("state");
        let state = state.to_str().ok_or("the name of the directory is not UTF-8")?;
        let arguments = ["--state", state, "--tick", "100ms"];
        let start = || Collector::start_handed(&socket, &arguments).map_err(refused);
        let mut runs = Vec::new();
        while !speaking.is_finished() {
            let collector = start()?;
            Limit::after(self.life).pass();
            let mut run = Run::of(&collector.end_of_all());
            if speaking.is_finished() {
                // They have fallen silent.
                run.false_alarms.clear();
            }
            runs.push(run);
            Limit::after(self.away).pass();
        }
        let load = speaking
            .join()
            .map_err(|_| "the fleet has panicked")?
            .map_err(refused)?;
        // What is left to it is what nobody has received or dropped before.
        let mut last = start()?;
        let before: u64 = runs.iter().map(|run| run.received).sum();
        let told = last.first_line().number("socket_drops").unsigned_abs();
        last.says_where("tick", |tick| {
            let of = |key| tick.number(key).unsigned_abs();
            before + of("received") + told + of("socket_drops") == load.sent
        });
        let last = Run::of(&last.end_of_all());
        Ok(HandedOver {
            received: before + last.received,
            socket_drops: last.socket_drops,
            longest_blind: runs.iter().map(|run| run.blind).max().unwrap_or_default(),
            runs: runs.len() + 1,
            false_alarms: runs.into_iter().flat_map(|run| run.false_alarms).collect(),
            load,
        })
    }
}

/// One collector's life.
struct Run {
    received: u64,
    /// Since the socket was opened until this collector ended.
    socket_drops: u64,
    blind: Duration,
    false_alarms: Vec<Line>,
}

impl Run {
    fn of(told: &[Line]) -> Self {
        let sum = |event: &str, key: &str| -> u64 {
            let lines = told.iter().filter(|line| line.event() == event);
            lines.map(|line| line.number(key).unsigned_abs()).sum()
        };
        let is_false = |line: &&Line| matches!(line.event(), "late" | "down");
        Self {
            received: sum("end", "received"),
            socket_drops: sum("start", "socket_drops") + sum("end", "socket_drops"),
            blind: Duration::from_millis(sum("blind", "blind_ms")),
            false_alarms: told.iter().filter(is_false).cloned().collect(),
        }
    }
}
