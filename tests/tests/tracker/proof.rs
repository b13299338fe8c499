//! With keys, what may be a recording has to prove that it is not (docs/protocol.md, section 4).

mod recordings;

use beacon_collector::track::config::Config;
use beacon_collector::track::reject::Reject;
use beacon_collector::track::transmit::Peer;
use beacon_common::{
    DeviceKey, FRAME_LEN, Flags, Frame, KeyId, Kind, MasterKey, Moment, Reason, Seq, Session, View,
};
use beacon_tests::line::Line;
use beacon_tests::random::{Random, number_from_environment};
use beacon_tests::stage::{Stage, at, beat, bye, gists, home, in_session, label, peer};

fn master() -> MasterKey {
    MasterKey::new(KeyId::new(7).expect("a key id"), [7; 16])
}

fn config() -> Config {
    Config {
        keys: vec![master()].into(),
        ..Config::default()
    }
}

fn key() -> DeviceKey {
    master().device_key(&label("fridge-7"))
}

fn bytes_of(frame: &Frame) -> [u8; FRAME_LEN] {
    let mut bytes = [0; FRAME_LEN];
    frame.emit(Some(&key()), &mut bytes);
    bytes
}

/// The probes that were sent.
fn probes(stage: &mut Stage) -> Vec<Frame> {
    let frames = stage.sent().into_iter().map(|sent| {
        let view = View::parse(&sent.frame).expect("a frame");
        assert!(view.is_tagged_by(&key()));
        view.frame()
    });
    frames.filter(|frame| frame.kind == Kind::Probe).collect()
}

/// What an agent that has sent `newest` last answers to each probe.
fn answer(stage: &mut Stage, ms: u64, newest: &Frame) -> Vec<Line> {
    let mut lines = Vec::new();
    for probe in probes(stage) {
        let reply = Frame {
            kind: Kind::Reply,
            sent_us: probe.sent_us,
            ..*newest
        };
        lines.extend(stage.hear_keyed(ms, &key(), &reply));
    }
    lines
}

/// Hears a frame at `ms`, and what its sender answers 20 ms later if it is asked.
fn hear_and_answer(stage: &mut Stage, ms: u64, frame: &Frame) -> Vec<Line> {
    let mut lines = stage.hear_keyed(ms, &key(), frame);
    lines.extend(answer(stage, ms + 20, frame));
    lines
}

/// A stage on which `fridge-7` has proven itself and sent beats 1 to 10.
fn steady() -> Stage {
    let mut stage = Stage::new(config());
    hear_and_answer(&mut stage, 1_000, &beat(1));
    for seq in 2..=10 {
        assert_eq!(
            hear_and_answer(&mut stage, u64::from(seq) * 1_000, &beat(seq)),
            []
        );
    }
    stage
}

#[test]
fn the_first_contact_is_believed_when_it_has_answered() {
    let mut stage = Stage::new(config());
    let asking = Frame {
        flags: Flags {
            want_ack: true,
            skipped: false,
        },
        ..beat(5)
    };
    assert_eq!(stage.hear_keyed(5_000, &key(), &asking), []);
    assert_eq!(stage.rejected(), [(Reject::Session, 1)]);
    assert_eq!(stage.tracker.tick().sources, [0; 6]);
    let up = answer(&mut stage, 5_040, &asking);
    assert_eq!(gists(&up), [(5_040, "up", "new")]);
    assert_eq!((up[0].received, up[0].seq), (1, Seq::new(5)));
    let acks = stage.sent();
    assert_eq!(acks.len(), 1, "the beat that waited has asked for an ack");
    assert_eq!(View::parse(&acks[0].frame).expect("a frame").kind(), Kind::Ack);
    assert_eq!(hear_and_answer(&mut stage, 6_000, &beat(6)), []);
    assert_eq!(stage.rejected(), [(Reject::Session, 1)]);
}

#[test]
fn a_session_is_asked_once_a_second_and_its_newest_beat_is_kept() {
    let mut stage = Stage::new(config());
    for (ms, seq) in [(0, 1), (300, 3), (600, 2), (999, 4), (1_000, 5)] {
        assert_eq!(stage.hear_keyed(ms, &key(), &beat(seq)), []);
    }
    let asked = probes(&mut stage);
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0], asked[1], "an answer to the first is an answer still");
    let reply = Frame {
        kind: Kind::Reply,
        sent_us: asked[0].sent_us,
        ..beat(5)
    };
    let up = stage.hear_keyed(1_100, &key(), &reply);
    assert_eq!((gists(&up), up[0].seq), (vec![(1_100, "up", "new")], Seq::new(5)));
}

#[test]
fn a_goodbye_that_nobody_stands_behind_is_none() {
    let mut stage = Stage::new(config());
    assert_eq!(stage.hear_keyed(0, &key(), &bye(3, Reason::Stop, 0)), []);
    assert_eq!(
        gists(&answer(&mut stage, 10, &bye(3, Reason::Stop, 0))),
        [(10, "stopped", "stop")]
    );
    let mut stage = Stage::new(config());
    assert_eq!(stage.hear_keyed(0, &key(), &beat(3)), []);
    assert_eq!(answer(&mut stage, 10_000, &beat(3)), [], "it came too late");
    assert_eq!(stage.rejected(), [(Reject::Kind, 1), (Reject::Session, 1)]);
}

