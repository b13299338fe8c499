//! What is dropped, and for which reason (docs/protocol.md, sections 2, 6 and 11).

use std::num::NonZeroU32;
use std::ops::Range;
use std::time::Duration;

use beacon_collector::track::config::Config;
use beacon_collector::track::event::State;
use beacon_collector::track::reject::Reject;
use beacon_common::{DeviceKey, FRAME_LEN, Frame, KeyId, Kind, MasterKey, Seq};
use beacon_tests::random::Random;
use beacon_tests::stage::{Stage, at, beat, gists, home, label};

fn bytes_of(frame: &Frame) -> [u8; FRAME_LEN] {
    let mut bytes = [0; FRAME_LEN];
    frame.emit(None, &mut bytes);
    bytes
}

fn master(id: u8) -> MasterKey {
    MasterKey::new(KeyId::new(id).expect("a key id"), [id; 16])
}

fn key(id: u8) -> DeviceKey {
    master(id).device_key(&label("fridge-7"))
}

/// Hears a datagram beside a steady source, and returns why it was dropped; nothing else may have changed.
fn reason_of(stage: &mut Stage, datagram: &[u8]) -> Vec<Reject> {
    let before = stage.rejected();
    stage.tracker.ask_all_states();
    let states = stage.polled();
    assert_eq!(stage.hear_bytes(0, home(), datagram), []);
    stage.tracker.ask_all_states();
    assert_eq!(
        stage.polled(),
        states,
        "a datagram that is dropped changes nothing"
    );
    assert_eq!(stage.sent(), []);
    let count_before = |reason| {
        before
            .iter()
            .find(|(counted, _)| *counted == reason)
            .map_or(0, |(_, count)| *count)
    };
    let grown = |&(reason, count): &(Reject, u64)| (count > count_before(reason)).then_some(reason);
    stage.rejected().iter().filter_map(grown).collect()
}

#[test]
fn every_flaw_of_form_has_its_reason() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    let flawed = |offset: usize, byte: u8| {
        let mut bytes = bytes_of(&beat(11));
        bytes[offset] = byte;
        bytes
    };
    let of_kind = |kind| bytes_of(&Frame { kind, ..beat(11) });
    let every = |interval_ms| {
        bytes_of(&Frame {
            interval_ms,
            ..beat(11)
        })
    };
    for (datagram, reason) in [
        (flawed(0, 0xbf), Reject::Magic),
        (flawed(1, 0), Reject::Magic),
        (flawed(2, 0), Reject::Version),
        (flawed(2, 2), Reject::Version),
        (flawed(3, 0), Reject::Kind),
        (flawed(3, 6), Reject::Kind),
        (of_kind(Kind::Ack), Reject::Kind),
        (of_kind(Kind::Probe), Reject::Kind),
        (flawed(8, b'-'), Reject::Label),
        (flawed(8, 0), Reject::Label),
        (flawed(9, b' '), Reject::Label),
        (flawed(23, b'x'), Reject::Label),
        (every(0), Reject::Interval),
        (every(9), Reject::Interval),
        (every((1 << 31) + 1), Reject::Interval),
        (every(u32::MAX), Reject::Interval),
        (flawed(6, 1), Reject::Key),
    ] {
        assert_eq!(reason_of(&mut stage, &datagram), [reason]);
    }
    let received = stage.tracker.tick().received;
    assert_eq!(received, 10 + 17, "what is dropped is received too");
}

#[test]
fn the_first_flaw_in_the_order_of_the_table_is_the_one_that_counts() {
    let mut stage = Stage::default();
    let mut bytes = bytes_of(&Frame {
        interval_ms: 0,
        ..beat(1)
    });
    bytes[6] = 9;
    for (offset, good, reason) in [
        (0, 0xbe, Reject::Magic),
        (2, 1, Reject::Version),
        (3, 1, Reject::Kind),
        (8, b'f', Reject::Label),
    ] {
        bytes[offset] = 0xff;
        let mut spoilt = bytes;
        spoilt[0] = if offset == 0 { 0xff } else { 0xbe };
        assert_eq!(reason_of(&mut stage, &spoilt), [reason]);
        bytes[offset] = good;
    }
    assert_eq!(reason_of(&mut stage, &bytes), [Reject::Interval]);
}

#[test]
fn garbage_of_every_length_is_dropped_and_changes_nothing() {
    let mut random = Random::new(0x6a5b);
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    for length in 0..=2_000 {
        let garbage: Vec<u8> = (0..length).map(|_| random.number() as u8).collect();
        let expected = if length == FRAME_LEN {
            Reject::Magic
        } else {
            Reject::Length
        };
        assert_eq!(reason_of(&mut stage, &garbage), [expected], "{length} bytes");
        let mut good = bytes_of(&beat(11)).to_vec();
        good.resize(length, 0);
        if length != FRAME_LEN {
            assert_eq!(reason_of(&mut stage, &good), [Reject::Length], "{length} bytes");
        }
    }
    assert_eq!(
        stage.hear(11_000, &beat(11)),
        [],
        "the source goes on as if nothing had been"
    );
}

#[test]
fn frames_with_wrong_bytes_are_taken_or_counted() {
    let mut random = Random::new(0xf0);
    let mut stage = Stage::new(Config {
        max_sources: 100,
        ..Config::default()
    });
    for round in 0..50_000_u64 {
        let mut bytes = bytes_of(&beat(1 + (round % 70) as u32));
        for _ in 0..random.below(4) {
            bytes[random.below(FRAME_LEN as u64) as usize] = random.number() as u8;
        }
        stage.hear_bytes(round, home(), &bytes);
        stage.tracker.ask_all_states();
        let known = State::ALL.iter().map(|&state| stage.count(state)).sum::<u64>();
        assert_eq!(stage.polled().len() as u64, known);
    }
    let rejected: u64 = stage.rejected().iter().map(|(_, count)| count).sum();
    let taken = stage.tracker.tick().received - rejected;
    assert!(taken > 100, "too few were good: {:?}", stage.rejected());
    assert_eq!(
        stage.rejected().len(),
        8,
        "all but length, tag, unkeyed and rate: {:?}",
        stage.rejected()
    );
}

