//! Readers of the lines that are slow, gone, or a full disk.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use beacon_common::{DeviceKey, KeyId, Reason};
use beacon_tests::e2e::{Binary, Collector, Limit, Line, Process, Sender, Signal, Witness};

use super::told_within_ms;

fn assert_no_panic(log: &[String]) {
    assert!(!log.iter().any(|line| line.contains("panic")), "{log:?}");
}

/// Starts a collector that writes nothing of its own accord, reads its first line, and closes the pipe.
fn deserted() -> (Process, SocketAddr) {
    let mut command = Binary::Collector.command();
    command
        .args(["--format", "json", "--listen", "127.0.0.1:0", "--tick", "0"])
        .stdout(Stdio::piped());
    let mut process = Process::spawn("beacon-collector", &mut command);
    let mut reader = BufReader::new(process.stdout().unwrap());
    let mut start = String::new();
    reader.read_line(&mut start).unwrap();
    let start = Line::parse(&start);
    let address = start.as_json()["listen"][0].as_str().unwrap();
    (process, address.parse().unwrap())
}

#[test]
fn a_reader_that_goes_away_ends_the_collector_in_order() {
    let (mut process, address) = deserted();
    Sender::new(address, "a").beat();
    assert_eq!(process.wait().code(), Some(0));
    assert_no_panic(process.whole_log());
}

#[test]
fn a_reader_that_goes_away_is_missed_also_where_nothing_happens() {
    let (mut process, _) = deserted();
    assert_eq!(process.wait().code(), Some(0));
    assert_no_panic(process.whole_log());
}

#[test]
fn a_full_disk_does_not_stop_the_reception() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    // Nothing tells its port, so that it takes one on a part of the loopback that nobody else uses.
    let address = std::net::UdpSocket::bind("127.0.0.72:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut command = Binary::Collector.command();
    command
        .args(["--format", "json", "--listen", &address.to_string()])
        .stdout(full);
    let mut process = Process::spawn("beacon-collector", &mut command);
    process.wait_for_log("cannot be written");
    let mut sender = Sender::new(address, "a");
    (0..100).for_each(|_| {
        sender.beat_acked();
    });
    process.signal(Signal::TERM);
    process.wait();
    assert_no_panic(process.whole_log());
}

#[test]
fn a_reader_that_never_reads_again_does_not_keep_the_collector_from_ending() {
    let mut collector = Collector::start("127.0.0.1:0", &["--queue", "16"]);
    collector.pause_reading();
    // Their lines are more than a pipe and the queue hold.
    for number in 0..300 {
        Sender::new(collector.address(), &format!("s{number}")).beat_acked();
    }
    collector.signal(Signal::TERM);
    assert_eq!(collector.wait(), Some(0));
    collector.wait_for_log("lost");
}

/// What is logged must not wait for its reader either: anybody can have something logged, here by a frame with a key.
#[test]
fn a_reader_of_lines_and_log_that_stops_delays_nothing() {
    let plain = Binary::Collector.command();
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$0\" \"$@\" 2>&1"])
        .arg(plain.get_program())
        .args(["--format", "json", "--listen", "127.0.0.1:0", "--queue", "16"])
        .stdout(Stdio::piped());
    let mut collector = Process::spawn("beacon-collector", &mut command);
    let mut reader = BufReader::new(collector.stdout().unwrap());
    let address: SocketAddr = loop {
        let mut line = String::new();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "it has ended");
        if line.starts_with('{') {
            let start = Line::parse(&line);
            break start.as_json()["listen"][0].as_str().unwrap().parse().unwrap();
        }
    };
    // Their lines are more than a pipe and the queue hold.
    for number in 0..300 {
        Sender::new(address, &format!("s{number}")).beat_acked();
    }
    let key = DeviceKey::new(KeyId::new(7).unwrap(), [7; 16]);
    Sender::new(address, "stranger").with_key(key).beat();
    let mut sender = Sender::new(address, "a");
    (0..10).for_each(|_| {
        sender.beat_acked();
    });
    collector.signal(Signal::TERM);
    assert_eq!(collector.wait().code(), Some(0));
}

/// Sources that go down, come back and say goodbye, one step each in turn. In the second half of the stall every
/// third one is not heard any more.
struct Fleet {
    senders: Vec<Sender>,
    steps: usize,
}

/// Enough to fill any pipe: a source's turn is a line or three.
const SOURCES: usize = 60;
const INTERVAL_MS: u32 = 100;
const STALL: Duration = Duration::from_secs(10);

impl Fleet {
    fn new(collector: &Collector) -> Self {
        let sender = |number| Sender::new(collector.address(), &format!("s{number}")).every_ms(INTERVAL_MS);
        Self {
            senders: (0..SOURCES).map(sender).collect(),
            steps: 0,
        }
    }

    /// The next source beats, and every fourth time says goodbye. Waits for the ack, which comes however little
    /// is read, and says how long that took.
    fn step(&mut self, is_second_half: bool) -> Duration {
        let (turn, number) = (self.steps / SOURCES, self.steps % SOURCES);
        self.steps += 1;
        if is_second_half && is_mute(number) {
            return Duration::ZERO;
        }
        let sender = &mut self.senders[number];
        let round_trip = sender.beat_acked();
        if turn % 4 == 3 && !is_mute(number) {
            sender.bye(Reason::Stop, 0);
        }
        round_trip
    }
}

