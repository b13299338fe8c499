//! A real shell pipe whose reader sleeps while the sources come and go: `beacon-collector | (sleep 60; cat)`. Shows what
//! that does to the deadlines, to the memory, and to what the reader knows in the end:
//! `cargo run --release -p beacon-tests --bin stalled -- --sources 10000 --sleep 60s`.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use beacon_common::{FRAME_LEN, Frame, Health, Kind, Moment, Reason, Seq, Session};
use beacon_tests::e2e::{Binary, Limit, Line, Process, Signal, Witness, first_beat};
use beacon_tests::load::now;
use beacon_tests::measure::{Table, Usage, conclude, free_port, wait_until_bound};
use beacon_tests::random::{Random, number_from_environment};
use clap::Parser;
use rustix::process::{Pid, kill_process};

/// Shows what a reader that sleeps does to beacon-collector.
#[derive(Parser)]
struct Options {
    /// How many sources come and go
    #[arg(long, default_value = "10000")]
    sources: u32,
    /// How often each of them beats
    #[arg(long, default_value = "500ms", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// How long the reader sleeps
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    sleep: Duration,
}

/// Decisions are made so soon after their deadline (docs/protocol.md, section 9).
const DECIDED_WITHIN_MS: i64 = 10;

/// What the shell, the collector, its sources and 65,536 lines may take together.
const MEMORY_BYTES: u64 = 64 << 20;

/// More falls than that in ten minutes would be held back as flapping (docs/protocol.md, section 9).
const FALLS: u32 = 5;

/// A beat that the fleet was kept from sending for so long may well be late; and who has fallen as often as it may is held
/// back as flapping then, and not told to be up before it is steady.
const HELD_UP: Duration = Duration::from_millis(10);

/// In intervals: nobody comes or goes for so long before the reader wakes up, so that each is what it is by then.
const CALM: u32 = 12;

fn main() -> ExitCode {
    let shown = run(&Options::parse()).and_then(|(table, is_well)| {
        io::stdout().write_all(table.as_bytes())?;
        is_well
            .then_some(())
            .ok_or_else(|| "that is not as it must be".into())
    });
    conclude("stalled", shown)
}

fn run(options: &Options) -> Result<(String, bool), Box<dyn Error>> {
    let port = free_port()?;
    let witness = Witness::start();
    let pipe = format!("\"$@\" | (sleep {}; cat)", options.sleep.as_secs_f64());
    let collector = Binary::Collector.command();
    let mut command = Command::new("sh");
    command.args(["-c", &pipe, "sh"]).arg(collector.get_program());
    command.args(["--format", "json", "--tick", "0", "--admit-rate", "0"]);
    command
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .stdout(Stdio::piped());
    let mut shell = Process::spawn("the pipe", &mut command);
    let wakes = Limit::after(options.sleep);
    wait_until_bound(&mut shell, port);
    let output = shell.stdout().expect("it was just asked to be piped");
    let reader = thread::spawn(move || Told::read(BufReader::new(output).lines()));
    let fleet = Arc::new(Fleet::default());
    let sources = thread::spawn({
        let (fleet, settings) = (Arc::clone(&fleet), (options.sources, options.interval, port));
        move || fleet.live(settings)
    });

    let mut most_bytes = 0;
    while wakes.left() > options.interval * CALM {
        Limit::after(Duration::from_millis(100)).pass();
        most_bytes = most_bytes.max(Usage::resident_bytes(shell.id())?);
    }
    fleet.nobody_turns.store(true, Ordering::Relaxed);
    wakes.pass();
    let collector = child_of(shell.id(), Binary::Collector.name())?;
    // Until the reader has what had to wait for it.
    Limit::after(Duration::from_secs(3)).pass();
    most_bytes = most_bytes.max(Usage::resident_bytes(shell.id())?);
    kill_process(collector, Signal::TERM)?;
    let told = reader.join().map_err(|_| "the reader has panicked")??;
    fleet.is_over.store(true, Ordering::Relaxed);
    let sources = sources.join().map_err(|_| "the fleet has panicked")??;

    let wrong = told.wrong(&sources);
    let latest_ms = told.overdue_ms.iter().copied().max().unwrap_or_default();
    let overslept_ms = witness.overslept_ms();
    let mut table = Table::new(["what", "figure"]);
    let mut row = |what: &str, figure: String| table.row([what.to_owned(), figure]);
    row("sources that come and go", options.sources.to_string());
    row("the reader sleeps", format!("{:?}", options.sleep));
    row(
        "lives of sources",
        sources.iter().map(|source| source.lives).sum::<u32>().to_string(),
    );
    row("lines read", told.lines.to_string());
    row("lines that `gap` stands for", told.missed.to_string());
    row(
        "`down` decided, of lines and final states",
        told.overdue_ms.len().to_string(),
    );
    row("the latest of them after its deadline", format!("{latest_ms} ms"));
    row(
        "a thread that only sleeps overslept by up to",
        format!("{overslept_ms} ms"),
    );
    row(
        "most memory of the whole pipe",
        format!("{:.1} MB", most_bytes as f64 / 1e6),
    );
    row("final states that differ from the truth", wrong.len().to_string());
    for difference in wrong.iter().take(10) {
        row("differs", difference.clone());
    }
    let is_well = wrong.is_empty()
        && told.missed > 0
        && most_bytes <= MEMORY_BYTES
        && latest_ms <= DECIDED_WITHIN_MS + overslept_ms;
    Ok((table.to_string(), is_well))
}

