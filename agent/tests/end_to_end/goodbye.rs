//! The goodbye, and what is sent only once.

use crate::support::{Agent, Collector, is_beat, is_bye};
use beacon_common::{Kind, Reason, Seq};
use rustix::process::Signal;

#[test]
fn an_unheard_goodbye_is_said_three_times_in_the_same_bytes() {
    for signal in [Signal::TERM, Signal::INT] {
        let collector = Collector::new();
        let agent = Agent::beating(&collector, &[]);
        let last_beat = collector.receive().frame;
        agent.signal(signal);
        let (code, lines) = agent.end();
        assert_eq!(code, Some(0));
        assert!(lines.last().unwrap().contains("goodbye (stop): acked by 0 of 1"));
        let bye = collector.receive_until(is_bye);
        assert_eq!(bye.frame.kind, Kind::Bye(Reason::Stop));
        assert_eq!((bye.frame.next_ms, bye.frame.flags.want_ack), (0, true));
        assert!(bye.frame.seq > last_beat.seq);
        assert_eq!(bye.frame.session, last_beat.session);
        for _ in 0..2 {
            assert_eq!(collector.receive().bytes, bye.bytes);
        }
        assert!(collector.is_drained());
    }
}

#[test]
fn a_goodbye_that_is_acked_is_said_once() {
    let collector = Collector::new();
    let agent = Agent::beating(&collector, &["--bye", "reboot"]);
    collector.receive();
    agent.signal(Signal::TERM);
    let bye = collector.receive_until(is_bye);
    assert_eq!(bye.frame.kind, Kind::Bye(Reason::Reboot));
    collector.ack(&bye);
    let (code, lines) = agent.end();
    assert_eq!(code, Some(0));
    assert!(
        lines
            .last()
            .unwrap()
            .contains("goodbye (reboot): acked by 1 of 1")
    );
}

#[test]
fn a_goodbye_goes_on_to_those_who_have_not_acked_it() {
    let (one, other) = (Collector::new(), Collector::new());
    let agent = Agent::beating(&one, &["--to", &other.address()]);
    other.receive();
    agent.signal(Signal::TERM);
    one.ack(&one.receive_until(is_bye));
    assert_eq!(agent.end().0, Some(0));
    assert!(one.is_drained());
    let bye = other.receive_until(is_bye);
    for _ in 0..2 {
        assert_eq!(other.receive().bytes, bye.bytes);
    }
}

#[test]
fn without_acks_a_goodbye_is_said_three_times_and_asks_for_none() {
    let collector = Collector::new();
    let agent = Agent::beating(&collector, &["--ack-every", "0", "--count", "1"]);
    assert!(!collector.receive().frame.flags.want_ack);
    for _ in 0..3 {
        let frame = collector.receive().frame;
        assert!(is_bye(&frame) && !frame.flags.want_ack);
    }
    assert_eq!(agent.end().0, Some(0));
    assert!(collector.is_drained());
}

#[test]
fn another_signal_ends_the_goodbye() {
    let collector = Collector::new();
    let agent = Agent::beating(&collector, &[]);
    collector.receive();
    agent.signal(Signal::TERM);
    collector.receive_until(is_bye);
    agent.signal(Signal::INT);
    assert_eq!(agent.end().0, Some(0));
}

#[test]
fn a_sleep_is_announced_in_a_session_of_its_own() {
    let collector = Collector::new();
    let asleep = Agent::beating(&collector, &["--sleep-for", "8h"]);
    let bye = collector.receive();
    assert_eq!(bye.frame.kind, Kind::Bye(Reason::Sleep));
    assert_eq!((bye.frame.seq, bye.frame.next_ms), (Seq::FIRST, 28_800_000));
    collector.ack(&bye);
    assert_eq!(asleep.end().0, Some(0));
    assert_eq!(
        Agent::beating(&collector, &["--sleep-for", "8h"]).end().0,
        Some(1)
    );
    let unasked = Agent::beating(&collector, &["--sleep-for", "8h", "--ack-every", "0"]);
    assert_eq!(unasked.end().0, Some(0));
}

#[test]
fn once_is_one_beat_and_its_ack() {
    let collector = Collector::new();
    let acked = Agent::beating(&collector, &["--once"]);
    let beat = collector.receive();
    assert!(is_beat(&beat.frame));
    assert_eq!((beat.frame.seq, beat.frame.next_ms), (Seq::FIRST, 50));
    collector.ack(&beat);
    assert_eq!(acked.end().0, Some(0));

    let (code, log) = Agent::beating(&collector, &["--once"]).end();
    assert_eq!(code, Some(1));
    assert!(
        log.iter()
            .any(|line| line.ends_with("no collector has acked the beat")),
        "{log:?}"
    );
    collector.receive();
    assert_eq!(
        Agent::beating(&collector, &["--once", "--ack-every", "0"])
            .end()
            .0,
        Some(0)
    );
    collector.receive();
    assert!(collector.is_drained());
}

#[test]
fn once_resolves_first() {
    let collector = Collector::new();
    let to = format!("ip6-localhost.invalid,127.0.0.1:{}", collector.port());
    let agent = Agent::start(&["--to", &to, "--once"]);
    collector.ack(&collector.receive());
    assert_eq!(agent.end().0, Some(0));
}
