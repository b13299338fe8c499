//! Addresses that change.

use std::time::Duration;

use beacon_collector::track::transmit::Peer;
use beacon_tests::line::Line;
use beacon_tests::netsim::Path;
use beacon_tests::stage::peer;

use crate::flapping::begins_to_flap;
use crate::script::{Device, good_path, play};

fn port(number: u16) -> Peer {
    peer(&format!("198.51.100.7:{number}"))
}

/// An hour behind a NAT that gives another port every five seconds.
fn rebound() -> Device {
    (0..720).fold(Device::new(0), |device, binding| {
        device.at_home_in(port(20_000 + binding)).beats(5)
    })
}

#[test]
fn a_nat_that_rebinds_every_five_seconds_moves_the_source_and_does_nothing_else() {
    let told = rebound().told(3_600_000);
    assert_eq!(told.len(), 720);
    assert_eq!(told[0], ("up", "new"));
    assert!(told[1..].iter().all(|&gist| gist == ("moved", "-")));
}

/// The network reorders across bindings, and an older beat never moves the source back.
#[test]
fn a_nat_that_rebinds_on_a_network_that_reorders_never_moves_the_source_back() {
    let path = Path {
        spikes_per_million: 200_000,
        spike: Duration::from_secs(8),
        duplicates_per_million: 100_000,
        ..good_path()
    };
    let lines = play(&[rebound()], path, 3_610_000);
    let moves: Vec<_> = lines.iter().filter(|line| line.event == "moved").collect();
    let ports: Vec<u16> = lines
        .iter()
        .map(|line| line.addr.map_or(0, |addr| addr.port()))
        .collect();
    assert!(ports.is_sorted(), "{ports:?}");
    assert!(moves.len() > 600, "{} moves", moves.len());
    assert!(lines[lines.len() - 1].reordered > 300, "the network reordered");
    for pair in moves.windows(2) {
        assert_eq!(pair[0].extra[1].1, pair[1].extra[0].1, "to, then from");
    }
    // Each fall is one `late`, and one `down` at most, after the M - 1 intervals that an arrival buys. At the sixth within ten
    // minutes the source flaps, and never keeps a state for long enough to be steady (docs/protocol.md, section 9).
    let told: Vec<_> = lines.iter().filter(|line| line.event != "moved").collect();
    assert_eq!(told[told.len() - 1].event, "flapping", "and then nothing");
    let (downs, others): (Vec<_>, Vec<_>) = told.into_iter().partition(|line| line.event == "down");
    assert!(downs.len() <= 5, "{downs:#?}");
    let others: Vec<_> = others.into_iter().map(Line::gist).collect();
    assert_eq!(others, begins_to_flap());
    for down in downs {
        assert_eq!(down.was, "late");
        assert!(down.silent >= Duration::from_secs(2), "{down:#?}");
    }
}

#[test]
fn from_one_network_to_another_and_back() {
    let told = Device::new(0)
        .beats(30)
        .at_home_in(peer("[2001:db8::7]:4000"))
        .beats(30)
        .at_home_in(port(1))
        .beats(30)
        .told(90_000);
    assert_eq!(told, [("up", "new"), ("moved", "-"), ("moved", "-")]);
}

#[test]
fn a_new_process_has_a_new_port_and_that_is_no_move() {
    let told = Device::new(0)
        .at_home_in(port(1))
        .beats(30)
        .at_home_in(port(2))
        .restart(0)
        .beats(30)
        .told(60_000);
    assert_eq!(told, [("up", "new"), ("restarted", "process")]);
}