/// The child of the process `id` that runs the program called `name`.
fn child_of(id: u32, name: &str) -> Result<Pid, Box<dyn Error>> {
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
    for child in children.split_ascii_whitespace() {
        let program = std::fs::read_link(format!("/proc/{child}/exe"))?;
        if program.file_name().is_some_and(|file| file == name) {
            return Pid::from_raw(child.parse()?).ok_or_else(|| "0 is no process".into());
        }
    }
    Err(format!("the pipe has no {name}").into())
}

/// What the reader was told.
#[derive(Default)]
struct Told {
    lines: i64,
    missed: i64,
    /// The last state of each source, and the session.
    last: HashMap<String, (String, String)>,
    /// How long after its deadline each `down` was decided, as its line tells.
    overdue_ms: Vec<i64>,
}

impl Told {
    fn read(lines: impl Iterator<Item = io::Result<String>>) -> io::Result<Self> {
        let mut told = Self::default();
        for text in lines {
            let line = Line::parse(&text?);
            told.lines += 1;
            if line.number("id") != told.lines {
                return Err(io::Error::other(format!("line {} is {line}", told.lines)));
            }
            told.take(&line);
        }
        Ok(told)
    }

    fn take(&mut self, line: &Line) {
        match (line.event(), line.source()) {
            ("gap", _) => self.missed += line.number("dropped"),
            (event, Some(source)) => {
                let state = line.text("state");
                let overdue_ms = line.as_json()["bound_ms"]
                    .as_i64()
                    .map(|bound_ms| line.number("silent_ms") - bound_ms);
                match (event, overdue_ms) {
                    ("down", Some(overdue_ms)) => self.overdue_ms.push(overdue_ms),
                    ("state", Some(overdue_ms)) if state == "down" => {
                        self.overdue_ms.push(overdue_ms - line.number("since_ms"));
                    }
                    _ => {}
                }
                let now = (state.to_owned(), line.text("session").to_owned());
                self.last.insert(source.to_owned(), now);
            }
            (_, None) => {}
        }
    }

    /// The sources of which the reader knows something else than what is true.
    fn wrong(&self, sources: &[Source]) -> Vec<String> {
        let differs = |source: &Source| {
            let truth = (source.state().to_owned(), source.frame.session.to_string());
            let label = source.frame.label.to_string();
            let known = self.last.get(&label);
            let late = ("late".to_owned(), truth.1.clone());
            let is_late = source.is_alive && source.was_held_up && known == Some(&late);
            (known != Some(&truth) && !is_late).then(|| format!("{label}: {known:?} and not {truth:?}"))
        };
        sources.iter().filter_map(differs).collect()
    }
}