#[test]
fn a_newer_session_needs_no_proof_and_one_that_is_not_does() {
    let mut stage = steady();
    let newer = in_session(5, beat(1));
    assert_eq!(
        gists(&stage.hear_keyed(10_500, &key(), &newer)),
        [(10_500, "restarted", "reboot")]
    );
    assert_eq!(probes(&mut stage), []);
    assert_eq!(stage.hear_keyed(10_600, &key(), &in_session(4, beat(1))), []);
    assert_eq!(probes(&mut stage).len(), 1);
}

/// A device without a clock begins each life in 1970.
#[test]
fn a_device_without_a_clock_restarts_at_once_every_time() {
    let mut stage = steady();
    let mut ms = 10_400;
    for random in [9, 3, 7, 5, 4] {
        let life = |seq| Frame {
            session: Session::new(12, random),
            uptime_s: 12 + seq,
            sent_us: u64::from(seq) * 1_000_000,
            ..beat(seq)
        };
        let told = hear_and_answer(&mut stage, ms, &life(1));
        assert_eq!(gists(&told), [(ms + 20, "restarted", "reboot")], "{random}");
        assert_eq!(told[0].session, Some(Session::new(12, random)));
        for seq in 2..=5 {
            ms += 1_000;
            assert_eq!(hear_and_answer(&mut stage, ms, &life(seq)), [], "{random}");
        }
        ms += 500;
        // What it sent in the life before, and when it had a clock, is worth nothing.
        assert_eq!(stage.hear_keyed(ms, &key(), &beat(11)), []);
        probes(&mut stage);
    }
}

/// Two devices with one label and one key both answer: one of them is believed as long as it lives.
#[test]
fn twins_do_not_take_the_place_from_each_other_without_end() {
    let mut stage = steady();
    let mut told = Vec::new();
    let twin = |seq| in_session(-1_000, beat(seq));
    for seq in 11..=40 {
        let ms = u64::from(seq) * 1_000;
        told.extend(hear_and_answer(&mut stage, ms, &beat(seq)));
        told.extend(hear_and_answer(&mut stage, ms + 400, &twin(seq)));
    }
    let twins = [(11_420, "restarted", "process"), (14_000, "duplicate_label", "-")];
    assert_eq!(gists(&told), twins);
    // The one that is believed dies: the other one proves itself again when it is late.
    for seq in 41..=43 {
        told.extend(hear_and_answer(&mut stage, u64::from(seq) * 1_000, &beat(seq)));
    }
    let events: Vec<_> = gists(&told).into_iter().map(|(_, event, _)| event).collect();
    assert_eq!(events, ["restarted", "duplicate_label", "late", "restarted"]);
}

#[test]
fn one_way_believes_as_without_keys() {
    let mut stage = Stage::new(Config {
        one_way: true,
        ..config()
    });
    assert_eq!(
        gists(&stage.hear_keyed(1_000, &key(), &beat(1))),
        [(1_000, "up", "new")]
    );
    assert_eq!(stage.hear_keyed(1_500, &key(), &in_session(-1, beat(1))), []);
    assert_eq!(stage.rejected(), [(Reject::Session, 1)]);
    let late = stage.wait_until(2_600);
    assert_eq!(gists(&late)[0].1, "late");
    let older = stage.hear_keyed(2_600, &key(), &in_session(-1, beat(1)));
    assert_eq!(gists(&older)[0].1, "restarted");
    assert_eq!(stage.sent(), []);
}

#[test]
fn proofs_are_asked_within_the_budget() {
    let mut stage = Stage::new(Config {
        probe_rate: 5,
        ..config()
    });
    for n in 0..100 {
        let label = label(&format!("fridge-{n}"));
        let frame = Frame { label, ..beat(1) };
        stage.hear_keyed(n * 10, &master().device_key(&label), &frame);
    }
    assert_eq!(stage.sent().len(), 5);
}

/// A device that begins with beat 6 and answers each probe that reaches it, while somebody who hears all of its beats sends
/// a frame of its every millisecond: the one that `played` chooses of so many that were recorded, from the address that it
/// chooses. Returns how many beats it took until the device was believed.
fn beats_until_believed(every_ms: u64, played: impl Fn(u64, u32) -> (Peer, Frame)) -> u64 {
    let mut stage = Stage::new(config());
    let (mut recorded, mut asked) = (5, Vec::new());
    for ms in 0..20 * every_ms {
        let is_beat = ms % every_ms == every_ms / 3;
        let (from, frame) = if is_beat {
            recorded += 1;
            (home(), beat(recorded))
        } else {
            played(ms, recorded)
        };
        let told = stage.hear_bytes(ms, from, &bytes_of(&frame));
        assert_eq!(told, [], "nobody has answered");
        let sent = stage.sent();
        assert!(sent.len() <= 1, "no more comes out than goes in");
        asked.extend(sent.iter().map(|_| ms));
        asked.retain(|&earlier| earlier + 1_000 > ms);
        assert!(
            asked.len() <= 32,
            "{} probes in the second before {ms}",
            asked.len()
        );
        if let Some(sent) = sent.first().filter(|sent| sent.peer == home()) {
            let probe = View::parse(&sent.frame).expect("a frame").frame();
            let reply = Frame {
                kind: Kind::Reply,
                sent_us: probe.sent_us,
                ..beat(recorded)
            };
            let told = stage.hear_keyed(ms, &key(), &reply);
            assert_eq!(gists(&told), [(ms, "up", "new")]);
            assert_eq!(told[0].seq, Seq::new(recorded), "its newest beat is taken");
            assert_eq!(told[0].addr, Some(home().addr));
            return u64::from(recorded) - 5;
        }
    }
    panic!("it was never believed")
}

