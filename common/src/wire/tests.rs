//! The frame's format is frozen here: the golden bytes never change within version 1.

extern crate std;

use super::*;
use crate::key::KeyId;
use crate::key::MasterKey;
use proptest::prelude::*;
use std::vec::Vec;

const PLAIN: [u8; FRAME_LEN] = hex(
    b"beac0101010100036672696467652d370000000000000000691f3c2e5b0a9d11\
      0000000448b9b87b00000731000027100000270e000151bd0000000000000000",
);
const KEYED: [u8; FRAME_LEN] = hex(
    b"beac0101010107036672696467652d370000000000000000691f3c2e5b0a9d11\
      0000000448b9b87b00000731000027100000270e000151bd021cfb62c37322a9",
);

const fn hex(text: &[u8; 2 * FRAME_LEN]) -> [u8; FRAME_LEN] {
    const fn digit(c: u8) -> u8 {
        if c.is_ascii_digit() {
            c - b'0'
        } else {
            c - b'a' + 10
        }
    }
    let mut bytes = [0; FRAME_LEN];
    let mut at = 0;
    while at < FRAME_LEN {
        bytes[at] = digit(text[2 * at]) << 4 | digit(text[2 * at + 1]);
        at += 1;
    }
    bytes
}

fn golden() -> Frame {
    Frame {
        kind: Kind::Beat(Health::Warning),
        flags: Flags {
            want_ack: true,
            skipped: false,
        },
        misses: 3,
        label: Label::new("fridge-7").unwrap(),
        session: Session::new(0x691f_3c2e, 0x5b0a_9d11),
        sent_us: 0x4_48b9_b87b,
        seq: Seq::new(1841),
        interval_ms: 10_000,
        next_ms: 9_998,
        uptime_s: 86_461,
    }
}

fn master() -> MasterKey {
    MasterKey::new(KeyId::new(7).unwrap(), core::array::from_fn(|i| i as u8))
}

/// Emits into a buffer full of rubbish, so that a byte left out shows.
fn emitted(frame: &Frame, key: Option<&DeviceKey>) -> [u8; FRAME_LEN] {
    let mut out = [0xa5; FRAME_LEN];
    frame.emit(key, &mut out);
    let mut other = [0x5a; FRAME_LEN];
    frame.emit(key, &mut other);
    assert_eq!(out, other, "a byte was not written");
    out
}

#[test]
fn golden_frames_are_frozen() {
    let key = master().device_key(&golden().label);
    assert_eq!(emitted(&golden(), None), PLAIN);
    assert_eq!(emitted(&golden(), Some(&key)), KEYED);
    assert_eq!(View::parse(&PLAIN).unwrap().frame(), golden());
    assert_eq!(View::parse(&PLAIN).unwrap().key_id(), None);
    let keyed = View::parse(&KEYED).unwrap();
    assert_eq!(keyed.frame(), golden());
    assert_eq!(keyed.key_id(), KeyId::new(7));
    assert!(keyed.is_tagged_by(&key));
}

#[test]
fn one_flipped_bit_spoils_the_tag() {
    let key = master().device_key(&golden().label);
    for bit in 0..8 * FRAME_LEN {
        let mut bytes = KEYED;
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(view) = View::parse(&bytes) {
            assert!(!view.is_tagged_by(&key), "bit {bit}");
        }
    }
}

#[test]
fn each_check_has_its_error() {
    let with = |at: usize, value: u8| {
        let mut bytes = PLAIN;
        bytes[at] = value;
        View::parse(&bytes).err()
    };
    let with_interval = |kind: u8, interval_ms: u32| {
        let mut bytes = PLAIN;
        bytes[field::KIND] = kind;
        put(&mut bytes, field::INTERVAL_MS, &interval_ms.to_be_bytes());
        View::parse(&bytes).err()
    };
    assert_eq!(View::parse(&PLAIN[..63]).err(), Some(WireError::Length));
    assert_eq!(View::parse(&[0; 65]).err(), Some(WireError::Length));
    assert_eq!(with(0, 0xbf), Some(WireError::Magic));
    assert_eq!(with(field::VERSION, 2), Some(WireError::Version));
    assert_eq!(with(field::KIND, 0), Some(WireError::Kind));
    assert_eq!(with(field::KIND, 6), Some(WireError::Kind));
    assert_eq!(with(field::LABEL, b'-'), Some(WireError::Label));
    assert_eq!(with(field::LABEL + 15, b'x'), Some(WireError::Label));
    for kind in [1, 2, 5] {
        assert_eq!(with_interval(kind, 9), Some(WireError::Interval));
        assert_eq!(
            with_interval(kind, MAX_INTERVAL_MS + 1),
            Some(WireError::Interval)
        );
        assert_eq!(with_interval(kind, MIN_INTERVAL_MS), None);
        assert_eq!(with_interval(kind, MAX_INTERVAL_MS), None);
    }
    for kind in [3, 4] {
        assert_eq!(with_interval(kind, 0), None);
    }
}

