//! Clocks that step, and schedules that change. The collector's wall clock takes no part in judgement: the tracker has
//! none, and the stamps of the kernel, which are its, only say when in the last drain a datagram came. That a step of it is
//! no blindness either, `a_step_of_the_wall_clock_is_no_stall` shows in collector/src/vigil/tests.rs.

use std::ops::Range;
use std::time::Duration;

use beacon_collector::clock::Reading;
use beacon_common::Moment;
use beacon_tests::stage::at;

use crate::script::{Device, Told, gists, good_path, play, play_as};

const DAY: i64 = 86_400;

fn device() -> Device {
    Device::new(0).beats(30)
}

#[test]
fn a_wall_clock_that_steps_while_the_agent_runs_is_nothing() {
    for step in [DAY, -DAY] {
        let told = device().step_clock(step).beats(60).told(90_000);
        assert_eq!(told, [("up", "new")], "{step} s");
    }
}

/// What is told of a device by a collector whose own wall clock is set by `step_s` in each of these seconds, while the beat of
/// that second waits in the socket: between the kernel's stamp and the look at it, a millisecond later. The look before that,
/// when nothing was waiting, was `between_looks` earlier.
fn told_with_steps(step_s: i64, seconds: Range<u64>, between_looks: Duration) -> Vec<Told> {
    let set_nanos = |moment: Moment, steps: u64| {
        let set_s = 1_700_000_000 + step_s * steps as i64;
        let wall = Duration::from_secs(set_s.unsigned_abs()) + moment.since(at(0));
        wall.as_nanos() as u64
    };
    let arrived = |arrival: Moment| {
        let second = arrival.since(at(0)).as_secs();
        let steps_before = |second: u64| second.clamp(seconds.start, seconds.end) - seconds.start;
        let now = arrival.after_ms(1);
        let reading = |now, steps| Reading {
            now,
            wall_nanos: set_nanos(now, steps),
        };
        let complete = at(0) + now.since(at(0)).saturating_sub(between_looks);
        let before = reading(complete, steps_before(second));
        let ages = reading(now, steps_before(second + 1)).ages_since(&before);
        ages.arrival(Some(set_nanos(arrival, steps_before(second))), complete)
    };
    gists(&play_as(&[device().beats(60)], good_path(), 90_000, arrived))
}

#[test]
fn the_collectors_own_wall_clock_that_steps_while_beats_wait_is_nothing() {
    for between_looks in [Duration::from_millis(2), Duration::from_secs(1)] {
        for step_s in [DAY, -DAY, 2, -2] {
            let told = told_with_steps(step_s, 30..40, between_looks);
            assert_eq!(told, [("up", "new")], "{step_s} s, {between_looks:?}");
        }
    }
}

#[test]
fn a_restart_after_the_clock_stepped_forward_takes_over_at_once() {
    let told = device().step_clock(DAY).restart(0).beats(60).told(90_000);
    assert_eq!(told, [("up", "new"), ("restarted", "process")]);
}

/// The session is an older one now: it waits for the late deadline, and is nobody's twin.
#[test]
fn a_restart_after_the_clock_stepped_back_takes_over_at_the_late_deadline() {
    let told = device().step_clock(-DAY).restart(0).beats(60).told(90_000);
    assert_eq!(
        told,
        [("up", "new"), ("late", "silent"), ("restarted", "process")]
    );
}

/// Its first two beats come before the one that the old session owes: in step with time, and yet there is one sender.
#[test]
fn a_quick_restart_after_the_clock_stepped_back_is_no_twin() {
    let before = Device::new(0).every(10_000).beats(30);
    let after = Device::new(290_000)
        .step_clock(-DAY)
        .restart(1_000)
        .every(10_000)
        .beat_late(0, 6_000)
        .beats(30);
    let told = gists(&play(&[before, after], good_path(), 597_000));
    assert_eq!(
        told,
        [("up", "new"), ("late", "silent"), ("restarted", "process")]
    );
}

#[test]
fn a_device_that_reboots_without_a_clock_begins_in_1970() {
    let told = device().lose_clock().reboot(1_000).beats(60).told(91_000);
    assert_eq!(told, [("up", "new"), ("late", "silent"), ("restarted", "reboot")]);
    let told = device().lose_clock().reboot(30_000).beats(60).told(120_000);
    assert_eq!(
        told,
        [
            ("up", "new"),
            ("late", "silent"),
            ("down", "silent"),
            ("up", "restart")
        ]
    );
}

/// Once it knows the time again, its next session is a newer one by more than fifty years.
#[test]
fn a_device_that_gets_its_clock_back_restarts_once() {
    let told = Device::new(0)
        .step_clock(-1_700_000_000)
        .restart(0)
        .beats(30)
        .step_clock(1_700_000_000)
        .restart(0)
        .beats(30)
        .told(60_000);
    assert_eq!(told, [("up", "new"), ("restarted", "process")]);
}

#[test]
fn another_interval_is_nothing() {
    for (first, second) in [(1_000, 10_000), (10_000, 1_000)] {
        let told = Device::new(0)
            .every(first)
            .beats(30)
            .every(second)
            .beats(30)
            .told(30 * u64::from(first + second));
        assert_eq!(told, [("up", "new")], "{first} ms, then {second} ms");
    }
}

#[test]
fn a_promise_counts_and_not_the_interval() {
    for next_ms in [300, 1_000, 4_000] {
        let told = device()
            .beat_late(0, next_ms)
            .beats(30)
            .told(60_000 + u64::from(next_ms));
        assert_eq!(told, [("up", "new")], "{next_ms} ms");
    }
}

/// A beat that is sent late promises a shorter wait.
#[test]
fn a_starved_sender_that_keeps_its_slots_is_late_once() {
    let told = device().beat_late(600, 1_000).beats(30).told(61_000);
    assert_eq!(told, [("up", "new"), ("late", "silent"), ("up", "back")]);
}
