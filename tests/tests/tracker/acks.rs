//! Answers (docs/protocol.md, section 7).

use beacon_collector::track::config::Config;
use beacon_common::{FRAME_LEN, Flags, Frame, KeyId, Kind, MasterKey, Reason};
use beacon_tests::stage::{Stage, beat, bye, home, in_session, peer};

const WANT_ACK: Flags = Flags {
    want_ack: true,
    skipped: false,
};

fn asking(frame: Frame) -> Frame {
    Frame {
        flags: WANT_ACK,
        ..frame
    }
}

/// The bytes of an ack, written out from section 2.
fn ack_bytes(of: &Frame, key_id: u8, tag: u64) -> [u8; FRAME_LEN] {
    let mut bytes = [0; FRAME_LEN];
    bytes[0..4].copy_from_slice(&[0xbe, 0xac, 1, 3]);
    bytes[6] = key_id;
    bytes[8..24].copy_from_slice(of.label.as_padded());
    bytes[24..32].copy_from_slice(&of.session.as_u64().to_be_bytes());
    bytes[32..40].copy_from_slice(&of.sent_us.to_be_bytes());
    bytes[40..44].copy_from_slice(&of.seq.get().to_be_bytes());
    bytes[56..64].copy_from_slice(&tag.to_be_bytes());
    bytes
}

#[test]
fn who_asks_is_answered_once_at_the_address_and_socket_it_came_by() {
    let mut stage = Stage::default();
    let mut there = peer("[2001:db8::7]:4000");
    there.socket = 3;
    let frame = asking(beat(1));
    stage.hear_from(0, there, &frame);
    let sent = stage.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].peer, sent[0].frame), (there, ack_bytes(&frame, 0, 0)));
}

#[test]
fn who_does_not_ask_is_not_answered() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=3);
    stage.hear(3_500, &bye(4, Reason::Stop, 0));
    assert_eq!(stage.sent(), []);
}

#[test]
fn goodbyes_duplicates_and_old_and_reordered_beats_are_answered_too() {
    let mut stage = Stage::default();
    stage.hear_steady(100..=103);
    let asked = [
        asking(beat(103)),
        asking(beat(105)),
        asking(beat(104)),
        asking(beat(5)),
        asking(bye(106, Reason::Reboot, 0)),
    ];
    asked.iter().for_each(|frame| drop(stage.hear(105_000, frame)));
    let answers: Vec<_> = stage
        .sent()
        .into_iter()
        .map(|sent| (sent.peer, sent.frame))
        .collect();
    let expected: Vec<_> = asked
        .iter()
        .map(|frame| (home(), ack_bytes(frame, 0, 0)))
        .collect();
    assert_eq!(answers, expected);
}

/// A duplicate from another address is answered there, and moves nothing.
#[test]
fn the_answer_to_a_duplicate_goes_where_the_duplicate_came_from() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=3);
    let there = peer("192.0.2.1:9");
    assert_eq!(stage.hear_from(3_100, there, &asking(beat(3))), []);
    assert_eq!(stage.sent()[0].peer, there);
}

#[test]
fn what_is_dropped_is_not_answered() {
    let mut stage = Stage::new(Config {
        max_sources: 1,
        ..Config::default()
    });
    stage.hear_steady(1..=3);
    stage.hear(3_100, &in_session(-5, asking(beat(4))));
    stage.hear(
        3_100,
        &Frame {
            label: beacon_tests::stage::label("other"),
            ..asking(beat(1))
        },
    );
    stage.hear(
        3_100,
        &Frame {
            kind: Kind::Reply,
            ..asking(beat(5))
        },
    );
    stage.hear(
        3_100,
        &Frame {
            interval_ms: 9,
            ..asking(beat(5))
        },
    );
    assert_eq!(stage.sent(), []);
}

#[test]
fn an_answer_is_made_with_the_key_of_the_beat() {
    let id = KeyId::new(7).expect("7 is a key id");
    let other = KeyId::new(9).expect("9 is a key id");
    let keys = vec![
        MasterKey::new(other, [1; 16]),
        MasterKey::new(id, std::array::from_fn(|i| i as u8)),
    ];
    let frame = asking(beat(1));
    let key = keys[1].device_key(&frame.label);
    let mut stage = Stage::new(Config {
        keys: keys.into(),
        one_way: true,
        ..Config::default()
    });
    stage.hear_keyed(0, &key, &frame);
    let tag = key.tag(&ack_bytes(&frame, 7, 0)[..56]);
    let sent: Vec<_> = stage.sent().into_iter().map(|sent| sent.frame).collect();
    assert_eq!(sent, [ack_bytes(&frame, 7, tag)]);
}