#[test]
fn what_this_version_does_not_know_is_read_safely() {
    let mut bytes = PLAIN;
    bytes[field::CODE] = 200;
    bytes[field::FLAGS] = 0xfd;
    let frame = View::parse(&bytes).unwrap().frame();
    assert_eq!(frame.kind, Kind::Beat(Health::Unknown));
    assert_eq!(
        frame.flags,
        Flags {
            want_ack: true,
            skipped: false
        }
    );
    bytes[field::KIND] = 2;
    assert_eq!(View::parse(&bytes).unwrap().kind(), Kind::Bye(Reason::Stop));
}

#[test]
fn an_ack_repeats_what_it_answers_and_nothing_else() {
    let ack = golden().ack();
    assert_eq!(
        (ack.label, ack.session, ack.seq, ack.sent_us),
        (golden().label, golden().session, golden().seq, golden().sent_us)
    );
    let bytes = emitted(&ack, None);
    assert_eq!(bytes[field::KIND..field::LABEL], [3, 0, 0, 0, 0]);
    assert_eq!(bytes[field::INTERVAL_MS..], [0; 20]);
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let kind = prop_oneof![
        (0..4u8).prop_map(|code| Kind::Beat(Health::from_code(code))),
        (0..4u8).prop_map(|code| Kind::Bye(Reason::from_code(code))),
        Just(Kind::Ack),
        Just(Kind::Probe),
        Just(Kind::Reply),
    ];
    let flags = any::<(bool, bool)>().prop_map(|(want_ack, skipped)| Flags { want_ack, skipped });
    let label = "[a-zA-Z0-9][a-zA-Z0-9._-]{0,15}".prop_map(|text| Label::new(&text).unwrap());
    let numbers = (any::<u8>(), any::<u64>(), any::<u64>(), any::<[u32; 3]>());
    (kind, flags, label, numbers, MIN_INTERVAL_MS..=MAX_INTERVAL_MS).prop_map(
        |(kind, flags, label, (misses, session, sent_us, [seq, next_ms, uptime_s]), interval_ms)| Frame {
            kind,
            flags,
            misses,
            label,
            session: Session::from_u64(session),
            sent_us,
            seq: Seq::new(seq),
            interval_ms,
            next_ms,
            uptime_s,
        },
    )
}

proptest! {
    #[test]
    fn what_is_emitted_is_what_is_parsed(frame in any_frame(), keyed in any::<bool>()) {
        let key = keyed.then(|| master().device_key(&frame.label));
        let bytes = emitted(&frame, key.as_ref());
        let view = View::parse(&bytes).unwrap();
        prop_assert_eq!(view.frame(), frame);
        prop_assert_eq!(view.key_id(), key.as_ref().map(DeviceKey::id));
        prop_assert!(key.is_none_or(|key| view.is_tagged_by(&key)));
    }

    #[test]
    fn no_bytes_make_parse_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = View::parse(&bytes).map(|view| (view.frame(), view.is_tagged_by(&master().device_key(&view.label()))));
    }

    #[test]
    fn no_changed_golden_bytes_make_parse_panic(changes in prop::collection::vec((0..FRAME_LEN, any::<u8>()), 0..8)) {
        let mut bytes: Vec<u8> = Vec::from(PLAIN);
        for (at, value) in changes {
            bytes[at] = value;
        }
        if let Ok(view) = View::parse(&bytes) {
            prop_assert_eq!(view.frame().label, view.label());
        }
    }
}