/// From another address each time.
fn anywhere(ms: u64) -> Peer {
    peer(&format!("192.0.2.{}:{}", ms % 250 + 1, 1_024 + ms % 60_000))
}

#[test]
fn no_recording_that_is_played_all_the_time_keeps_a_device_out() {
    let listener = peer("192.0.2.66:9");
    for every_ms in [100, 1_000, 3_300, 10_000, 60_000] {
        let believed = |played: &dyn Fn(u64, u32) -> (Peer, Frame)| {
            let beats = beats_until_believed(every_ms, played);
            let second = 1_000_u64.div_ceil(every_ms);
            assert!(beats <= second + 1, "{beats} beats, one each {every_ms} ms");
        };
        believed(&|_, recorded| (listener, beat(recorded)));
        believed(&|ms, recorded| (anywhere(ms), beat(recorded)));
        believed(&|ms, recorded| (anywhere(ms), beat(ms as u32 % recorded + 1)));
        believed(&|ms, recorded| (anywhere(ms / 300), beat((ms / 300) as u32 % recorded + 1)));
        // What was recorded of its other lives, which is older.
        believed(&|ms, _| (anywhere(ms), in_session(-1 - (ms as i32 % 3), beat(ms as u32))));
        // Without a clock: what it sent when it had one is newer.
        believed(&|ms, _| (anywhere(ms), in_session(1 + (ms as i32 % 3), beat(ms as u32))));
        believed(&|ms, _| {
            (
                anywhere(ms),
                in_session(-60_000 + ms as i32 % 50_000, beat(ms as u32)),
            )
        });
    }
}

/// It may be overtaken too: its own address is asked as well.
#[test]
fn a_device_is_asked_where_a_faster_one_has_sent_its_beat_before() {
    let mut stage = Stage::new(config());
    let fast = peer("192.0.2.66:9");
    assert_eq!(stage.hear_bytes(0, fast, &bytes_of(&beat(6))), []);
    assert_eq!(stage.sent()[0].peer, fast);
    assert_eq!(stage.hear_keyed(300, &key(), &beat(6)), []);
    let up = answer(&mut stage, 320, &beat(6));
    assert_eq!(
        (gists(&up), up[0].addr),
        (vec![(320, "up", "new")], Some(home().addr))
    );
}

/// Somebody has recorded sixteen lives of each of 200 devices, and plays four thousand of their beats a second.
#[test]
fn recordings_of_many_devices_leave_probes_to_new_ones() {
    let mut stage = Stage::new(config());
    let hear = |stage: &mut Stage, ms: u64, frame: &Frame| {
        let key = master().device_key(&frame.label);
        assert_eq!(stage.hear_keyed(ms, &key, frame), []);
        stage.sent().len()
    };
    for ms in 0..5_000 {
        for number in 4 * ms..4 * ms + 4 {
            let recorded = Frame {
                label: label(&format!("dead-{}", number % 200)),
                ..in_session(-1 - (number / 200 % 16) as i32, beat(1 + ms as u32))
            };
            hear(&mut stage, ms, &recorded);
        }
        if ms % 100 == 99 {
            let first = Frame {
                label: label(&format!("new-{ms}")),
                ..beat(1)
            };
            assert_eq!(
                hear(&mut stage, ms, &first),
                1,
                "{} is asked at once",
                first.label
            );
        }
    }
}

#[test]
fn who_has_one_key_takes_no_proof_from_others() {
    let mut stage = Stage::new(config());
    let stolen = master().device_key(&label("thief"));
    let mut to_thief = 0;
    for ms in 0..10_000 {
        for life in 0..4 {
            let session = Session::new(1_700_000_000 + ms as u32, life);
            let frame = Frame {
                label: label("thief"),
                session,
                ..beat(1)
            };
            assert_eq!(stage.hear_keyed(ms, &stolen, &frame), []);
        }
        to_thief += stage.sent().len();
        if ms % 500 == 0 {
            let honest = label(&format!("honest-{ms}"));
            let key = master().device_key(&honest);
            let first = Frame {
                label: honest,
                ..beat(1)
            };
            assert_eq!(stage.hear_keyed(ms, &key, &first), []);
            assert_eq!(stage.sent().len(), 1, "{honest} is asked at once");
        }
    }
    assert!(to_thief <= 160, "{to_thief} probes in ten seconds");
}
