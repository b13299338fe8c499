//! Replays what a listener has captured of past sessions to a real collector with keys: while it remembers them, after a
//! restart with its state file, and after one without. Shows what that changes:
//! `cargo run --release -p beacon-tests --bin replay -- --devices 100 --beats 100`.

#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use beacon_common::{DeviceKey, FRAME_LEN, KeyId, Label, MasterKey, Reason, Session};
use beacon_tests::e2e::{Collector, Directory, Line, Sender, Signal};
use beacon_tests::measure::{Table, conclude};
use clap::Parser;

/// Shows what captured datagrams change at beacon-collector --keys.
#[derive(Parser)]
struct Options {
    /// How many devices there are
    #[arg(long, default_value = "100")]
    devices: u32,
    /// How often each of them has begun a new session
    #[arg(long, default_value = "10")]
    sessions: u32,
    /// How many beats are captured of each session
    #[arg(long, default_value = "100")]
    beats: u32,
}

const MASTERS: &str = "7 30313233343536373839616263646566\n";

const HOUR_MS: u32 = 3_600_000;

/// Between so many captured frames one real source is answered: so they never fill the collector's socket.
const BURST: usize = 50;

const PACER: &str = "pacer";

type Captured = Vec<[u8; FRAME_LEN]>;

fn main() -> ExitCode {
    let shown = io::stdout().write_all(replay(&Options::parse()).as_bytes());
    conclude("replay", shown)
}

fn replay(options: &Options) -> String {
    let directory = Directory::in_memory();
    let masters = directory.write("masters", 0o600, MASTERS);
    let masters = masters.to_str().expect("the name was chosen above");
    let state = directory.path().join("state");
    let state = state.to_str().expect("the name was chosen above");
    // One worker has one socket: what it answers came after all that was sent before.
    let forgetful = ["--keys", masters, "--tick", "1s", "--workers", "1"];
    let remembering = [&forgetful[..], &["--state", state]].concat();
    let start = |arguments: &[&str]| Collector::start("127.0.0.1:0", arguments);
    let labels: Vec<_> = (0..options.devices).map(|number| format!("s{number}")).collect();

    let collector = start(&remembering);
    let lives = labels.iter().zip(0_u32..);
    let captured: Captured = lives
        .flat_map(|(label, number)| live(collector.address(), label, (number, options)))
        .collect();
    let outcomes = [
        ("that has heard them", play(collector, &captured, &labels)),
        (
            "restarted with its state file",
            play(start(&remembering), &captured, &labels),
        ),
        ("restarted without", play(start(&forgetful), &captured, &[])),
    ];
    let mut table = Table::new([
        "collector",
        "captured",
        "dropped",
        "sources known",
        "lines told of them",
        "states changed",
    ]);
    for (name, outcome) in outcomes {
        let [dropped, told, changed] =
            [outcome.dropped as usize, outcome.told, outcome.changed].map(|count| count.to_string());
        let [captured, known] = [captured.len(), outcome.known].map(|count| count.to_string());
        table.row([name.to_owned(), captured, dropped, known, told, changed]);
    }
    table.to_string()
}

/// Has a device live through its sessions, and returns what was captured of all but the present one. Every other device
/// says goodbye in the end.
fn live(to: SocketAddr, label: &str, (number, options): (u32, &Options)) -> Captured {
    let mut sender = Sender::new(to, label).with_key(key_of(label)).every_ms(HOUR_MS);
    let mut captured = Captured::new();
    for session in 1..=options.sessions {
        sender.restart();
        sender.frame.session = Session::new(session, 1);
        // The first contact is asked for a proof.
        sender.beat_acked();
        captured.extend((1..=options.beats).map(|_| sender.beat_recorded()));
        sender.beat_acked();
    }
    sender.restart();
    sender.frame.session = Session::new(options.sessions + 1, 1);
    sender.beat_acked();
    if number % 2 == 1 {
        sender.bye(Reason::Stop, 0);
    }
    captured
}

/// What a replay came to.
struct Outcome {
    dropped: i64,
    known: usize,
    told: usize,
    changed: usize,
}

/// Replays all that was captured, and compares what is known of the devices before and after.
fn play(mut collector: Collector, captured: &[[u8; FRAME_LEN]], labels: &[String]) -> Outcome {
    let mut pacer = Sender::new(collector.address(), PACER)
        .with_key(key_of(PACER))
        .every_ms(HOUR_MS);
    pacer.beat_acked();
    let before = states(&mut collector, labels);
    let listener = Sender::new(collector.address(), "listener");
    for burst in captured.chunks(BURST) {
        burst.iter().for_each(|bytes| listener.send_bytes(bytes));
        pacer.beat_acked();
    }
    collector.says_where("tick", |tick| {
        tick.number("rejected.session") >= captured.len() as i64
    });
    let after = states(&mut collector, labels);
    let seen = |line: &Line| line.number("id");
    let (from, until) = (before.iter().map(seen).max(), after.iter().map(seen).min());
    let told = collector.end_of_all();
    let is_of_them = |line: &&Line| line.is_edge() && line.source().is_some_and(|source| source != PACER);
    let is_meanwhile = |line: &&Line| Some(seen(line)) > from && until.is_none_or(|until| seen(line) < until);
    let last_tick = told.iter().rev().find(|line| line.event() == "tick");
    Outcome {
        dropped: last_tick.map_or(0, |tick| tick.number("rejected.session")),
        known: after.len(),
        told: told.iter().filter(is_of_them).filter(is_meanwhile).count(),
        changed: before
            .iter()
            .zip(&after)
            .filter(|(before, after)| differ(before, after))
            .count(),
    }
}

fn states(collector: &mut Collector, labels: &[String]) -> Vec<Line> {
    collector.signal(Signal::USR1);
    labels.iter().map(|label| collector.shows(label)).collect()
}

fn differ(before: &Line, after: &Line) -> bool {
    let keys = [
        "state",
        "cause",
        "session",
        "seq",
        "received",
        "lost",
        "duplicate",
        "reordered",
        "addr",
    ];
    keys.iter()
        .any(|key| before.as_json()[key] != after.as_json()[key])
}

fn key_of(device: &str) -> DeviceKey {
    let id = KeyId::new(7).expect("7 is not 0");
    let label = Label::new(device).expect("a label of this file");
    MasterKey::new(id, *b"0123456789abcdef").device_key(&label)
}
