//! Lines that are asked for: `state` and `report` (docs/events.md).

use std::time::Duration;

use beacon_collector::track::config::Config;
use beacon_common::Frame;
use beacon_tests::line::Line;
use beacon_tests::stage::{Stage, beat, label};

const LABELS: [&str; 3] = ["a", "b", "c"];

fn sources(lines: &[Line]) -> Vec<&str> {
    LABELS
        .into_iter()
        .filter(|name| lines.iter().any(|line| line.source == label(name)))
        .collect()
}

#[test]
fn the_state_of_one_source_is_told_once_however_often_it_is_asked_for() {
    let mut stage = Stage::default();
    let ids = stage.meet(&LABELS.map(label));
    assert_eq!(stage.polled(), [], "nothing unasked");
    [ids[1], ids[1], ids[2], ids[1]]
        .iter()
        .for_each(|&id| stage.tracker.ask_state(id));
    let lines = stage.polled();
    assert_eq!((lines.len(), sources(&lines)), (2, vec!["b", "c"]));
    assert!(
        lines
            .iter()
            .all(|line| line.gist() == ("state", "new") && line.was == line.state)
    );
    assert_eq!(stage.polled(), []);
    stage.tracker.ask_state(ids[1]);
    assert_eq!(stage.polled().len(), 1, "asked for again");
}

#[test]
fn a_state_says_how_it_is_at_the_moment_of_telling() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    stage.wait_until(11_500);
    stage.tracker.ask_all_states();
    let line = stage.polled().remove(0);
    assert_eq!(
        (line.state, line.was, line.cause),
        ("late", "late", Some("silent"))
    );
    assert_eq!(line.silent, Duration::from_millis(1_500));
    assert!(
        line.since < Duration::from_millis(500),
        "late since the deadline, not {:?}",
        line.since
    );
}

#[test]
fn the_states_of_all_are_told_and_asking_again_begins_again() {
    let mut stage = Stage::default();
    stage.meet(&LABELS.map(label));
    stage.tracker.ask_all_states();
    let first = stage.tracker.poll_state(beacon_tests::stage::at(0));
    assert!(first.is_some());
    stage.tracker.ask_all_states();
    let lines = stage.polled();
    assert_eq!((lines.len(), sources(&lines)), (3, LABELS.to_vec()));
}

/// The number of a forgotten source belongs to nobody, or to another one.
#[test]
fn a_source_that_is_forgotten_meanwhile_has_no_state() {
    let mut stage = Stage::new(Config {
        forget: Duration::from_secs(1),
        ..Config::default()
    });
    let ids = stage.meet(&[label("a")]);
    stage.tracker.ask_state(ids[0]);
    stage.wait_until(60_000);
    assert_eq!(stage.polled(), []);
    stage.tracker.ask_state(ids[0]);
    stage.tracker.ask_all_states();
    assert_eq!(stage.polled(), []);
}

fn reporting() -> Stage {
    let mut stage = Stage::new(Config {
        report: Some(Duration::from_secs(10)),
        ..Config::default()
    });
    assert_eq!(stage.wait_until(0), []);
    stage
}

fn number(line: &Line, key: &str) -> i64 {
    let found = line.extra.iter().find(|(name, _)| *name == key);
    found
        .and_then(|(_, value)| value.parse().ok())
        .expect("a report has this number")
}

#[test]
fn a_report_has_the_counters_since_the_last_one_for_each_source() {
    let mut stage = reporting();
    stage.hear_steady(1..=9);
    assert_eq!(stage.polled(), [], "not before its time");
    stage.wait_until(10_000);
    let first = stage.polled().remove(0);
    assert_eq!(first.gist(), ("report", "new"));
    assert_eq!(
        (first.received, first.lost, number(&first, "expected")),
        (9, 0, 9)
    );
    assert_eq!(stage.polled(), [], "once");
    for seq in [10, 12, 13, 14, 15, 15, 17, 16, 18, 19] {
        stage.hear(u64::from(seq.max(10)) * 1_000 + 200, &beat(seq));
    }
    stage.hear(19_300, &beat(19));
    stage.wait_until(20_000);
    let second = stage.polled().remove(0);
    assert_eq!(
        (second.received, second.lost, second.duplicate, second.reordered),
        (9, 1, 2, 1)
    );
    assert_eq!((number(&second, "old"), number(&second, "expected")), (0, 10));
}

#[test]
fn a_report_in_which_losses_are_taken_back_says_so_with_a_negative_number() {
    let mut stage = reporting();
    stage.hear_steady(1..=4);
    [6, 7, 8]
        .iter()
        .for_each(|&seq| drop(stage.hear(u64::from(seq) * 1_000, &beat(seq))));
    stage.wait_until(10_000);
    assert_eq!(stage.polled()[0].lost, 1, "slot 5");
    for seq in [5, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19] {
        stage.hear(u64::from(seq.max(10)) * 1_000, &beat(seq));
    }
    stage.wait_until(20_000);
    let second = stage.polled().remove(0);
    assert_eq!((second.received, second.lost, second.reordered), (12, -1, 1));
    assert_eq!(number(&second, "expected"), 11, "5 was expected before");
}

#[test]
fn a_report_counts_what_was_off_the_wheel_and_the_jitter_of_now() {
    let mut stage = reporting();
    stage.hear_steady(1..=1);
    stage.hear(2_000, &beat(100));
    stage.hear(
        3_000,
        &Frame {
            sent_us: 101_016_000,
            ..beat(101)
        },
    );
    stage.hear(4_000, &beat(1));
    stage.wait_until(10_000);
    let report = stage.polled().remove(0);
    assert_eq!(number(&report, "old"), 1);
    // RFC 3550, A.8: the offset changed by 98 s, then by 16 ms; J += |D| - ((J + 8) >> 4), told as J >> 4.
    let first = 98_000_000;
    let second = first + 16_000 - ((first + 8) >> 4);
    assert_eq!(number(&report, "jitter_us"), second >> 4);
}
