//! Kills, restarts, reboots, sleep.

use beacon_common::Reason;

use crate::script::Device;

fn device() -> Device {
    Device::new(0).beats(30)
}

#[test]
fn killed_and_restarted_before_anybody_misses_it() {
    let told = device().restart(0).beats(30).told(60_000);
    assert_eq!(told, [("up", "new"), ("restarted", "process")]);
}

#[test]
fn killed_and_restarted_within_the_bound() {
    let told = device().restart(1_000).beats(30).told(61_000);
    assert_eq!(
        told,
        [("up", "new"), ("late", "silent"), ("restarted", "process")]
    );
}

#[test]
fn killed_and_restarted_beyond_the_bound() {
    let told = device().restart(5_000).beats(30).told(65_000);
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

#[test]
fn stopped_in_order_and_started_again() {
    let told = device()
        .bye(Reason::Stop, 0)
        .restart(5_000)
        .beats(30)
        .told(65_000);
    assert_eq!(told, [("up", "new"), ("stopped", "stop"), ("up", "restart")]);
}

#[test]
fn upgraded() {
    let told = device()
        .bye(Reason::Upgrade, 0)
        .restart(300)
        .beats(30)
        .told(61_000);
    assert_eq!(told, [("up", "new"), ("stopped", "upgrade"), ("up", "restart")]);
}

#[test]
fn rebooted_without_a_word_within_the_bound() {
    let told = device().reboot(1_000).beats(30).told(61_000);
    assert_eq!(told, [("up", "new"), ("late", "silent"), ("restarted", "reboot")]);
}

#[test]
fn rebooted_in_order() {
    let told = device()
        .bye(Reason::Reboot, 0)
        .reboot(40_000)
        .beats(30)
        .told(101_000);
    assert_eq!(told, [("up", "new"), ("stopped", "reboot"), ("up", "restart")]);
}

#[test]
fn the_numbers_run_out() {
    let told = device()
        .run_out_in(30)
        .beats(30)
        .restart(0)
        .beats(30)
        .told(90_000);
    assert_eq!(told, [("up", "new"), ("restarted", "renewed")]);
}

#[test]
fn asleep_and_awake_in_time() {
    let told = device()
        .bye(Reason::Sleep, 60_000)
        .skip(58)
        .beats(30)
        .told(119_000);
    assert_eq!(told, [("up", "new"), ("asleep", "sleep"), ("up", "awake")]);
}

#[test]
fn asleep_and_awake_in_a_new_session_before_its_time() {
    let told = device()
        .bye(Reason::Sleep, 60_000)
        .reboot(20_000)
        .beats(30)
        .told(81_000);
    assert_eq!(told, [("up", "new"), ("asleep", "sleep"), ("up", "awake")]);
}

#[test]
fn overslept_a_little() {
    let told = device()
        .bye(Reason::Sleep, 60_000)
        .skip(60)
        .beats(30)
        .told(121_000);
    assert_eq!(
        told,
        [
            ("up", "new"),
            ("asleep", "sleep"),
            ("late", "overslept"),
            ("up", "back")
        ]
    );
}

#[test]
fn overslept_for_good() {
    let told = device().bye(Reason::Sleep, 60_000).told(300_000);
    assert_eq!(
        told,
        [
            ("up", "new"),
            ("asleep", "sleep"),
            ("late", "overslept"),
            ("down", "overslept")
        ]
    );
}

#[test]
fn slept_without_a_word() {
    let told = device().skip(600).beats(30).told(660_000);
    assert_eq!(
        told,
        [
            ("up", "new"),
            ("late", "silent"),
            ("down", "silent"),
            ("up", "back")
        ]
    );
}

#[test]
fn one_slot_skipped() {
    let told = device().skip(1).beats(30).told(61_000);
    assert_eq!(told, [("up", "new"), ("late", "silent"), ("up", "back")]);
}

#[test]
fn dies() {
    let told = device().told(3_600_000);
    assert_eq!(told, [("up", "new"), ("late", "silent"), ("down", "silent")]);
}

#[test]
fn forgotten_after_a_day() {
    let told = device().told(86_400_000 + 60_000);
    let end = [("late", "silent"), ("down", "silent"), ("forgotten", "-")];
    assert_eq!(told[1..], end);
}
