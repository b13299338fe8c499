//! Silent sources are asked before they are judged (docs/protocol.md, section 8).

use std::net::IpAddr;

use beacon_collector::track::config::{Config, Probe};
use beacon_collector::track::event::State;
use beacon_collector::track::reject::Reject;
use beacon_collector::track::transmit::{Peer, Transmit};
use beacon_common::{FRAME_LEN, Flags, Frame, KeyId, Kind, MasterKey, Reason, Seq, View};
use beacon_tests::line::Line;
use beacon_tests::stage::{Gist, Stage, beat, bye, gists, home, in_session, label, peer};

/// Beat number `seq` of `fridge-7`, which asks for acks.
fn asking(seq: u32) -> Frame {
    Frame {
        flags: Flags {
            want_ack: true,
            skipped: false,
        },
        ..beat(seq)
    }
}

/// A stage on which beats 1 to `last` came, each asking for an ack, and the last one at `last` seconds.
fn steady(config: Config, last: u32) -> Stage {
    let mut stage = Stage::new(config);
    for seq in 1..=last {
        stage.hear(u64::from(seq) * 1_000, &asking(seq));
    }
    assert_eq!(stage.sent().len(), last as usize, "the acks");
    stage
}

/// What was sent: where to, and what.
fn probes(stage: &mut Stage) -> Vec<(Peer, Frame)> {
    let frame = |sent: Transmit| (sent.peer, View::parse(&sent.frame).expect("a frame").frame());
    stage.sent().into_iter().map(frame).collect()
}

/// What `fridge-7` answers to `probe` after so many beats, when the next one is due in 700 ms.
fn reply(probe: &Frame, seq: u32) -> Frame {
    Frame {
        kind: Kind::Reply,
        sent_us: probe.sent_us,
        next_ms: 700,
        ..beat(seq)
    }
}

/// Lets time pass millisecond by millisecond, and returns when something was sent and what was told.
fn pass(stage: &mut Stage, from: u64, to: u64) -> (Vec<u64>, Vec<Line>) {
    let (mut times, mut lines) = (Vec::new(), Vec::new());
    for ms in from..=to {
        lines.extend(stage.wait_until(ms));
        times.extend(probes(stage).iter().map(|_| ms));
    }
    (times, lines)
}

fn ms_of(gists: &[Gist], event: &str) -> u64 {
    gists.iter().find(|gist| gist.1 == event).expect("it is told").0
}

fn bound_ms(line: &Line) -> u64 {
    line.bound.expect("silence leads to down").as_millis() as u64
}

#[test]
fn a_silent_source_is_asked_three_times_evenly_before_it_is_called_down() {
    let mut stage = steady(Config::default(), 10);
    let (times, lines) = pass(&mut stage, 10_000, 20_000);
    let told = gists(&lines);
    let (late, down) = (ms_of(&told, "late"), ms_of(&told, "down"));
    assert_eq!(told.len(), 2);
    assert_eq!(down - late, 2_000);
    assert_eq!(
        times,
        [late, late + 667, late + 1_334],
        "a third of 2 s each, rounded up"
    );
}

#[test]
fn a_probe_goes_back_the_way_the_newest_beat_came_and_asks_what_nobody_can_guess() {
    let mut stage = Stage::default();
    let local: IpAddr = "192.0.2.9".parse().expect("an address");
    let way = |addr, socket| Peer {
        socket,
        local: Some(local),
        ..peer(addr)
    };
    for (seq, peer) in [
        (1, way("10.0.0.7:1", 2)),
        (2, way("10.0.0.7:2", 2)),
        (3, way("10.0.0.7:2", 5)),
    ] {
        stage.hear_from(u64::from(seq) * 1_000, peer, &asking(seq));
    }
    stage.sent();
    stage.wait_until(5_900);
    let sent = probes(&mut stage);
    assert!(sent.len() > 1, "two beats came from there: {sent:?}");
    for (to, probe) in &sent {
        assert_eq!(*to, way("10.0.0.7:2", 5));
        let expected = Frame::probe(label("fridge-7"), beat(1).session, probe.sent_us);
        assert_eq!(*probe, expected);
        assert_eq!(probe.sent_us, sent[0].1.sent_us, "one question for one silence");
    }
    stage.hear_from(6_000, way("10.0.0.7:2", 5), &asking(4));
    stage.sent();
    stage.wait_until(9_000);
    assert_ne!(probes(&mut stage)[0].1.sent_us, sent[0].1.sent_us);
}

