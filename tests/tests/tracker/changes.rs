//! What changes without a change of state: the address and the health (docs/events.md).

use std::time::Duration;

use beacon_common::{Frame, Health, Kind};
use beacon_tests::stage::{Stage, beat, gists, home, in_session, peer};

#[test]
fn within_a_session_another_port_is_a_move() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    let there = peer("10.0.0.7:40113");
    let lines = stage.hear_from(11_000, there, &beat(11));
    assert_eq!(gists(&lines), [(11_000, "moved", "-")]);
    let line = &lines[0];
    assert_eq!(
        line.extra,
        [("from", "10.0.0.7:40112".into()), ("to", "10.0.0.7:40113".into())]
    );
    assert_eq!((line.addr, line.state, line.was), (Some(there.addr), "up", "up"));
    assert_eq!(line.since, Duration::from_secs(10), "up since beat 1");
    assert_eq!(stage.hear_from(12_000, there, &beat(12)), [], "told once");
}

#[test]
fn across_sessions_only_another_host_is_a_move() {
    for (addr, events) in [
        ("10.0.0.7:9", vec!["restarted"]),
        ("10.0.0.8:40112", vec!["restarted", "moved"]),
        ("[2001:db8::7]:40112", vec!["restarted", "moved"]),
    ] {
        let mut stage = Stage::default();
        stage.hear_steady(1..=10);
        let lines = stage.hear_from(10_500, peer(addr), &in_session(10, beat(1)));
        assert_eq!(
            lines.iter().map(|line| line.event).collect::<Vec<_>>(),
            events,
            "{addr}"
        );
    }
}

#[test]
fn only_the_newest_beat_moves_a_source() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    stage.hear(12_000, &beat(12));
    let elsewhere = peer("192.0.2.1:1");
    for (ms, seq) in [(12_100, 11), (12_200, 11), (12_300, 12)] {
        assert_eq!(
            stage.hear_from(ms, elsewhere, &beat(seq)),
            [],
            "beat {seq} is not the newest"
        );
    }
    assert_eq!(stage.state(12_400).addr, Some(home().addr));
}

#[test]
fn a_change_of_health_is_told_once_with_both_ends() {
    let sick = |seq| Frame {
        kind: Kind::Beat(Health::Critical),
        ..beat(seq)
    };
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    let lines = stage.hear(11_000, &sick(11));
    assert_eq!(gists(&lines), [(11_000, "status", "-")]);
    assert_eq!(lines[0].extra, [("from", "ok".into()), ("to", "critical".into())]);
    assert_eq!((lines[0].state, lines[0].status), ("up", "critical"));
    assert_eq!(stage.hear(12_000, &sick(12)), []);
    assert_eq!(gists(&stage.hear(13_000, &beat(13))), [(13_000, "status", "-")]);
}

#[test]
fn the_first_health_is_no_change_and_an_old_beat_has_no_say() {
    let mut stage = Stage::default();
    let first = stage.hear(
        1_000,
        &Frame {
            kind: Kind::Beat(Health::Warning),
            ..beat(1)
        },
    );
    assert_eq!(
        (gists(&first), first[0].status),
        (vec![(1_000, "up", "new")], "warning")
    );
    stage.hear(3_000, &beat(3));
    assert_eq!(
        stage.hear(
            3_100,
            &Frame {
                kind: Kind::Beat(Health::Critical),
                ..beat(2)
            }
        ),
        []
    );
    assert_eq!(stage.state(3_200).status, "ok");
}

#[test]
fn an_edge_a_move_and_a_change_of_health_by_one_beat_are_told_in_that_order() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    let changed = Frame {
        kind: Kind::Beat(Health::Unknown),
        ..beat(20)
    };
    let lines = stage.hear_from(20_000, peer("192.0.2.1:1"), &changed);
    let events: Vec<_> = lines
        .iter()
        .map(|line| (line.event, line.was, line.state))
        .collect();
    assert_eq!(
        events[2..],
        [
            ("up", "down", "up"),
            ("moved", "up", "up"),
            ("status", "up", "up")
        ]
    );
}
