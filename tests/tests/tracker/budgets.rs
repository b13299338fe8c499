//! A budget of false alarms (docs/protocol.md, section 9): the multiplier follows from the source's own history.

use beacon_collector::track::config::Config;
use beacon_collector::track::patience::Allowance;
use beacon_common::Frame;
use beacon_tests::line::Line;
use beacon_tests::stage::{Stage, beat, gists, in_session};

/// One false alarm in 1,000 s is allowed; the frames ask for 3 misses.
fn allowing() -> Config {
    Config {
        false_alarms: Some(Allowance {
            period_us: 1_000_000_000,
            misses_max: 20,
        }),
        ..Config::default()
    }
}

fn bound_ms(line: &Line) -> u128 {
    line.bound.expect("silence leads to down").as_millis()
}

fn is_learning(line: &Line) -> bool {
    line.extra.iter().any(|(key, _)| *key == "learning")
}

#[test]
fn a_source_that_is_not_known_is_waited_for_longest_and_its_lines_say_so() {
    let mut stage = Stage::new(allowing());
    let up = stage.hear(0, &beat(0)).remove(0);
    assert_eq!((bound_ms(&up), is_learning(&up)), (20_500, true));
    let told = stage.wait_until(60_000);
    assert_eq!(
        gists(&told),
        [(1_500, "late", "silent"), (20_500, "down", "silent")]
    );
    assert!(told.iter().all(is_learning));
}

/// Nothing was overdue in 128 s: five misses (one more than may have been just missed, halved twice), then three.
#[test]
fn with_what_is_known_the_bound_falls_to_what_the_source_asks_for() {
    let mut stage = Stage::new(allowing());
    stage.hear_steady(1..=128);
    assert!(
        is_learning(&stage.state(128_000)),
        "the next choice is at beat 129"
    );
    stage.hear_steady(129..=129);
    let known = stage.state(129_000);
    assert_eq!((bound_ms(&known), is_learning(&known)), (5_010, false));
    stage.hear_steady(130..=1_400);
    assert_eq!(bound_ms(&stage.state(1_400_000)), 3_010);
    assert_eq!(
        gists(&stage.wait_until(1_500_000)),
        [(1_401_010, "late", "silent"), (1_403_010, "down", "silent")]
    );
}

/// Silences of seven intervals, each a mistake with three misses: the bound grows with the beat that ends one, and never
/// for the silence that goes on.
#[test]
fn a_deadline_that_was_given_stays_and_the_next_one_is_longer() {
    let mut stage = Stage::new(allowing());
    stage.hear_steady(1..=1_400);
    let mut downs = Vec::new();
    for round in 0..4_u32 {
        let seq = 1_407 + 7 * round;
        let now_ms = u64::from(seq) * 1_000;
        let told = stage.wait_until(now_ms - 1);
        downs.extend(told.iter().filter(|line| line.event == "down").map(bound_ms));
        let back = stage.hear(now_ms, &beat(seq)).remove(0);
        assert_eq!(back.gist(), ("up", "back"));
    }
    assert_eq!(downs, [3_010, 3_010], "the second made two in 1,414 s");
    let learned = stage.state(1_428_100);
    // Seven intervals, and a fifth as much again: so much do four silences, one upon the other, teach of bursts.
    assert!((8_400..8_500).contains(&bound_ms(&learned)), "{learned:?}");
    assert!(!is_learning(&learned));
}

#[test]
fn what_was_learned_of_a_path_holds_for_the_next_session() {
    let mut stage = Stage::new(allowing());
    stage.hear_steady(1..=1_400);
    let restarted = stage
        .hear(
            1_400_500,
            &in_session(
                9,
                Frame {
                    sent_us: 0,
                    ..beat(1)
                },
            ),
        )
        .remove(0);
    assert_eq!((bound_ms(&restarted), is_learning(&restarted)), (3_500, false));
}

#[test]
fn a_multiplier_that_beats_the_frames_beats_the_budget_too() {
    let mut stage = Stage::new(Config {
        misses_override: Some(2),
        ..allowing()
    });
    let up = stage.hear(0, &beat(0)).remove(0);
    assert_eq!((bound_ms(&up), is_learning(&up)), (2_500, false));
}
