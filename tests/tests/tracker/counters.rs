//! Received, lost, duplicate, reordered (docs/protocol.md, section 10).

use beacon_collector::track::config::Config;
use beacon_common::{Frame, Reason, Seq};
use beacon_tests::line::Line;
use beacon_tests::stage::{Stage, beat, bye, in_session};

fn counts(line: &Line) -> [i128; 4] {
    [line.received, line.lost, line.duplicate, line.reordered]
}

/// RFC 4737's example: of 1, 2, 5, 3, 4, 6 two are reordered, and none is lost.
#[test]
fn reordering_is_counted_as_in_rfc_4737() {
    let mut stage = Stage::default();
    for seq in [1, 2, 5, 3, 4, 6] {
        stage.hear(u64::from(seq.max(5)) * 1_000, &beat(seq));
    }
    assert_eq!(counts(&stage.state(6_500)), [6, 0, 0, 2]);
}

#[test]
fn a_slot_that_is_filled_again_is_a_duplicate_and_nothing_else() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    [10, 10, 3]
        .iter()
        .for_each(|&seq| drop(stage.hear(10_100, &beat(seq))));
    assert_eq!(counts(&stage.state(10_500)), [10, 0, 3, 0]);
}

#[test]
fn a_beat_is_lost_when_the_schedule_has_turned_two_slots_past_it_and_its_coming_takes_that_back() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=50);
    stage.hear(52_000, &beat(52));
    assert_eq!(stage.state(52_999).lost, 0, "slot 51 is one behind");
    stage.hear(53_000, &beat(53));
    assert_eq!(
        counts(&stage.state(53_000)),
        [52, 1, 0, 0],
        "slot 51 is two behind"
    );
    stage.hear(53_500, &beat(51));
    assert_eq!(counts(&stage.state(53_500)), [53, 0, 0, 1]);
}

#[test]
fn the_waiting_time_is_the_collectors_to_set() {
    for (reorder_wait, lost) in [(0, 3), (1, 2), (2, 1), (3, 0)] {
        let mut stage = Stage::new(Config {
            reorder_wait,
            ..Config::default()
        });
        stage.hear_steady(1..=50);
        stage.wait_until(53_001);
        stage.tracker.ask_all_states();
        // Slots 51, 52 and 53 have been due; a beat that is due is waited for first.
        assert_eq!(stage.polled()[0].lost, lost, "waiting {reorder_wait} intervals");
    }
}

#[test]
fn losses_are_told_by_time_while_a_source_is_silent_and_stand_still_when_it_is_down() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=50);
    let lines = stage.wait_until(60_000);
    let told: Vec<_> = lines.iter().map(|line| (line.event, line.lost)).collect();
    assert_eq!(
        told,
        [("late", 0), ("down", 1)],
        "at 53.01 s slot 51 is two behind"
    );
    assert_eq!(stage.state(3_600_000).lost, 1);
}

#[test]
fn the_same_session_settles_what_was_counted_beyond_its_highest_and_a_new_one_takes_it_back() {
    let silent_since_50 = || {
        let mut stage = Stage::default();
        stage.hear_steady(1..=50);
        stage.wait_until(60_000);
        stage
    };
    let mut same = silent_since_50();
    assert_eq!(
        counts(&same.hear(61_000, &beat(61))[0]),
        [51, 9, 0, 0],
        "51 to 59 are lost, 60 is waited for"
    );
    let mut restarted = silent_since_50();
    assert_eq!(
        counts(&restarted.hear(61_000, &in_session(60, beat(1)))[0]),
        [51, 0, 0, 0]
    );
}

#[test]
fn what_is_still_missing_when_a_session_ends_is_lost() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    stage.hear(12_000, &beat(12));
    assert_eq!(
        counts(&stage.hear(12_100, &in_session(12, beat(1)))[0]),
        [12, 1, 0, 0]
    );
}

#[test]
fn a_session_that_takes_over_is_expected_from_its_first_number_if_the_wheel_holds_it() {
    let lost_at_once_and_later = |seq| {
        let mut stage = Stage::default();
        stage.hear_steady(1..=10);
        let first = stage.hear(10_500, &in_session(10, beat(seq)));
        (first[0].lost, stage.state(11_500).lost)
    };
    assert_eq!(lost_at_once_and_later(1), (0, 0));
    assert_eq!(
        lost_at_once_and_later(4),
        (2, 3),
        "1 and 2 are two behind, then 3 is"
    );
    assert_eq!(lost_at_once_and_later(64), (62, 63));
    assert_eq!(lost_at_once_and_later(65), (0, 0));
}

#[test]
fn what_was_sent_before_the_first_sign_of_a_source_or_of_an_older_session_is_not_lost() {
    let mut stage = Stage::default();
    assert_eq!(counts(&stage.hear(0, &beat(40))[0]), [1, 0, 0, 0]);
    let older = stage.hear(2_000, &in_session(-9, beat(30)));
    assert_eq!(counts(&older[1]), [2, 0, 0, 0]);
}

#[test]
fn a_slot_that_leaves_the_wheel_is_lost_for_good() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=2);
    stage.hear(67_000, &beat(67));
    assert_eq!(
        counts(&stage.state(67_000))[1],
        63,
        "3 to 65; 66 is only one behind"
    );
    stage.hear(67_100, &beat(4));
    assert_eq!(
        counts(&stage.state(67_100)),
        [4, 62, 0, 1],
        "4 was still on the wheel"
    );
    stage.hear(67_200, &beat(3));
    assert_eq!(counts(&stage.state(67_200)), [4, 62, 0, 1], "3 was not");
}

#[test]
fn a_leap_to_the_last_number_loses_all_between_and_nothing_overflows() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=2);
    stage.hear(
        3_000,
        &Frame {
            seq: Seq::LAST,
            ..beat(3)
        },
    );
    assert_eq!(stage.state(3_900).lost, i128::from(u32::MAX) - 4, "3 to LAST - 2");
}

#[test]
fn nothing_beyond_a_goodbye_is_expected_and_what_is_missing_before_it_is_lost() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    stage.hear(12_000, &bye(12, Reason::Stop, 0));
    assert_eq!(stage.state(12_900).lost, 0);
    assert_eq!(stage.state(900_000).lost, 1, "slot 11");
}
