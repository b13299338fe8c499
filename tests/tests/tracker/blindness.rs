//! What the collector could not hear is nobody's fault (docs/protocol.md, section 9).

use std::time::Duration;

use beacon_collector::track::commons::Commons;
use beacon_collector::track::config::Config;
use beacon_collector::track::event::{Cause, What};
use beacon_collector::track::tracker::Tracker;
use beacon_common::{Frame, Reason};
use beacon_tests::stage::{Stage, at, beat, bye, gists, in_session};

fn be_blind(stage: &mut Stage, from: u64, until: u64) {
    let blind = Duration::from_millis(until - from);
    stage.tracker.on_blind(at(from), at(until), blind, Cause::Stalled);
}

/// Steady until 20,000, with a margin of some 20 ms by then.
fn steady() -> Stage {
    let mut stage = Stage::default();
    stage.hear_steady(1..=20);
    stage
}

/// Whatever part of an interval the blindness lasts, and wherever in one it begins, the next beat that could be heard
/// is in time.
#[test]
fn a_source_whose_beats_were_not_heard_is_not_even_late() {
    for from in (20_000..=21_000).step_by(125) {
        for blind in [100, 900, 1_000, 1_100, 29_500, 29_900, 30_000, 30_125] {
            let mut stage = steady();
            let until = from + blind;
            be_blind(&mut stage, from, until);
            let seq = until.div_ceil(1_000) as u32;
            let lines = stage.hear(u64::from(seq) * 1_000, &beat(seq));
            assert_eq!(gists(&lines), [], "blind from {from} until {until}");
            assert_eq!(stage.wait_until(until), []);
        }
    }
}

#[test]
fn a_source_that_died_meanwhile_goes_down_within_its_bound_after_the_blindness() {
    for from in (20_000..=21_000).step_by(125) {
        let bound_ms = steady().state(20_000).bound.unwrap().as_millis() as u64;
        for blind in [100, 900, 1_000, 1_100, 29_500, 30_000] {
            let mut stage = steady();
            let until = from + blind;
            be_blind(&mut stage, from, until);
            let lines = stage.wait_until(from + blind + 10_000);
            let gists = gists(&lines);
            assert_eq!((gists[0].1, gists[1].1, gists.len()), ("late", "down", 2));
            let down_ms = gists[1].0;
            assert!(
                (20_000 + bound_ms + blind..=until + bound_ms + 1).contains(&down_ms),
                "blind from {from} until {until}, down at {down_ms}"
            );
            let down = &lines[1];
            assert_eq!(
                down.bound,
                Some(down.silent),
                "the bound tells the deadline in force"
            );
            assert_eq!(down.lost, 1, "as many as without blindness");
        }
    }
}

/// It came while the collector was blind, and waited in the socket.
#[test]
fn a_beat_that_waited_is_put_off_by_what_was_blind_after_it() {
    let mut stage = steady();
    stage.hear(21_000, &beat(21));
    be_blind(&mut stage, 20_500, 21_500);
    let lines = stage.wait_until(30_000);
    let gists = gists(&lines);
    assert_eq!(
        gists.iter().map(|gist| gist.1).collect::<Vec<_>>(),
        ["late", "down"]
    );
    assert!((22_520..22_530).contains(&gists[0].0), "{gists:?}");
}

/// A deadline that had passed before stays passed, and the next one is put off.
#[test]
fn who_was_late_before_stays_late_for_the_blind_time() {
    let mut stage = steady();
    let late = stage.wait_until(22_000);
    assert_eq!(gists(&late)[0].1, "late");
    be_blind(&mut stage, 22_000, 32_000);
    let older = in_session(-100, beat(1));
    let down = stage.wait_until(40_000);
    assert_eq!(gists(&down)[0].1, "down");
    assert!((33_020..33_030).contains(&gists(&down)[0].0), "{down:?}");

    let mut stage = steady();
    stage.wait_until(22_000);
    be_blind(&mut stage, 22_000, 32_000);
    let lines = stage.hear(32_100, &older);
    assert_eq!(gists(&lines)[0].1, "restarted", "an older session may take over");
}

#[test]
fn the_end_of_a_sleep_and_of_being_kept_are_put_off_too() {
    let config = Config {
        forget: Duration::from_mins(1),
        ..Config::default()
    };
    let mut stage = Stage::new(config);
    stage.hear(0, &bye(1, Reason::Stop, 0));
    be_blind(&mut stage, 1_000, 31_000);
    assert_eq!(gists(&stage.wait_until(90_000)), [(90_000, "forgotten", "-")]);

    let mut stage = steady();
    stage.hear(20_100, &bye(21, Reason::Sleep, 60_000));
    be_blind(&mut stage, 30_000, 90_000);
    assert_eq!(gists(&stage.wait_until(140_000)), []);
    assert_eq!(gists(&stage.wait_until(142_000))[0].2, "overslept");
}

/// Each tracker puts its own deadlines off, and one tells.
#[test]
fn of_several_trackers_one_tells() {
    let commons = Commons::new(&Config::default());
    let mut trackers = [(); 3].map(|()| Tracker::sharing(Config::default(), commons.clone()));
    let mut told = |episodes: [(u64, u64); 3]| {
        let mut told = Vec::new();
        for (tracker, (from, until)) in trackers.iter_mut().zip(episodes) {
            let blind = Duration::from_millis(until - from);
            tracker.on_blind(at(from), at(until), blind, Cause::Suspended);
            told.extend(std::iter::from_fn(|| tracker.poll_event()).map(|event| event.what));
        }
        told
    };
    let once = |ms| {
        [What::Blind {
            blind: Duration::from_millis(ms),
            cause: Cause::Suspended,
        }]
    };
    assert_eq!(told([(100, 1_000), (0, 1_010), (300, 900)]), once(900));
    assert_eq!(
        told([(2_000, 3_000), (2_500, 3_500), (2_500, 3_500)]),
        once(1_000)
    );
    assert_eq!(told([(3_000, 3_400), (3_500, 3_500), (3_600, 4_000)]), once(400));
}

/// A whole fleet that was not heard for a while has not been lost.
#[test]
fn blindness_is_no_mass_loss() {
    let mut stage = Stage::default();
    let labels: Vec<_> = (0..20)
        .map(|n| beacon_tests::stage::label(&format!("s{n}")))
        .collect();
    stage.meet(&labels);
    for seq in 2..=20 {
        for &label in &labels {
            stage.hear(u64::from(seq) * 1_000, &Frame { label, ..beat(seq) });
        }
    }
    be_blind(&mut stage, 20_100, 50_050);
    for &label in &labels {
        let lines = stage.hear(51_000, &Frame { label, ..beat(51) });
        assert_eq!(gists(&lines), []);
    }
}
