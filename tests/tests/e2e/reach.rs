//! The agent and what it can reach, seen by a collector made by hand where the frames matter.

use std::net::UdpSocket;
use std::time::Duration;

use beacon_common::{FRAME_LEN, Frame, Health, Kind, Reason, View};
use beacon_tests::e2e::{Agent, Binary, Collector, Receiver, Signal, run};

use super::FAST;

/// An address that nothing listens on. It is on a part of the loopback that nobody else uses, so that its port stays
/// free.
fn closed(host: &str) -> String {
    let socket = UdpSocket::bind((host, 0)).unwrap();
    socket.local_addr().unwrap().to_string()
}

/// The slot after this beat, in milliseconds since the session began.
fn next_slot_ms(frame: &Frame) -> i64 {
    (frame.sent_us as i64 + 500) / 1_000 + i64::from(frame.next_ms)
}

#[test]
fn a_collector_that_starts_later_is_found() {
    let address = closed("127.0.0.71");
    let mut agent = Agent::start(address.parse().unwrap(), "a", &FAST);
    agent.wait_for_log("lost");
    let mut collector = Collector::start(&address, &[]);
    agent.wait_for_log("found");
    collector.tells("a", "up new");
    assert_eq!(agent.stop(), Some(0));
    collector.tells("a", "stopped stop");
    collector.stop();
}

#[test]
fn a_name_that_does_not_resolve_holds_nothing_up() {
    let mut collector = Collector::start("127.0.0.1:0", &[]);
    let arguments = [&FAST[..], &["--to", "no-such-host.invalid"]].concat();
    let mut agent = Agent::start(collector.address(), "a", &arguments);
    collector.tells("a", "up new");
    agent.wait_for_log("no-such-host.invalid");
    assert_eq!(agent.stop(), Some(0));
    collector.tells("a", "stopped stop");
    collector.stop();

    let mut alone = Agent::start_with(&["--to", "no-such-host.invalid", "--label", "b"]);
    alone.wait_for_log("no-such-host.invalid");
    assert_eq!(alone.stop(), Some(0), "it still waits for the name");
}

#[test]
fn once_is_told_by_the_exit_code() {
    let mut collector = Collector::start("[::1]:0", &[]);
    assert_eq!(
        Agent::start(collector.address(), "a", &["--once"]).wait(),
        Some(0)
    );
    collector.tells("a", "up new");
    collector.stop();

    let silent = Receiver::bind("127.0.0.1:0");
    assert_eq!(Agent::start(silent.address(), "a", &["--once"]).wait(), Some(1));
    let unasked = ["--once", "--ack-every", "0"];
    assert_eq!(Agent::start(silent.address(), "a", &unasked).wait(), Some(0));
    let (asked, _) = silent.frame();
    let (unasked, _) = silent.frame();
    assert_eq!((asked.flags.want_ack, unasked.flags.want_ack), (true, false));
    assert_eq!(
        silent.within(Duration::ZERO),
        None,
        "one beat each, and no goodbye"
    );
}

#[test]
fn a_count_of_beats_ends_with_a_goodbye_that_is_repeated_until_it_is_heard() {
    let receiver = Receiver::bind("127.0.0.1:0");
    let mut agent = Agent::start(receiver.address(), "a", &["--count", "3", "--interval", "50ms"]);
    let frames: [Frame; 6] = std::array::from_fn(|_| receiver.frame().0);
    assert_eq!(agent.wait(), Some(0));
    assert_eq!(receiver.within(Duration::ZERO), None);
    assert_eq!(frames.map(|frame| frame.seq.get()), [1, 2, 3, 4, 4, 4]);
    assert!(
        frames[..3]
            .iter()
            .all(|frame| frame.kind == Kind::Beat(Health::Ok))
    );
    assert_eq!(frames[3].kind, Kind::Bye(Reason::Stop));
    assert_eq!(frames[3].next_ms, 0);
    assert_eq!(
        (frames[4], frames[5]),
        (frames[3], frames[3]),
        "a repetition is the same frame"
    );
}

#[test]
fn a_goodbye_that_is_heard_is_not_repeated() {
    let receiver = Receiver::bind("[::1]:0");
    let mut agent = Agent::start(receiver.address(), "a", &["--count", "1"]);
    let (beat, from) = receiver.frame();
    receiver.ack(&beat, from);
    let (bye, from) = receiver.frame();
    receiver.ack(&bye, from);
    assert_eq!(agent.wait(), Some(0));
    assert_eq!(receiver.within(Duration::ZERO), None);
    agent.wait_for_log("acked by 1 of 1");
}

