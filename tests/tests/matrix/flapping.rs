//! Sources that fall and come back time and again.

use std::time::Duration;

use beacon_common::Reason;
use beacon_tests::line::Line;

use crate::script::{Device, Told, gists, good_path, play};

const FALL: [Told; 2] = [("late", "silent"), ("up", "back")];

/// So many falls, one every `beats` + 2 s, beginning after a calm minute.
fn falls(count: u32, beats: u32) -> Device {
    (0..count).fold(Device::new(0).beats(60), |device, _| device.skip(2).beats(beats))
}

/// Up to the sixth fall.
pub(crate) fn begins_to_flap() -> Vec<Told> {
    let mut told = vec![("up", "new")];
    (0..5).for_each(|_| told.extend(FALL));
    told.extend([("late", "silent"), ("flapping", "silent")]);
    told
}

fn told_after_flapping(lines: &[Line]) -> Vec<Told> {
    let gists = gists(lines);
    let begin = begins_to_flap();
    assert_eq!(gists[..begin.len()], begin);
    gists[begin.len()..].to_vec()
}

#[test]
fn five_falls_are_told_each() {
    let told = falls(5, 60).told(300_000);
    let each: Vec<Told> = std::iter::once(("up", "new"))
        .chain((0..5).flat_map(|_| FALL))
        .collect();
    assert_eq!(told[..], each);
}

#[test]
fn six_falls_in_more_than_ten_minutes_are_told_each() {
    let told = falls(6, 123).told(60_000 + 6 * 125_000);
    let each: Vec<Told> = std::iter::once(("up", "new"))
        .chain((0..6).flat_map(|_| FALL))
        .collect();
    assert_eq!(told[..], each);
}

#[test]
fn the_falls_of_a_source_that_flaps_are_held_back_until_it_is_steady() {
    let lines = falls(40, 20).beats(600).lines(60_000 + 40 * 22_000 + 600_000);
    assert_eq!(told_after_flapping(&lines), [("steady", "back")]);
    let steady = &lines[lines.len() - 1];
    assert_eq!((steady.state, steady.was), ("up", "late"));
    assert_eq!(steady.since, Duration::from_mins(5));
    assert_eq!(steady.extra, []);
    let flapping = &lines[lines.len() - 2];
    assert_eq!((flapping.state, flapping.was), ("late", "late"));
    assert_eq!(flapping.extra, [("flapping", "true".to_owned())]);
}

/// At a fall every 110 s it is steady at no time.
#[test]
fn a_source_that_falls_for_an_hour_is_told_once() {
    let hour = falls(33, 108);
    let lines = hour.clone().lines(60_000 + 33 * 110_000);
    assert_eq!(told_after_flapping(&lines), []);
    let lines = hour.beats(400).lines(60_000 + 33 * 110_000 + 400_000);
    assert_eq!(told_after_flapping(&lines), [("steady", "back")]);
}

#[test]
fn a_source_that_flaps_and_dies_is_told_five_minutes_after_its_death() {
    let lines = falls(10, 20).lines(3_600_000);
    assert_eq!(told_after_flapping(&lines), [("steady", "silent")]);
    let steady = &lines[lines.len() - 1];
    assert_eq!((steady.state, steady.was), ("down", "late"));
    let bound = steady.bound.expect("it is down");
    assert_eq!(steady.since, Duration::from_mins(5));
    assert_eq!((steady.silent - bound).as_secs(), 300);
}

#[test]
fn a_goodbye_ends_it() {
    for (reason, event, cause) in [
        (Reason::Stop, "stopped", "stop"),
        (Reason::Reboot, "stopped", "reboot"),
        (Reason::Sleep, "asleep", "sleep"),
    ] {
        let lines = falls(10, 20)
            .bye(reason, 0)
            .restart(60_000)
            .beats(100)
            .lines(500_000);
        let told = told_after_flapping(&lines);
        assert_eq!(told[..2], [(event, cause), ("steady", cause)]);
        assert_eq!(told[2].0, "up");
        let steady = lines
            .iter()
            .find(|line| line.event == "steady")
            .expect("told above");
        assert_eq!(steady.state, steady.was);
    }
}

/// What is not a fall is told, with the true state.
#[test]
fn moves_and_restarts_are_told_meanwhile() {
    let there = beacon_tests::stage::peer("10.0.0.9:1");
    let device = falls(7, 20).at_home_in(there).beats(20).restart(0).beats(20);
    let lines = play(&[device], good_path(), 60_000 + 7 * 22_000 + 40_000);
    assert_eq!(
        told_after_flapping(&lines),
        [("moved", "-"), ("restarted", "process")]
    );
    let moved = &lines[lines.len() - 2];
    assert_eq!((moved.state, moved.was), ("up", "late"));
}

/// It has to fall six times again.
#[test]
fn a_source_that_was_steady_begins_anew() {
    let device = (0..5).fold(falls(6, 20).beats(330), |device, _| device.skip(2).beats(20));
    let lines = device.lines(60_000 + 11 * 22_000 + 330_000);
    let told = told_after_flapping(&lines);
    assert_eq!(told[0], ("steady", "back"));
    let each: Vec<Told> = (0..5).flat_map(|_| FALL).collect();
    assert_eq!(told[1..], each);
}