#[derive(Default)]
struct Fleet {
    nobody_turns: AtomicBool,
    is_over: AtomicBool,
}

/// A source that comes and goes, by a goodbye or without.
struct Source {
    frame: Frame,
    random: Random,
    is_alive: bool,
    born: Moment,
    turns: Moment,
    next: Moment,
    /// Whether the fleet was kept from sending one of its beats in time since nobody comes or goes.
    was_held_up: bool,
    lives: u32,
    falls: u32,
}

impl Fleet {
    fn live(&self, (sources, interval, port): (u32, Duration, u16)) -> io::Result<Vec<Source>> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect((Ipv4Addr::LOCALHOST, port))?;
        let mut random = Random::new(number_from_environment("BEACON_SEED", 5));
        let mut sources: Vec<_> = (0..sources)
            .map(|number| Source::new(number, interval, random.fork()))
            .collect();
        while !self.is_over.load(Ordering::Relaxed) {
            let (at, is_calm) = (now(), self.nobody_turns.load(Ordering::Relaxed));
            for source in &mut sources {
                source.act(at, (interval, is_calm), &socket)?;
            }
            Limit::after(Duration::from_millis(5)).pass();
        }
        Ok(sources)
    }
}

impl Source {
    fn new(number: u32, interval: Duration, mut random: Random) -> Self {
        let interval_ms = interval.as_millis() as u32;
        let begins = now() + Duration::from_nanos(random.below(interval.as_nanos() as u64 * 2));
        Self {
            frame: first_beat(&format!("s{number}"), interval_ms),
            random,
            is_alive: false,
            born: begins,
            turns: begins,
            next: begins,
            was_held_up: false,
            lives: 0,
            falls: 0,
        }
    }

    /// What a collector knows of it in the end.
    fn state(&self) -> &'static str {
        match (self.is_alive, self.frame.kind) {
            (true, _) => "up",
            (false, Kind::Bye(_)) => "stopped",
            (false, _) => "down",
        }
    }

    fn act(
        &mut self,
        at: Moment,
        (interval, is_calm): (Duration, bool),
        socket: &UdpSocket,
    ) -> io::Result<()> {
        if self.turns <= at && !is_calm {
            self.turn(at, interval, socket)?;
        }
        if self.is_alive && self.next <= at {
            self.send(at, socket)?;
            self.was_held_up |= is_calm && now().since(self.next) >= HELD_UP;
            self.next = self.next + interval;
        }
        Ok(())
    }

    fn turn(&mut self, at: Moment, interval: Duration, socket: &UdpSocket) -> io::Result<()> {
        let most = interval.as_nanos() as u64 * 8;
        self.turns = at + interval + Duration::from_nanos(self.random.below(most));
        self.is_alive = !self.is_alive;
        if self.is_alive {
            self.lives += 1;
            self.frame.session = Session::new(1 + self.lives, 0);
            (self.frame.seq, self.frame.kind) = (Seq::FIRST, Kind::Beat(Health::Ok));
            (self.born, self.next) = (at, at);
        } else if self.falls == FALLS || self.random.chance(500_000) {
            self.frame.kind = Kind::Bye(Reason::Stop);
            self.send(at, socket)?;
        } else {
            self.falls += 1;
        }
        Ok(())
    }

    fn send(&mut self, at: Moment, socket: &UdpSocket) -> io::Result<()> {
        self.frame.sent_us = at.since(self.born).as_micros() as u64;
        let mut bytes = [0; FRAME_LEN];
        self.frame.emit(None, &mut bytes);
        match socket.send(&bytes) {
            // The collector has ended.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        self.frame.seq = self.frame.seq.next().expect("no run sends four billion frames");
        Ok(())
    }
}