#[test]
fn acks_are_asked_for_as_often_as_wanted() {
    let receiver = Receiver::bind("127.0.0.1:0");
    let _agent = Agent::start(
        receiver.address(),
        "a",
        &["--interval", "20ms", "--ack-every", "3"],
    );
    let asked: [bool; 7] = std::array::from_fn(|_| receiver.frame().0.flags.want_ack);
    assert_eq!(asked, [true, false, false, true, false, false, true]);
}

#[test]
fn several_collectors_get_the_same_frames() {
    let receivers = ["127.0.0.1:0", "[::1]:0"].map(Receiver::bind);
    let second = receivers[1].address().to_string();
    let arguments = [&FAST[..], &["--to", &second, "--misses", "7"]].concat();
    let _agent = Agent::start(receivers[0].address(), "a", &arguments);
    for _ in 0..3 {
        let [(first, _), (second, _)] = [receivers[0].frame(), receivers[1].frame()];
        assert_eq!(first, second);
        assert_eq!(first.misses, 7);
    }
}

#[test]
fn a_dry_run_shows_the_first_frame_and_sends_nothing() {
    let receiver = Receiver::bind("127.0.0.1:0");
    let to = receiver.address().to_string();
    let shown = run(Binary::Agent, ["--to", &to, "--label", "fridge-7", "--dry-run"]);
    assert_eq!((shown.code, shown.stderr.len()), (Some(0), 0), "{shown:?}");
    let hex = &shown.stdout[0];
    let digits = |at: usize| hex.get(2 * at..2 * at + 2);
    let bytes: Vec<u8> = (0..FRAME_LEN)
        .map(|at| u8::from_str_radix(digits(at).unwrap(), 16).unwrap())
        .collect();
    let frame = View::parse(&bytes).unwrap().frame();
    assert_eq!(
        (frame.label.as_str(), frame.seq.get(), frame.interval_ms),
        ("fridge-7", 1, 10_000)
    );
    assert!(
        shown
            .stdout
            .iter()
            .any(|line| line.split_whitespace().eq(["label", "fridge-7"])),
        "{shown:?}"
    );
    assert_eq!(receiver.within(Duration::ZERO), None);
}

#[test]
fn statistics_are_logged_on_a_signal() {
    let receiver = Receiver::bind("127.0.0.1:0");
    let mut agent = Agent::start(receiver.address(), "a", &["--interval", "1h"]);
    let (beat, from) = receiver.frame();
    receiver.ack(&beat, from);
    agent.wait_for_log("answers");
    agent.signal(Signal::USR1);
    agent.wait_for_log("beats 1 ");
    agent.wait_for_log("acks 1 ");
}

/// The slots are told by the promises, so that no load of the machine changes what is asserted.
#[test]
fn slots_that_were_slept_through_are_skipped_and_flagged_and_not_made_up_for() {
    const INTERVAL_MS: i64 = 50;
    let receiver = Receiver::bind("127.0.0.1:0");
    let agent = Agent::start(
        receiver.address(),
        "a",
        &["--interval", "50ms", "--ack-every", "0"],
    );
    let (first, _) = receiver.frame();
    assert!(
        (0..=INTERVAL_MS).contains(&i64::from(first.next_ms)),
        "a random phase: {first:?}"
    );
    let mut before = receiver.frame().0;
    agent.signal(Signal::STOP);
    // What was sent until then has come; after that nothing does.
    while let Some((frame, _)) = receiver.within(Duration::from_millis(300)) {
        before = frame;
    }
    agent.signal(Signal::CONT);
    let mut skipped = 0;
    for turn in 0..8 {
        let (frame, _) = receiver.frame();
        assert_eq!(
            frame.seq.get(),
            before.seq.get() + 1,
            "a skipped slot takes no number"
        );
        let slots_us = i64::from(frame.sent_us as u32) - i64::from(before.sent_us as u32);
        let passed_ms = next_slot_ms(&frame) - next_slot_ms(&before);
        let slots = (passed_ms + INTERVAL_MS / 2) / INTERVAL_MS;
        assert!(
            (passed_ms - slots * INTERVAL_MS).abs() <= 2,
            "on the schedule, {slots_us} us later: {frame:?}"
        );
        assert!(slots >= 1, "one beat a slot: {before:?} {frame:?}");
        assert_eq!(frame.flags.skipped, slots > 1, "{before:?} {frame:?}");
        if turn == 0 {
            skipped = slots - 1;
        }
        before = frame;
    }
    assert!(
        skipped >= 4,
        "it was frozen for six intervals and skipped {skipped}"
    );
}
