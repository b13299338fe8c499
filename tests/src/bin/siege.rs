//! Floods a real collector that has keys with forged frames, beside a real agent, and shows what that changes:
//! `cargo run --release -p beacon-tests --bin siege -- --forged 10000000`.

#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::process::ExitCode;

use beacon_common::{DeviceKey, FRAME_LEN, Flags, Frame, Health, Kind, Label, MasterKey, Seq, Session};
use beacon_common::{KeyId, Moment};
use beacon_tests::e2e::{Agent, Collector, Directory, Line, Sender, Signal};
use beacon_tests::forgery::Forger;
use beacon_tests::load::now;
use beacon_tests::measure::{Table, conclude};
use beacon_tests::random::Random;
use clap::Parser;

const LIVE: &str = "fridge-7";

/// Between so many forged frames one real source is answered: so they never fill the collector's socket.
const BURST: u64 = 50;

/// Shows what forged frames change at beacon-collector --keys.
#[derive(Parser)]
struct Options {
    /// How many frames are forged
    #[arg(long, default_value = "10000000")]
    forged: u64,
    /// From which they follow
    #[arg(long, default_value = "1")]
    seed: u64,
    /// How often the real agent beats
    #[arg(long, default_value = "1s")]
    interval: String,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let shown = io::stdout().write_all(siege(&options).as_bytes());
    conclude("siege", shown)
}

fn siege(options: &Options) -> String {
    let directory = Directory::default();
    let master = MasterKey::new(KeyId::new(7).expect("7 is not 0"), *b"0123456789abcdef");
    let masters = directory.write("masters", 0o600, "7 30313233343536373839616263646566\n");
    let masters = masters.to_str().expect("the name was chosen above");
    let line = format!("{}\n", key_of(&master, LIVE).reveal());
    let key = directory.write("key", 0o600, &line);
    let key = key.to_str().expect("the name was chosen above");

    // One worker has one socket: what it answers came after all that was sent before.
    let arguments = ["--keys", masters, "--tick", "1s", "--workers", "1"];
    let mut collector = Collector::start("127.0.0.1:0", &arguments);
    let to = collector.address();
    let arguments = ["--key-file", key, "--interval", &options.interval];
    let mut agent = Agent::start(to, LIVE, &arguments);
    collector.tells(LIVE, "up new");
    let mut pacer = Sender::new(to, "pacer").every_ms(3_600_000);
    pacer = pacer.with_key(key_of(&master, "pacer"));
    pacer.beat_acked();
    collector.tells("pacer", "up new");

    let before = now();
    let mut forger = Forger::new(Random::new(options.seed), key_of(&master, "mallory"));
    forger.hear(label(LIVE), recorded(&key_of(&master, LIVE)));
    let attacker = Sender::new(to, "attacker");
    for sent in 0..options.forged {
        if sent % BURST == 0 {
            pacer.beat_acked();
        }
        attacker.send_bytes(&forger.forge());
    }
    pacer.beat_acked();
    let took = now().since(before);

    let tick = collector.says_where("tick", |tick| dropped(tick) >= options.forged as i64);
    collector.signal(Signal::USR1);
    let state = collector.shows(LIVE);
    assert_eq!(agent.stop(), Some(0), "the agent ended in order");
    let told = collector.end_of_all();

    let mut table = Table::new(["what", "figure"]);
    let mut row = |what: &str, figure: String| table.row([what.to_owned(), figure]);
    row("forged frames", options.forged.to_string());
    row("dropped", dropped(&tick).to_string());
    row("no room in the socket", tick.number("socket_drops").to_string());
    row("took", format!("{took:.1?}"));
    let counts = tick.as_json()["rejected"].as_object().into_iter().flatten();
    counts.for_each(|(reason, count)| row(&format!("dropped: {reason}"), count.to_string()));
    for key in ["received", "lost", "duplicate", "reordered"] {
        row(&format!("live source: {key}"), state.number(key).to_string());
    }
    // A machine that is busy with the flood runs the agent late: that is told, and is not the forged frames' doing.
    for event in [
        "up",
        "late",
        "down",
        "restarted",
        "moved",
        "duplicate_label",
        "stopped",
    ] {
        let is_it = |line: &&Line| line.source() == Some(LIVE) && line.event() == event;
        let count = told.iter().filter(is_it).count();
        row(&format!("live source: `{event}` lines"), count.to_string());
    }
    table.to_string()
}

fn label(text: &str) -> Label {
    Label::new(text).expect("a label of this file")
}

fn key_of(master: &MasterKey, device: &str) -> DeviceKey {
    master.device_key(&label(device))
}

/// What an attacker has to begin with; it is never sent as it is.
fn recorded(key: &DeviceKey) -> [u8; FRAME_LEN] {
    let frame = Frame {
        kind: Kind::Beat(Health::Ok),
        flags: Flags {
            want_ack: true,
            skipped: false,
        },
        misses: 3,
        label: label(LIVE),
        session: Session::new(1_790_000_000, 1),
        sent_us: Moment::ORIGIN.as_nanos(),
        seq: Seq::new(1_000),
        interval_ms: 100,
        next_ms: 100,
        uptime_s: 1,
    };
    let mut bytes = [0; FRAME_LEN];
    frame.emit(Some(key), &mut bytes);
    bytes
}

/// How many datagrams were dropped, for whatever reason.
fn dropped(tick: &Line) -> i64 {
    let counts = tick.as_json()["rejected"].as_object().into_iter().flatten();
    counts.filter_map(|(_, count)| count.as_i64()).sum()
}
