//! The two frames of docs/protocol.md, section 2. They never change within version 1.

use beacon_common::{FRAME_LEN, Flags, Frame, Health, KeyId, Kind, Label, MasterKey, Seq, Session, View};

const PLAIN: &str = include_str!("../golden/plain.hex");
const KEYED: &str = include_str!("../golden/keyed.hex");
const SPECIFICATION: &str = include_str!("../../docs/protocol.md");

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
    pairs
        .map(|pair| u8::from_str_radix(&pair, 16).expect("a golden file holds hex digits"))
        .collect()
}

fn golden() -> Frame {
    Frame {
        kind: Kind::Beat(Health::Warning),
        flags: Flags {
            want_ack: true,
            skipped: false,
        },
        misses: 3,
        label: Label::new("fridge-7").expect("a label"),
        session: Session::from_u64(0x691f_3c2e_5b0a_9d11),
        sent_us: 0x0000_0004_48b9_b87b,
        seq: Seq::new(0x731),
        interval_ms: 10_000,
        next_ms: 9_998,
        uptime_s: 86_461,
    }
}

fn master() -> MasterKey {
    MasterKey::new(KeyId::new(7).expect("a key id"), std::array::from_fn(|i| i as u8))
}

#[test]
fn the_plain_frame_is_read_and_written_as_ever() {
    let golden_bytes = bytes_of(PLAIN);
    let view = View::parse(&golden_bytes).expect("the golden frame is valid");
    assert_eq!((view.frame(), view.key_id()), (golden(), None));
    let mut written = [0xa5; FRAME_LEN];
    golden().emit(None, &mut written);
    assert_eq!(written.as_slice(), golden_bytes);
}

#[test]
fn the_keyed_frame_is_read_checked_and_written_as_ever() {
    let golden_bytes = bytes_of(KEYED);
    let key = master().device_key(&golden().label);
    let view = View::parse(&golden_bytes).expect("the golden frame is valid");
    assert_eq!((view.frame(), view.key_id()), (golden(), KeyId::new(7)));
    assert!(view.is_tagged_by(&key));
    let mut written = [0x5a; FRAME_LEN];
    golden().emit(Some(&key), &mut written);
    assert_eq!(written.as_slice(), golden_bytes);
}

#[test]
fn the_specification_shows_the_same_frames() {
    let shown: String = SPECIFICATION.chars().filter(|c| !c.is_whitespace()).collect();
    for golden in [PLAIN, KEYED] {
        let digits: String = golden.chars().filter(|c| !c.is_whitespace()).collect();
        assert!(shown.contains(&digits), "docs/protocol.md does not show {digits}");
    }
}