#[test]
fn a_collector_with_keys_takes_only_what_is_made_with_one_of_them() {
    let config = Config {
        keys: vec![master(7), master(8)].into(),
        one_way: true,
        ..Config::default()
    };
    let mut stage = Stage::new(config);
    assert_eq!(gists(&stage.hear_keyed(0, &key(7), &beat(1))), [(0, "up", "new")]);
    assert_eq!(
        stage.hear_keyed(0, &key(8), &beat(2)),
        [],
        "the other master does as well"
    );
    assert_eq!(reason_of(&mut stage, &bytes_of(&beat(3))), [Reject::Unkeyed]);
    let tagged = |key: &DeviceKey, frame: &Frame| {
        let mut bytes = [0; FRAME_LEN];
        frame.emit(Some(key), &mut bytes);
        bytes
    };
    assert_eq!(reason_of(&mut stage, &tagged(&key(9), &beat(3))), [Reject::Key]);
    // With the key of the newest beat, and with another.
    for id in [8, 7] {
        let of_another_device = master(id).device_key(&label("fridge-8"));
        assert_eq!(
            reason_of(&mut stage, &tagged(&of_another_device, &beat(3))),
            [Reject::Tag]
        );
        for byte in 0..FRAME_LEN {
            let mut bytes = tagged(&key(id), &beat(3));
            bytes[byte] ^= 1;
            assert_eq!(
                reason_of(&mut stage, &bytes).len(),
                1,
                "byte {byte} is covered by a check"
            );
        }
    }
    assert_eq!(stage.hear_keyed(0, &key(7), &beat(3)), []);
    stage.tracker.ask_all_states();
    assert_eq!(stage.polled()[0].received, 3);
}

#[test]
fn a_full_table_takes_no_new_source_until_one_is_forgotten() {
    let forget = Duration::from_secs(60);
    let mut stage = Stage::new(Config {
        max_sources: 2,
        forget,
        ..Config::default()
    });
    let named = |name: &str, seq| Frame {
        label: label(name),
        ..beat(seq)
    };
    stage.hear(0, &named("a", 1));
    stage.hear(0, &named("b", 1));
    assert_eq!(stage.hear(0, &named("c", 1)), []);
    assert_eq!(stage.rejected(), [(Reject::Full, 1)]);
    assert_eq!(
        stage.hear(1_000, &named("a", 2)),
        [],
        "those that are known go on"
    );
    let told = stage.wait_until(63_500);
    assert_eq!(
        told.iter().filter(|line| line.event == "forgotten").count(),
        1,
        "b, silent from the start"
    );
    assert_eq!(
        gists(&stage.hear(63_500, &named("c", 2))),
        [(63_500, "up", "new")]
    );
    assert_eq!(stage.hear(63_500, &named("d", 1)), []);
    assert_eq!(stage.rejected(), [(Reject::Full, 2)]);
}

/// Labels that somebody makes up can neither fill the memory at once nor keep a known source from being heard.
#[test]
fn a_flood_of_new_labels_is_let_in_slowly_and_known_sources_go_on() {
    let mut stage = Stage::new(Config {
        admit_rate: NonZeroU32::new(1),
        ..Config::default()
    });
    stage.hear(0, &beat(1));
    let let_in = |stage: &mut Stage, now_ms, labels: Range<u32>| {
        let new = |number: u32| Frame {
            label: label(&format!("x{number}")),
            ..beat(1)
        };
        let told = labels.flat_map(|number| stage.hear(now_ms, &new(number)));
        told.filter(|line| line.gist() == ("up", "new")).count()
    };
    assert_eq!(
        let_in(&mut stage, 0, 0..1_000),
        9,
        "ten at once, and one is known"
    );
    assert_eq!(stage.rejected(), [(Reject::Rate, 991)]);
    assert_eq!(stage.hear(1_000, &beat(2)), [], "it goes on");
    assert_eq!(let_in(&mut stage, 2_000, 1_000..2_000), 2);
    assert_eq!(stage.rejected(), [(Reject::Rate, 1_989)]);
}

/// What a later version adds is read as section 2 says.
#[test]
fn unknown_codes_and_flags_are_read_and_not_dropped() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    let mut odd = bytes_of(&beat(11));
    (odd[4], odd[5]) = (200, 0xfe);
    let told = stage.hear_bytes(11_000, home(), &odd);
    assert_eq!((told[0].event, told[0].status), ("status", "unknown"));
    let mut goodbye = bytes_of(&Frame {
        seq: Seq::new(12),
        ..beat(12)
    });
    (goodbye[3], goodbye[4]) = (2, 77);
    assert_eq!(
        gists(&stage.hear_bytes(12_000, home(), &goodbye)),
        [(12_000, "stopped", "stop")]
    );
    assert_eq!(stage.rejected(), []);
}

/// More rubbish at once than is looked up at once hides nothing behind it.
#[test]
fn a_beat_behind_a_whole_batch_of_rubbish_is_taken() {
    let mut stage = Stage::default();
    let good = bytes_of(&beat(1));
    let rubbish = std::iter::repeat_n(&[][..], 100);
    let batch = rubbish.chain([&good[..]]).map(|bytes| (at(0), home(), bytes));
    stage.tracker.on_datagrams(batch);
    assert_eq!(stage.tracker.tick().received, 101);
    assert_eq!(stage.count(State::Up), 1);
}
