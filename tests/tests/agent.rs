//! The agent's own schedule and frames, through a simulated network, at the tracker: the two ends agree.

use std::time::Duration;

use beacon_agent::beat::{Beats, Identity};
use beacon_agent::schedule::Schedule;
use beacon_common::{Health, Moment, Reason, Session};
use beacon_tests::line::Line;
use beacon_tests::netsim::{Network, Path};
use beacon_tests::random::Random;
use beacon_tests::sender::Sending;
use beacon_tests::stage::{Stage, at, home, label};

const INTERVAL: Duration = Duration::from_secs(10);

/// A device on which nothing but the agent's pure parts runs.
struct Device {
    schedule: Schedule,
    beats: Beats,
    random: Random,
    sent: Vec<Sending>,
}

impl Device {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let identity = Identity {
            label: label("fridge-7"),
            interval_ms: 10_000,
            misses: 3,
            ack_every: 1,
        };
        Self {
            schedule: Schedule::new(at(0), identity.interval_ms, random.number()),
            beats: Beats::begin(identity, Session::new(1_700_000_000, 7), at(0)),
            random,
            sent: Vec::new(),
        }
    }

    /// Sends the beats that are due until `until`, each within 3 ms of its slot.
    fn beat_until(&mut self, until: Moment) {
        while self.schedule.due() <= until {
            let wake = self.schedule.due() + Duration::from_micros(self.random.below(3_000));
            self.wake(wake);
        }
    }

    fn wake(&mut self, now: Moment) {
        let missed = self.schedule.take(now);
        let frame = self.beats.beat(now, self.schedule.due(), missed > 0, Health::Ok);
        self.send(now, frame);
    }

    fn send(&mut self, at: Moment, frame: beacon_common::Frame) {
        self.sent.push(Sending {
            at,
            from: home().addr,
            frame,
        });
        assert!(self.beats.advance(), "the numbers do not run out in a test");
    }

    /// Carries what was sent over `path`, and returns what the tracker told until `until_ms`.
    fn heard_over(&mut self, path: Path, stage: &mut Stage, until_ms: u64) -> Vec<Line> {
        let mut network = Network::new(path, self.random.fork());
        for sending in &self.sent {
            network.send(sending.at, sending.frame);
        }
        let mut told = Vec::new();
        while let Some((now, frame)) = network.deliver() {
            told.extend(stage.hear_at(now, home(), &frame));
        }
        told.extend(stage.wait_until(until_ms));
        told
    }
}

fn gists(lines: &[Line]) -> Vec<(&str, &str)> {
    lines.iter().map(Line::gist).collect()
}

fn jittery() -> Path {
    Path {
        jitter: Duration::from_millis(15),
        ..Path::perfect(Duration::from_millis(5))
    }
}

#[test]
fn an_agent_on_a_jittery_path_is_never_late_in_a_day() {
    let (mut device, mut stage) = (Device::new(1), Stage::default());
    device.beat_until(at(86_400_000));
    let told = device.heard_over(jittery(), &mut stage, 86_400_000);
    assert_eq!(gists(&told), [("up", "new")]);
    let state = stage.state(86_400_001);
    assert_eq!(state.received, device.sent.len() as i128);
    assert!(
        (8_640..=8_642).contains(&state.received),
        "a beat an interval, not {}",
        state.received
    );
    assert_eq!((state.lost, state.duplicate, state.reordered), (0, 0, 0));
}

/// The beat after a sleep is flagged, and what was never sent is not lost.
#[test]
fn a_device_that_sleeps_unannounced_is_down_and_then_back_without_a_loss() {
    let (mut device, mut stage) = (Device::new(2), Stage::default());
    device.beat_until(at(1_000_000));
    device.wake(at(4_600_000));
    assert!(device.sent[device.sent.len() - 1].frame.flags.skipped);
    device.beat_until(at(5_000_000));
    let told = device.heard_over(jittery(), &mut stage, 5_000_000);
    assert_eq!(
        gists(&told),
        [
            ("up", "new"),
            ("late", "silent"),
            ("down", "silent"),
            ("up", "back")
        ]
    );
    assert_eq!(stage.state(5_000_001).lost, 0);
}

/// It promises the rest of its interval, so that its successor is expected in its own slot.
#[test]
fn a_beat_that_was_sent_late_does_not_move_the_next_deadline() {
    let (mut device, mut stage) = (Device::new(3), Stage::default());
    device.beat_until(at(1_000_000));
    let slot = device.schedule.due();
    device.wake(slot + INTERVAL * 4 / 10);
    let told = device.heard_over(Path::perfect(Duration::from_millis(5)), &mut stage, 1_100_000);
    let events: Vec<_> = told.iter().map(|line| line.event).collect();
    assert_eq!(events, ["up", "late", "up", "late", "down"]);
    let after_its_slot = told[3].at.since(slot + INTERVAL);
    // The one late beat has widened the margin by four sixteenths of an eighth of the interval, and not by 4 s.
    assert!(
        after_its_slot <= Duration::from_millis(30) + INTERVAL / 32,
        "late {after_its_slot:?} after the next slot"
    );
}

#[test]
fn a_goodbye_of_the_agent_stops_it_and_a_sleep_lasts_as_long_as_announced() {
    for (reason, sleep_ms, expected) in [
        (Reason::Stop, 0, vec![("up", "new"), ("stopped", "stop")]),
        (
            Reason::Sleep,
            600_000,
            vec![
                ("up", "new"),
                ("asleep", "sleep"),
                ("late", "overslept"),
                ("down", "overslept"),
            ],
        ),
    ] {
        let (mut device, mut stage) = (Device::new(4), Stage::default());
        device.beat_until(at(100_000));
        let now = at(101_000).max(device.sent[device.sent.len() - 1].at);
        let goodbye = device.beats.bye(now, reason, sleep_ms);
        device.send(now, goodbye);
        let told = device.heard_over(jittery(), &mut stage, 2_000_000);
        assert_eq!(gists(&told), expected);
    }
}
