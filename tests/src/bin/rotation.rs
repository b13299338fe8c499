//! Replaces the master key of a real collector under load: the new one beside the old, device after device, then the old one
//! taken out, with damaged files between. Shows whether a beat is lost on the way:
//! `cargo run --release -p beacon-tests --bin rotation -- --devices 500`.

#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use beacon_common::{DeviceKey, KeyId, Label, MasterKey};
use beacon_tests::e2e::{Collector, Directory, Limit, Line, Sender, Signal};
use beacon_tests::measure::{Table, conclude};
use clap::Parser;

/// Shows what a change of keys costs.
#[derive(Parser)]
struct Options {
    /// How many devices beat
    #[arg(long, default_value = "500")]
    devices: usize,
    /// How often each of them beats
    #[arg(long, default_value = "50ms", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// How many devices get their new key between two beats
    #[arg(long, default_value = "5")]
    at_once: usize,
}

const OLD: (u8, &str) = (7, "7 30313233343536373839616263646566\n");

const NEW: (u8, &str) = (8, "8 30313233343536373839616263646566\n");

/// How often a file is read while devices get their new key: every second one is damaged.
const READ_EVERY: usize = 4;

/// The beats before and after.
const STEADY: usize = 20;

fn main() -> ExitCode {
    let shown = io::stdout().write_all(rotate(&Options::parse()).as_bytes());
    conclude("rotation", shown)
}

fn rotate(options: &Options) -> String {
    let directory = Directory::default();
    let both = format!("{}{}", OLD.1, NEW.1);
    let write = |content: &str| directory.write("masters", 0o600, content);
    let masters = write(OLD.1);
    let masters = masters.to_str().expect("the name was chosen above");
    let mut collector = Collector::start(
        "127.0.0.1:0",
        &["--keys", masters, "--tick", "100ms", "--misses", "20"],
    );
    let labels: Vec<_> = (0..options.devices).map(|number| format!("s{number}")).collect();
    let interval_ms = options.interval.as_millis() as u32;
    let mut fleet: Vec<_> = labels
        .iter()
        .map(|label| {
            let sender = Sender::new(collector.address(), label).every_ms(interval_ms);
            let mut sender = sender.with_key(key_of(OLD.0, label));
            // It has to prove itself.
            sender.beat_acked();
            sender
        })
        .collect();
    let beat = |fleet: &mut [Sender]| {
        let next = Limit::after(options.interval);
        fleet.iter_mut().for_each(Sender::beat);
        next.pass();
    };

    (0..STEADY).for_each(|_| beat(&mut fleet));
    write(&both);
    collector.signal(Signal::HUP);
    collector.wait_for_log("read again: ids 7, 8");
    let mut reads = 1;
    for (round, first) in (0..options.devices).step_by(options.at_once).enumerate() {
        let until = (first + options.at_once).min(options.devices);
        for (sender, label) in fleet[first..until].iter_mut().zip(&labels[first..until]) {
            sender.set_key(key_of(NEW.0, label));
        }
        if round % READ_EVERY == 0 {
            write(if round % (2 * READ_EVERY) == 0 {
                "8 secret\n"
            } else {
                &both
            });
            collector.signal(Signal::HUP);
            reads += 1;
        }
        beat(&mut fleet);
    }
    write(NEW.1);
    collector.signal(Signal::HUP);
    (0..STEADY).for_each(|_| beat(&mut fleet));
    for sender in &mut fleet {
        sender.beat_acked();
    }

    let tick = collector.says_where("tick", |tick| tick.number("received") >= sent(&fleet));
    collector.signal(Signal::USR1);
    let states: Vec<Line> = labels.iter().map(|label| collector.shows(label)).collect();
    let told = collector.end_of_all();
    let sum = |key: &str| {
        states
            .iter()
            .map(|line| line.number(key))
            .sum::<i64>()
            .to_string()
    };
    let mut table = Table::new(["what", "figure"]);
    let mut row = |what: &str, figure: String| table.row([what.to_owned(), figure]);
    row("devices that got a new key", options.devices.to_string());
    row("times that keys were read again", (reads + 1).to_string());
    row("beats sent", sent(&fleet).to_string());
    row("beats received", sum("received"));
    row("beats lost", sum("lost"));
    for reason in ["key", "tag", "unkeyed"] {
        row(
            &format!("dropped: {reason}"),
            tick.number(&format!("rejected.{reason}")).to_string(),
        );
    }
    let restarted = told.iter().filter(|line| line.event() == "restarted");
    row("`restarted` lines", restarted.count().to_string());
    table.to_string()
}

fn sent(fleet: &[Sender]) -> i64 {
    fleet
        .iter()
        .map(|sender| i64::from(sender.frame.seq.get()) - 1)
        .sum()
}

fn key_of(id: u8, device: &str) -> DeviceKey {
    let id = KeyId::new(id).expect("no key of this file has the id 0");
    let label = Label::new(device).expect("a label of this file");
    MasterKey::new(id, *b"0123456789abcdef").device_key(&label)
}