#[test]
fn a_probe_is_made_with_the_key_of_the_source() {
    let keys: Vec<MasterKey> = [3, 7]
        .map(|id| MasterKey::new(KeyId::new(id).expect("a key id"), [id; 16]))
        .into();
    let key = keys[1].device_key(&label("fridge-7"));
    let mut stage = Stage::new(Config {
        keys: keys.into(),
        one_way: true,
        ..Config::default()
    });
    stage.hear_keyed(0, &key, &asking(1));
    stage.sent();
    stage.wait_until(2_000);
    let sent = stage.sent();
    let view = View::parse(&sent[0].frame).expect("a frame");
    assert_eq!((sent.len(), view.kind()), (1, Kind::Probe));
    assert!(view.key_id() == KeyId::new(7) && view.is_tagged_by(&key));
    let answer = reply(&view.frame(), 1);
    assert_eq!(stage.hear(2_100, &answer), []);
    assert_eq!(stage.rejected(), [(Reject::Unkeyed, 1)]);
    assert_eq!(
        gists(&stage.hear_keyed(2_100, &key, &answer)),
        [(2_100, "up", "back")]
    );
}

#[test]
fn a_reply_proves_a_late_source_alive_and_its_promise_sets_the_next_deadlines() {
    let mut stage = steady(Config::default(), 10);
    let late = stage.wait_until(12_000).remove(0);
    // What comes on top of the next slot and of two more intervals.
    let margin_ms = bound_ms(&late) - 3_000;
    let (_, probe) = probes(&mut stage)[0];
    let back = stage.hear(12_100, &reply(&probe, 11));
    assert_eq!(gists(&back), [(12_100, "up", "back")]);
    assert_eq!(back[0].extra, [("by", "reply".to_owned())]);
    assert_eq!((back[0].was, back[0].seq), ("late", Seq::new(10)));
    assert_eq!(back[0].silent.as_millis(), 2_100);
    assert_eq!(bound_ms(&back[0]), 700 + margin_ms + 2_000);
    let told = gists(&stage.wait_until(20_000));
    let late = 12_800 + margin_ms;
    assert_eq!(told, [(late, "late", "silent"), (late + 2_000, "down", "silent")]);
}

#[test]
fn a_reply_that_comes_after_the_down_deadline_brings_the_source_back() {
    let mut stage = steady(Config::default(), 10);
    stage.wait_until(20_000);
    let sent = probes(&mut stage);
    let back = stage.hear(20_000, &reply(&sent[2].1, 19));
    assert_eq!(gists(&back), [(20_000, "up", "back")]);
    assert_eq!(back[0].was, "down");
    assert_eq!(stage.hear(20_001, &reply(&sent[2].1, 19)), [], "it is taken once");
    assert_eq!(stage.rejected(), [(Reject::Kind, 1)]);
}

#[test]
fn what_answers_nothing_that_was_asked_changes_nothing() {
    let mut stage = steady(Config::default(), 10);
    let early = reply(&Frame::probe(label("fridge-7"), beat(1).session, 0), 10);
    assert_eq!(stage.hear(10_500, &early), []);
    stage.wait_until(12_000);
    let (_, probe) = probes(&mut stage)[0];
    let good = reply(&probe, 11);
    let forged = [
        Frame {
            sent_us: good.sent_us ^ 1,
            ..good
        },
        in_session(1, good),
        in_session(-1, good),
        Frame {
            label: label("other"),
            ..good
        },
    ];
    for frame in forged {
        assert_eq!(stage.hear(12_100, &frame), []);
    }
    assert_eq!(stage.rejected(), [(Reject::Kind, 5)]);
    stage.hear(12_200, &asking(12));
    assert_eq!(
        stage.hear(12_300, &good),
        [],
        "the silence that it was about is over"
    );
    assert_eq!(stage.rejected(), [(Reject::Kind, 6)]);
    assert_eq!(gists(&stage.wait_until(13_800))[0].1, "late");
    assert_eq!(stage.hear(13_800, &good), [], "and this is another one");
}

