//! Acks, lost and found, probes and statistics.

use crate::support::{Agent, Collector, command, is_beat};
use beacon_common::{DeviceKey, KeyId, Kind, Seq, View};
use rustix::process::Signal;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_collector_is_lost_once_and_found_once() {
    let collector = Collector::new();
    let agent = Agent::beating(&collector, &["--count", "40"]);
    collector.ack(&collector.receive());
    assert!(
        agent
            .log_line(": answers")
            .starts_with("beacon-agent: info: 127.0.0.1:")
    );
    let line = agent.log_line("lost");
    assert!(line.starts_with("beacon-agent: warn: 127.0.0.1:"), "{line}");
    // Lost when the beat after three unanswered ones was due; and then no more is said of it.
    for number in 2..=10 {
        assert_eq!(collector.receive().frame.seq, Seq::new(number));
    }
    let (code, lines) = std::thread::scope(|scope| {
        let ended = scope.spawn(|| agent.end());
        loop {
            let received = collector.receive();
            collector.ack(&received);
            if !is_beat(&received.frame) {
                return ended.join().unwrap();
            }
        }
    });
    assert_eq!(code, Some(0));
    let count = |part| lines.iter().filter(|line| line.contains(part)).count();
    assert_ne!(count("found"), 0);
    assert_eq!(count("found"), count("lost") + 1, "{lines:#?}");
}

#[test]
fn only_every_nth_beat_asks() {
    let collector = Collector::new();
    let _agent = Agent::beating(&collector, &["--ack-every", "3"]);
    let asked: Vec<_> = (0..7).map(|_| collector.receive().frame.flags.want_ack).collect();
    assert_eq!(asked, [true, false, false, true, false, false, true]);
}

#[test]
fn of_two_collectors_the_silent_one_is_lost() {
    let (one, other) = (Collector::new(), Collector::new());
    let agent = Agent::beating(&one, &["--to", &other.address()]);
    for _ in 0..6 {
        other.ack(&other.receive());
    }
    agent.log_line(&format!("{}: answers", other.address()));
    agent.log_line(&format!("{}: lost", one.address()));
}

#[test]
fn an_only_collector_may_answer_from_another_address() {
    let (collector, elsewhere) = (Collector::new(), Collector::new());
    let agent = Agent::beating(&collector, &[]);
    elsewhere.ack(&collector.receive());
    assert!(agent.log_line(": answers").contains(&collector.address()));
}

#[test]
fn a_probe_is_answered_to_whoever_sent_it() {
    let (collector, prober) = (Collector::new(), Collector::new());
    let _agent = Agent::start(&["--to", &collector.address(), "--interval", "1d", "--misses", "7"]);
    let beat = collector.receive();
    prober.probe(&beat, 0xfeed, None);
    let reply = prober.receive().frame;
    assert_eq!(reply.kind, Kind::Reply);
    assert_eq!((reply.sent_us, reply.seq), (0xfeed, Seq::FIRST));
    assert_eq!(
        (reply.session, reply.label),
        (beat.frame.session, beat.frame.label)
    );
    assert_eq!(reply.interval_ms, 86_400_000);
    assert!(reply.next_ms <= beat.frame.next_ms);
}

#[test]
fn with_a_key_everything_is_tagged_and_what_is_not_is_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    std::fs::write(&path, "7 3ef60eb36452baf30efd880352564763\n").unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let id = KeyId::new(7).unwrap();
    let key = DeviceKey::new(id, 0x3ef6_0eb3_6452_baf3_0efd_8803_5256_4763_u128.to_be_bytes());
    let wrong = DeviceKey::new(id, [0; 16]);

    let collector = Collector::new();
    let key_file = path.to_str().unwrap();
    let agent = Agent::start(&[
        "--to",
        &collector.address(),
        "--interval",
        "1d",
        "--key-file",
        key_file,
    ]);
    let beat = collector.receive();
    assert!(View::parse(&beat.bytes).unwrap().is_tagged_by(&key));
    collector.probe(&beat, 1, None);
    collector.probe(&beat, 2, Some(&wrong));
    collector.send(&beat.frame.ack(), Some(&wrong), beat.from);
    collector.probe(&beat, 3, Some(&key));
    let reply = collector.receive();
    assert_eq!(reply.frame.sent_us, 3);
    assert!(View::parse(&reply.bytes).unwrap().is_tagged_by(&key));
    agent.signal(Signal::USR1);
    assert!(agent.log_line("ignored").contains("probes 1 ignored 3"));
}

#[test]
fn the_statistics_are_shown_to_whoever_asks() {
    let collector = Collector::new();
    let mut command = command(&["--to", &collector.address(), "--interval", "1d"]);
    let agent = Agent::spawn(command.env("RUST_LOG", "off"));
    let beat = collector.receive();
    collector.ack(&beat);
    // The reply comes after the ack before it has been taken.
    collector.probe(&beat, 1, None);
    assert_eq!(collector.receive().frame.kind, Kind::Reply);
    agent.signal(Signal::USR1);
    let line = agent.log_line("beats");
    assert_eq!(
        line,
        "beacon-agent: info: beats 1 unsent 0 skipped 0 probes 1 ignored 0"
    );
    let line = agent.log_line(&collector.address());
    assert!(
        line.contains("answering; acks 1 lost 0; round trip min "),
        "{line}"
    );
}
