//! Stopped and asleep (docs/protocol.md, section 9).

use std::time::Duration;

use beacon_collector::track::config::Config;
use beacon_common::{Frame, Reason};
use beacon_tests::stage::{Stage, beat, bye, gists, in_session};

const HOUR_MS: u32 = 3_600_000;

#[test]
fn a_goodbye_is_told_with_its_reason_and_silence_after_it_is_not() {
    for (reason, cause) in [
        (Reason::Stop, "stop"),
        (Reason::Reboot, "reboot"),
        (Reason::Upgrade, "upgrade"),
    ] {
        let mut stage = Stage::default();
        stage.hear_steady(1..=10);
        let lines = stage.hear(10_400, &bye(11, reason, 0));
        assert_eq!(gists(&lines), [(10_400, "stopped", cause)]);
        assert_eq!(
            (lines[0].was, lines[0].state, lines[0].bound),
            ("up", "stopped", None)
        );
        assert_eq!(lines[0].received, 11, "a goodbye is received like a beat");
        assert_eq!(stage.wait_until(u64::from(HOUR_MS)), []);
    }
}

#[test]
fn a_goodbye_that_is_repeated_is_told_once() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    let goodbye = bye(11, Reason::Stop, 0);
    let told: Vec<_> = [10_400, 10_500, 10_600]
        .iter()
        .flat_map(|&ms| stage.hear(ms, &goodbye))
        .collect();
    assert_eq!(gists(&told), [(10_400, "stopped", "stop")]);
    let state = stage.state(11_000);
    assert_eq!((state.received, state.duplicate), (11, 2));
}

#[test]
fn after_a_goodbye_the_same_session_is_back_and_a_new_one_is_a_restart() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    stage.hear(10_400, &bye(11, Reason::Stop, 0));
    assert_eq!(gists(&stage.hear(20_000, &beat(12))), [(20_000, "up", "back")]);
    stage.hear(20_400, &bye(13, Reason::Upgrade, 0));
    assert_eq!(
        gists(&stage.hear(30_000, &in_session(30, beat(1)))),
        [(30_000, "up", "restart")]
    );
}

#[test]
fn a_sleeper_that_wakes_in_time_is_awake_whatever_its_session() {
    for session_later in [0, 100] {
        let mut stage = Stage::default();
        stage.hear_steady(1..=10);
        let lines = stage.hear(11_000, &bye(11, Reason::Sleep, HOUR_MS));
        assert_eq!(gists(&lines), [(11_000, "asleep", "sleep")]);
        assert_eq!(lines[0].extra, [("wake_ms", HOUR_MS.to_string())]);
        let awake = stage.hear(3_600_000, &in_session(session_later, beat(3_600)));
        assert_eq!(gists(&awake), [(3_600_000, "up", "awake")]);
    }
}

#[test]
fn a_sleeper_that_does_not_wake_is_late_at_the_announced_end_and_down_two_intervals_later() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=100);
    let asleep = stage.hear(101_000, &bye(101, Reason::Sleep, HOUR_MS));
    assert_eq!(asleep[0].bound, Some(Duration::from_millis(3_602_010)));
    let lines = stage.wait_until(5_000_000);
    assert_eq!(
        gists(&lines),
        [(3_701_010, "late", "overslept"), (3_703_010, "down", "overslept")]
    );
    assert_eq!((lines[0].was, lines[1].was), ("asleep", "late"));
    assert_eq!(
        gists(&stage.hear(6_000_000, &beat(6_000))),
        [(6_000_000, "up", "back")]
    );
}

#[test]
fn a_sleep_without_an_announced_end_is_never_late_and_forgotten_in_the_end() {
    let mut stage = Stage::new(Config {
        forget: Duration::from_hours(2),
        ..Config::default()
    });
    stage.hear_steady(1..=10);
    let asleep = stage.hear(11_000, &bye(11, Reason::Sleep, 0));
    assert_eq!(asleep[0].bound, None);
    let told = stage.wait_until(10_000_000);
    assert_eq!(gists(&told), [(7_211_000, "forgotten", "-")]);
    assert_eq!(told[0].was, "asleep");
}

#[test]
fn a_source_that_is_first_heard_saying_goodbye_is_stopped_or_asleep_at_once() {
    let stopped = Stage::default().hear(0, &bye(5, Reason::Stop, 0));
    assert_eq!(gists(&stopped), [(0, "stopped", "stop")]);
    assert_eq!((stopped[0].was, stopped[0].status), ("unknown", "unknown"));
    let asleep = Stage::default().hear(0, &bye(1, Reason::Sleep, HOUR_MS));
    assert_eq!(gists(&asleep), [(0, "asleep", "sleep")]);
}

#[test]
fn a_goodbye_takes_a_source_that_was_late_or_down_out_of_that() {
    for (ms, was) in [(11_500, "late"), (19_000, "down")] {
        let mut stage = Stage::default();
        stage.hear_steady(1..=10);
        let told = stage.hear(ms, &bye(11, Reason::Stop, 0));
        let last = told.last().expect("a goodbye is told");
        assert_eq!((last.event, last.was), ("stopped", was));
        assert_eq!(stage.wait_until(100_000), []);
    }
}

/// After a goodbye of any reason but sleep there is no deadline, whatever its promise says: the wheel of slots
/// turns on until what was missing is lost.
#[test]
fn what_a_stop_promises_is_not_heeded() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    stage.hear(
        12_000,
        &Frame {
            misses: 1,
            ..bye(12, Reason::Stop, 1)
        },
    );
    assert_eq!(stage.state(12_100).lost, 0, "beat 11 is waited for");
    assert_eq!(stage.state(20_000).lost, 1);
}

#[test]
fn the_first_health_that_a_source_states_is_no_change_of_health() {
    let mut stage = Stage::default();
    let asleep = stage.hear(1_000, &bye(1, Reason::Sleep, HOUR_MS));
    assert_eq!((gists(&asleep)[0].1, asleep[0].status), ("asleep", "unknown"));
    let awake = stage.hear(2_000, &beat(2));
    assert_eq!(gists(&awake), [(2_000, "up", "awake")]);
    assert_eq!(awake[0].status, "ok");
}
