//! Addresses, and what a network does to datagrams.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use beacon_tests::e2e::{Agent, Binary, Collector, Fate, Relay, run};

use super::{FAST, LOOPBACKS};

#[test]
fn a_source_that_moves_is_the_same_source() {
    for listen in LOOPBACKS {
        let mut collector = Collector::start(listen, &["--report", "100ms"]);
        let relay = Relay::start(collector.address());
        let mut agent = Agent::start(relay.address(), "a", &FAST);
        let up = collector.tells("a", "up new");
        let to = relay.move_away().to_string();
        let moved = collector.tells("a", "moved");
        assert_eq!(
            (moved.text("from"), moved.text("to")),
            (up.text("addr"), to.as_str())
        );
        assert_eq!((moved.text("state"), moved.text("was")), ("up", "up"));
        assert_eq!(moved.text("addr"), to);
        assert_eq!(moved.text("session"), up.text("session"));
        // The goodbye is acked, so the answers have moved too.
        agent.stop();
        collector.tells("a", "stopped stop");
        agent.wait_for_log("acked by 1 of 1");
        collector.stop();
    }
}

#[test]
fn an_agent_sends_from_the_address_that_it_is_told() {
    let mut collector = Collector::start("127.0.0.1:0", &[]);
    let mut agent = Agent::start(collector.address(), "a", &["--bind", "127.0.0.73", "--once"]);
    assert_eq!(agent.wait(), Some(0));
    assert!(
        collector
            .tells("a", "up new")
            .text("addr")
            .starts_with("127.0.0.73:")
    );
    collector.stop();
}

#[test]
fn a_collector_that_takes_both_families_writes_each_address_as_it_is() {
    let mut collector = Collector::start("[::]:0", &[]);
    let port = collector.address().port();
    for (label, to) in [("four", "127.0.0.1"), ("six", "::1")] {
        let to = SocketAddr::new(to.parse().unwrap(), port);
        let mut agent = Agent::start(to, label, &FAST);
        let addr: SocketAddr = collector.tells(label, "up new").text("addr").parse().unwrap();
        assert_eq!(addr.ip(), to.ip());
        agent.wait_for_log("answers");
        assert_eq!(agent.stop(), Some(0));
        collector.tells(label, "stopped stop");
    }
    collector.stop();
}

#[test]
fn a_collector_listens_on_several_addresses_and_answers_from_each() {
    let mut collector = Collector::start_with(&["--listen", LOOPBACKS[0], "--listen", LOOPBACKS[1]]);
    let addresses = collector.addresses().to_vec();
    assert_eq!(addresses.len(), 2);
    for (label, to) in ["first", "second"].into_iter().zip(addresses) {
        assert_eq!(
            Agent::start(to, label, &["--once"]).wait(),
            Some(0),
            "{to} answers"
        );
        collector.tells(label, "up new");
    }
    collector.stop();
}

#[test]
fn an_address_in_use_is_told_in_one_line() {
    for listen in LOOPBACKS {
        let taken = UdpSocket::bind(listen).unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let finished = run(Binary::Collector, ["--listen", &address]);
        assert_eq!(
            (finished.code, finished.stderr.len()),
            (Some(71), 1),
            "{finished:?}"
        );
        assert!(finished.stderr[0].contains(&address), "{finished:?}");
        assert_eq!(finished.stdout, [""; 0]);
    }
}

#[test]
fn what_the_network_does_is_counted() {
    let mut collector = Collector::start("127.0.0.1:0", &[]);
    let relay = Relay::start(collector.address());
    relay.decide(|number| match number {
        4 => Fate::Lost,
        8 => Fate::Doubled,
        12 => Fate::Delayed(Duration::from_millis(150)),
        _ => Fate::Passes,
    });
    let mut agent = Agent::start(relay.address(), "a", &["--interval", "100ms", "--count", "20"]);
    assert_eq!(agent.wait(), Some(0));
    // What is missing or late makes it late, and back again.
    let stopped = loop {
        let line = collector.next_of("a", "stopped stop");
        if line.event() == "stopped" {
            break line;
        }
    };
    let counts = ["received", "lost", "duplicate", "reordered"].map(|key| stopped.number(key));
    assert_eq!(
        counts,
        [20, 1, 1, 1],
        "twenty beats and a bye, one of them lost: {stopped}"
    );
    collector.stop();
}

#[test]
fn a_way_that_swallows_everything_is_an_outage_at_both_ends() {
    let mut collector = Collector::start("[::1]:0", &["--report", "100ms"]);
    let relay = Relay::start(collector.address());
    let mut agent = Agent::start(relay.address(), "a", &FAST);
    collector.tells("a", "up new");
    agent.wait_for_log("answers");
    relay.decide(|_| Fate::Lost);
    collector.tells("a", "late silent");
    collector.tells("a", "down silent");
    agent.wait_for_log("lost");
    relay.decide(|_| Fate::Passes);
    agent.wait_for_log("found");
    let back = collector.tells("a", "up back");
    // A missing beat may still come for two intervals (docs/protocol.md, section 10).
    collector.reports("a", |report| report.number("seq") >= back.number("seq") + 3);
    agent.stop();
    let stopped = collector.tells("a", "stopped stop");
    let [received, lost, seq] = ["received", "lost", "seq"].map(|key| stopped.number(key));
    assert_eq!(received + lost, seq, "{stopped}");
    assert!(lost >= 3, "{stopped}");
    collector.stop();
}