const fn is_mute(number: usize) -> bool {
    number.is_multiple_of(3)
}

fn assert_judged_in_time(overdue_ms: i64, line: &Line, witness: &Witness) {
    // Two durations that are each rounded down differ by up to one more or less.
    assert!((-1..=told_within_ms(witness)).contains(&overdue_ms), "{line}");
}

#[test]
fn a_reader_that_stops_for_ten_seconds_delays_nothing_and_is_told_what_it_missed() {
    let witness = Witness::start();
    let arguments = ["--queue", "64", "--tick", "100ms", "--workers", "3"];
    let mut collector = Collector::start("127.0.0.1:0", &arguments);
    let mut fleet = Fleet::new(&collector);
    collector.pause_reading();
    let stall = Limit::after(STALL);
    let mut slowest = Duration::ZERO;
    while !stall.left().is_zero() {
        slowest = slowest.max(fleet.step(stall.left() < STALL / 2));
        // Once or twice round the fleet in a second: who beats every 100 ms has time to go down in between.
        Limit::after(Duration::from_millis(10)).pass();
    }
    assert!(
        slowest < Duration::from_secs(1),
        "an ack took {slowest:?} while nobody read"
    );
    collector.resume_reading();

    let gap = collector.says("gap");
    assert!(gap.number("dropped") > 0, "{gap}");
    // All are silent now: each goes down or has said goodbye.
    let is_quiet =
        |tick: &Line| tick.number("sources.down") + tick.number("sources.stopped") == SOURCES as i64;
    let tick = collector.says_where("tick", is_quiet);
    assert!(tick.number("events_dropped") >= gap.number("dropped"), "{tick}");
    let told = collector.end_of_all();

    let mut last = HashMap::new();
    for line in told.iter().filter(|line| line.source().is_some()) {
        last.insert(line.source(), line);
        if line.event() == "down" {
            assert_judged_in_time(line.number("silent_ms") - line.number("bound_ms"), line, &witness);
        }
    }
    // What is told last of each is how it is.
    let is_last = |state: &str| last.values().filter(|line| line.text("state") == state).count() as i64;
    assert_eq!(is_last("down"), tick.number("sources.down"));
    assert_eq!(is_last("stopped"), tick.number("sources.stopped"));
    for number in (0..SOURCES).filter(|number| is_mute(*number)) {
        // Went down in the second half of the stall, which only its snapshot can tell: when, to the millisecond.
        let line = last[&Some(format!("s{number}").as_str())];
        assert_eq!(line.what(), "state down");
        let [silent_ms, since_ms, bound_ms] =
            ["silent_ms", "since_ms", "bound_ms"].map(|key| line.number(key));
        assert!(since_ms > 2_000, "{line}");
        assert_judged_in_time(silent_ms - since_ms - bound_ms, line, &witness);
    }
}

/// What a reader knows that takes each line for what it says (docs/events.md).
#[derive(Default)]
struct Picture {
    states: HashMap<String, String>,
    is_mass: bool,
}

impl Picture {
    fn take(&mut self, line: &Line) {
        match (line.event(), line.source()) {
            ("mass_loss", _) => self.is_mass = true,
            ("mass_over", _) => self.is_mass = false,
            ("forgotten", Some(source)) => drop(self.states.remove(source)),
            (_, Some(source)) => drop(
                self.states
                    .insert(source.to_owned(), line.text("state").to_owned()),
            ),
            _ => {}
        }
    }
}

#[test]
fn a_reader_that_stops_knows_in_the_end_who_is_forgotten_and_that_a_mass_loss_is_over() {
    const SOURCES: i64 = 12;
    const BACK: i64 = 5;
    let arguments = ["--queue", "16", "--tick", "100ms", "--forget", "1s"];
    let mut collector = Collector::start("127.0.0.1:0", &arguments);
    let sender = |number| Sender::new(collector.address(), &format!("s{number}")).every_ms(INTERVAL_MS);
    let mut senders: Vec<_> = (0..SOURCES).map(sender).collect();
    for sender in &mut senders {
        sender.beat_acked();
    }
    collector.says("mass_loss");
    collector.pause_reading();

    let stall = Limit::after(STALL / 2);
    // More lines than a pipe and the queue hold.
    let mut busy = Sender::new(collector.address(), "busy");
    for _ in 0..300 {
        busy.beat_acked();
        busy.bye(Reason::Stop, 0);
    }
    for sender in senders.drain(..BACK as usize) {
        sender.every_ms(3_600_000).beat_acked();
    }
    // Long enough for the others to be forgotten, and with them the mass loss is over.
    stall.pass();
    collector.resume_reading();
    collector.says("gap");
    let is_all_known = |tick: &Line| tick.number("sources.up") == BACK && tick.number("sources.down") == 0;
    collector.says_where("tick", is_all_known);
    let told = collector.end_of_all();

    let mut picture = Picture::default();
    told.iter().for_each(|line| picture.take(line));
    let truth = (0..BACK).map(|number| (format!("s{number}"), "up".to_owned()));
    assert_eq!(picture.states, truth.collect());
    assert!(!picture.is_mass);
    let behind_the_gap = told.iter().skip_while(|line| line.event() != "gap");
    let forgotten = behind_the_gap.filter(|line| line.event() == "forgotten").count();
    assert!(forgotten as i64 >= SOURCES - BACK, "{forgotten}");
}