#[test]
fn who_is_asked_is_chosen() {
    let count = |probe, frame: fn(u32) -> Frame| {
        let mut stage = Stage::new(Config {
            probe,
            ..Config::default()
        });
        (1..=10).for_each(|seq| drop(stage.hear(u64::from(seq) * 1_000, &frame(seq))));
        stage.sent();
        assert_eq!(gists(&stage.wait_until(20_000)).len(), 2);
        stage.sent().len()
    };
    assert_eq!(
        [Probe::Auto, Probe::Always, Probe::Never].map(|probe| count(probe, asking)),
        [3, 3, 0]
    );
    assert_eq!(
        [Probe::Auto, Probe::Always, Probe::Never].map(|probe| count(probe, beat)),
        [0, 3, 0]
    );
    let asks_once = |seq| if seq == 4 { asking(seq) } else { beat(seq) };
    assert_eq!(count(Probe::Auto, asks_once), 3);
}

#[test]
fn no_more_is_sent_to_an_address_than_came_from_it() {
    let mut stage = steady(Config::default(), 1);
    stage.wait_until(9_000);
    assert_eq!(stage.sent().len(), 1, "one beat buys one probe");
    // Whoever is there has three beats to its name, and then somebody sends one in its name from elsewhere.
    (10..13).for_each(|seq| drop(stage.hear(u64::from(seq) * 1_000, &asking(seq))));
    stage.hear_from(13_000, peer("192.0.2.66:9"), &asking(13));
    stage.sent();
    stage.wait_until(19_000);
    assert_eq!(stage.sent().len(), 1);
}

#[test]
fn no_second_has_more_probes_than_are_allowed_and_the_others_are_judged_without() {
    let mut stage = Stage::new(Config {
        probe_rate: 7,
        ..Config::default()
    });
    for n in 0..50 {
        let label = label(&format!("s{n}"));
        for seq in 1..=4 {
            let frame = Frame { label, ..asking(seq) };
            let mut bytes = [0; FRAME_LEN];
            frame.emit(None, &mut bytes);
            stage
                .tracker
                .on_datagram(beacon_tests::stage::at(u64::from(seq) * 1_000), home(), &bytes);
        }
    }
    stage.sent();
    let (times, lines) = pass(&mut stage, 4_000, 20_000);
    for (index, &ms) in times.iter().enumerate() {
        let within = times[index..]
            .iter()
            .take_while(|&&other| other < ms + 1_000)
            .count();
        assert!(within <= 7, "{within} in the second from {ms} on");
    }
    assert!(times.len() >= 14, "{times:?}");
    assert_eq!(lines.iter().filter(|line| line.event == "down").count(), 50);
    assert_eq!(stage.count(State::Down), 50);
}

/// Beats 11 to 13 were sent and lost; the reply says so, and beat 14 settles it.
#[test]
fn losses_are_told_by_the_numbers_that_a_reply_states() {
    let mut stage = steady(Config::default(), 10);
    stage.wait_until(13_200);
    let (_, probe) = probes(&mut stage)[0];
    let back = stage.hear(13_300, &reply(&probe, 13));
    // Two intervals are waited: 11 was due at 11 s, and is lost from 13 s on.
    assert_eq!(back[0].lost, 1);
    assert_eq!(stage.state(13_950).lost, 1);
    assert_eq!(stage.state(14_005).lost, 2);
    assert_eq!(stage.hear(14_005, &asking(14)), []);
    assert_eq!(stage.state(14_010).lost, 2, "13 may still come");
    assert_eq!(stage.state(15_020).lost, 3);
}

#[test]
fn a_source_that_oversleeps_is_asked_and_one_that_stopped_is_not() {
    let mut stage = steady(Config::default(), 10);
    stage.hear(11_000, &bye(11, Reason::Sleep, 5_000));
    let slept = gists(&stage.wait_until(16_800));
    assert_eq!((slept.len(), slept[0].2), (1, "overslept"));
    let (_, probe) = probes(&mut stage)[0];
    let back = stage.hear(16_800, &reply(&probe, 11));
    assert_eq!(gists(&back), [(16_800, "up", "back")]);
    stage.hear(17_500, &bye(12, Reason::Stop, 0));
    stage.wait_until(60_000);
    assert_eq!(stage.sent(), []);
}
