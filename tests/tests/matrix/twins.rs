//! Two senders with one label.

use std::time::Duration;

use beacon_collector::track::transmit::Peer;
use beacon_common::Reason;
use beacon_tests::netsim::Path;
use beacon_tests::stage::{home, peer};

use crate::script::{Device, Told, gists, good_path, play};

/// Another host, whose agent starts 10.4 s after the first one's.
fn twin() -> Device {
    Device::new(10_400).at_home_in(elsewhere())
}

fn elsewhere() -> Peer {
    peer("10.0.0.9:40112")
}

const TWINS: [Told; 4] = [
    ("up", "new"),
    ("restarted", "process"),
    ("moved", "-"),
    ("duplicate_label", "-"),
];

#[test]
fn a_clone_is_told_once_and_the_newer_stays() {
    let devices = [Device::new(0).beats(600), twin().beats(600)];
    let lines = play(&devices, good_path(), 600_000);
    assert_eq!(gists(&lines), TWINS);
    let told = &lines[3];
    assert_eq!(
        told.extra,
        [("addrs", format!("{},{}", elsewhere().addr, home().addr))]
    );
    assert_eq!((told.state, told.addr), ("up", Some(elsewhere().addr)));
    let after = told.at.since(lines[1].at);
    assert!(after < Duration::from_secs(3), "{after:?}");
}

#[test]
fn clones_behind_one_nat_and_at_one_address_are_two_senders_too() {
    for addr in ["10.0.0.7:9", "10.0.0.7:40112"] {
        let twin = Device::new(10_400).at_home_in(peer(addr)).beats(60);
        let lines = play(&[Device::new(0).beats(60), twin], good_path(), 60_000);
        let told = [("up", "new"), ("restarted", "process"), ("duplicate_label", "-")];
        assert_eq!(gists(&lines), told, "{addr}");
    }
}

#[test]
fn clones_that_start_in_one_second_are_told_apart_by_the_low_half() {
    let first = Device::new(0).low_half(9).beats(60);
    let second = Device::new(400).low_half(8).at_home_in(elsewhere()).beats(60);
    let lines = play(&[first, second], good_path(), 60_000);
    assert_eq!(gists(&lines), [("up", "new"), ("duplicate_label", "-")]);
    assert_eq!(lines[1].addr, Some(home().addr));
}

#[test]
fn when_the_newer_one_dies_the_older_one_takes_over_and_is_no_news() {
    let devices = [Device::new(0).beats(90), twin().beats(30)];
    let told = gists(&play(&devices, good_path(), 90_000));
    let end = [("late", "silent"), ("restarted", "process"), ("moved", "-")];
    assert_eq!(told, [&TWINS[..], &end].concat());
}

#[test]
fn when_the_newer_one_says_goodbye_the_older_one_is_up() {
    let devices = [Device::new(0).beats(90), twin().beats(30).bye(Reason::Stop, 0)];
    let told = gists(&play(&devices, good_path(), 90_000));
    let end = [("stopped", "stop"), ("up", "restart"), ("moved", "-")];
    assert_eq!(told, [&TWINS[..], &end].concat());
}

/// The newer one misses a beat: the older one takes over until it is back. They are the same two.
#[test]
fn a_pair_that_was_told_is_not_told_again() {
    let devices = [Device::new(0).beats(90), twin().beats(30).skip(2).beats(50)];
    let told = gists(&play(&devices, good_path(), 91_000));
    let over = [("late", "silent"), ("restarted", "process"), ("moved", "-")];
    let back = [("restarted", "process"), ("moved", "-")];
    assert_eq!(told, [&TWINS[..], &over, &back].concat());
}

#[test]
fn clones_that_both_restart_are_a_new_pair() {
    let first = Device::new(0).beats(30).restart(0).beats(30);
    let second = twin().beats(30).restart(0).beats(20);
    let told = gists(&play(&[first, second], good_path(), 60_000));
    let again = [("restarted", "process"), ("moved", "-"), ("duplicate_label", "-")];
    assert_eq!(told, [&TWINS[..], &again, &again].concat());
}

#[test]
fn of_three_clones_each_older_one_is_told() {
    let third = Device::new(30_700).at_home_in(peer("10.0.0.11:1")).beats(60);
    let devices = [Device::new(0).beats(90), twin().beats(80), third];
    let told = gists(&play(&devices, good_path(), 90_000));
    let end = [
        ("restarted", "process"),
        ("moved", "-"),
        ("duplicate_label", "-"),
        ("duplicate_label", "-"),
    ];
    assert_eq!(told, [&TWINS[..], &end].concat());
}

/// Beats of the old process are overtaken by those of the new one: they were sent before it began.
#[test]
fn stragglers_of_the_process_before_are_no_twin() {
    let device = Device::new(0).every(100).beats(300).restart(0).beats(300);
    let path = Path {
        spikes_per_million: 500_000,
        spike: Duration::from_millis(450),
        ..good_path()
    };
    let told = gists(&play(&[device], path, 60_100));
    assert!(told.contains(&("restarted", "process")));
    assert!(!told.contains(&("duplicate_label", "-")), "{told:?}");
}

/// An agent that announces the sleep of its device while another one on it still sends: one device.
#[test]
fn a_sleep_announced_beside_the_running_agent_is_no_twin() {
    let running = Device::new(0).beats(36);
    let announcing = Device::new(30_500).bye(Reason::Sleep, 600_000);
    let told = gists(&play(&[running, announcing], good_path(), 60_000));
    assert_eq!(told, [("up", "new"), ("asleep", "sleep")]);
}
