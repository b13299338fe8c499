//! Beats, their numbers and their promises.

use crate::support::{Agent, Collector, is_beat, is_bye};
use beacon_common::{Health, Kind, Seq};
use rustix::process::Signal;
use std::net::ToSocketAddrs as _;
use std::time::Duration;

const INTERVAL_US: i64 = 50_000;

#[test]
fn the_first_beat_says_who_it_is_and_comes_at_once() {
    let collector = Collector::new();
    let to = collector.address();
    // Any beat but the first is a day away.
    let _agent = Agent::start(&[
        "--to",
        &to,
        "--interval",
        "1d",
        "--label",
        "fridge-7",
        "--misses",
        "5",
    ]);
    let frame = collector.receive().frame;
    assert_eq!(frame.kind, Kind::Beat(Health::Ok));
    assert_eq!(frame.label.as_str(), "fridge-7");
    assert_eq!((frame.seq, frame.misses), (Seq::FIRST, 5));
    assert_eq!(frame.interval_ms, 86_400_000);
    assert!((1..=86_400_000).contains(&frame.next_ms), "{}", frame.next_ms);
    assert!(frame.flags.want_ack && !frame.flags.skipped);
    assert!(frame.session.as_u64() >> 32 > 1_700_000_000);
    assert!(frame.uptime_s > 0);
}

/// What is promised is the slot, whenever its beat gets out; so every promise points at one and the same grid.
#[test]
fn beats_are_numbered_and_promise_the_same_grid_of_slots() {
    let collector = Collector::new();
    let _agent = Agent::beating(&collector, &[]);
    let first = collector.receive().frame;
    let slot_us = |sent_us: u64, next_ms: u32| sent_us as i64 + i64::from(next_ms) * 1_000;
    let grid_us = slot_us(first.sent_us, first.next_ms);
    assert!(first.next_ms <= 50);
    let mut promised_us = grid_us;
    for number in 2..=30 {
        let frame = collector.receive().frame;
        assert_eq!(frame.seq, Seq::new(number));
        assert_eq!(frame.session, first.session);
        assert!(frame.sent_us as i64 >= promised_us - 500, "never before its slot");
        promised_us = slot_us(frame.sent_us, frame.next_ms);
        let off_us = (promised_us - grid_us + INTERVAL_US / 2).rem_euclid(INTERVAL_US) - INTERVAL_US / 2;
        assert!(off_us.abs() <= 1_000, "{off_us} us off the grid");
    }
}

#[test]
fn slots_that_a_stopped_process_misses_are_skipped_and_flagged() {
    let collector = Collector::new();
    let agent = Agent::beating(&collector, &[]);
    let second = collector.receive_until(|frame| frame.seq == Seq::new(2));
    agent.signal(Signal::STOP);
    let last = collector.receive_until_silent(Duration::from_millis(400));
    let before = last.unwrap_or(second).frame;
    agent.signal(Signal::CONT);
    let after = collector.receive().frame;
    assert!(after.flags.skipped);
    assert_eq!(
        after.seq.get(),
        before.seq.get() + 1,
        "what is skipped has no number"
    );
    assert!(after.sent_us - before.sent_us > 300_000);
    assert!(agent.log_line("skipped").contains("beats"));
    // One that starves again may flag again, but not for ever.
    assert!((0..100).any(|_| !collector.receive().frame.flags.skipped));
}

#[test]
fn all_collectors_are_sent_the_same_frames() {
    let (one, other) = (Collector::new(), Collector::at("[::1]:0"));
    let agent = Agent::beating(&one, &["--to", &other.address(), "--count", "5"]);
    for _ in 0..5 {
        let frames = [one.receive(), other.receive()];
        assert!(is_beat(&frames[0].frame));
        assert_eq!(frames[0].bytes, frames[1].bytes);
    }
    let (code, _) = agent.end();
    assert_eq!(code, Some(0));
}

#[test]
fn a_name_that_does_not_resolve_holds_up_nothing() {
    let collector = Collector::new();
    let agent = Agent::beating(&collector, &["--to", "nobody.invalid"]);
    for number in 1..=5 {
        assert_eq!(collector.receive().frame.seq, Seq::new(number));
    }
    assert!(agent.log_line("name not resolved").contains("nobody.invalid"));
    let nowhere = Agent::start(&["--to", "nobody.invalid", "--interval", "50ms"]);
    nowhere.log_line("name not resolved");
    nowhere.signal(Signal::TERM);
    assert_eq!(nowhere.end().0, Some(0));
}

#[test]
fn the_first_beat_to_a_name_comes_as_soon_as_it_is_resolved() {
    let address = ("localhost", 0).to_socket_addrs().unwrap().next().unwrap();
    let collector = Collector::at(&address.to_string());
    let to = format!("localhost:{}", collector.port());
    let _agent = Agent::start(&["--to", &to, "--interval", "1d"]);
    assert_eq!(collector.receive().frame.seq, Seq::FIRST);
}

/// A name with two addresses, of which only one has a listener: silence moves on to it.
#[test]
fn a_name_is_resolved_and_its_addresses_are_tried_in_turn() {
    let collector = Collector::new();
    let to = format!("localhost:{}", collector.port());
    let _agent = Agent::start(&["--to", &to, "--interval", "20ms", "--misses", "1"]);
    assert!(is_beat(&collector.receive().frame));
}

#[test]
fn an_address_to_send_from_that_is_not_there_is_survived() {
    let collector = Collector::new();
    // RFC 5737: this address is nobody's.
    let agent = Agent::beating(&collector, &["--bind", "203.0.113.77"]);
    let line = agent.log_line("source address unusable");
    assert!(line.starts_with("beacon-agent: warn: 127.0.0.1:"), "{line}");
    // Lost comes after three more tries, about which nothing more is told.
    assert!(agent.log_line("").contains("lost"));
    agent.signal(Signal::TERM);
    assert_eq!(agent.end().0, Some(0));
}

#[test]
fn the_address_to_send_from_is_kept() {
    let collector = Collector::new();
    let _agent = Agent::beating(&collector, &["--bind", "127.0.0.9"]);
    assert_eq!(collector.receive().from.ip().to_string(), "127.0.0.9");
}

#[test]
fn a_count_of_beats_ends_with_a_goodbye() {
    let collector = Collector::new();
    let agent = Agent::beating(&collector, &["--count", "3"]);
    for number in 1..=3 {
        let frame = collector.receive().frame;
        assert_eq!((frame.seq, is_beat(&frame)), (Seq::new(number), true));
    }
    let bye = collector.receive();
    assert_eq!((bye.frame.seq, is_bye(&bye.frame)), (Seq::new(4), true));
    collector.ack(&bye);
    assert_eq!(agent.end().0, Some(0));
}
