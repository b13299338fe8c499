//! What is parsed and written again is the same bytes, apart from what a receiver is to ignore (docs/protocol.md,
//! section 2).

#![no_main]

use beacon_common::{DeviceKey, FRAME_LEN, KeyId, View};
use libfuzzer_sys::fuzz_target;

const CODE: usize = 4;
const FLAGS: usize = 5;
const TAG: usize = 56;

fuzz_target!(|datagram: &[u8]| {
    let Ok(view) = View::parse(datagram) else { return };
    let key = view.key_id().map(|id| DeviceKey::new(id, [0x5a; 16]));
    let mut written = [0xa5; FRAME_LEN];
    view.frame().emit(key.as_ref(), &mut written);

    let again = View::parse(&written).expect("what was written is a frame");
    assert_eq!((again.frame(), again.key_id()), (view.frame(), view.key_id()));
    assert!(key.is_none_or(|key| again.is_tagged_by(&key)));
    assert_eq!(written[..TAG], without_what_is_ignored(datagram)[..TAG]);
    if view.key_id().is_none() {
        assert_eq!(written[TAG..], [0; FRAME_LEN - TAG]);
    }
    let other = KeyId::new(view.key_id().map_or(1, |id| id.get() ^ 3).max(1)).expect("not 0");
    assert!(!again.is_tagged_by(&DeviceKey::new(other, [0xa5; 16])));
});

/// The same datagram from a sender that knows no more codes and flags than this version.
fn without_what_is_ignored(datagram: &[u8]) -> Vec<u8> {
    let mut known = datagram.to_vec();
    known[FLAGS] &= 3;
    known[CODE] = match (known[3], known[CODE]) {
        (1 | 2, code @ 0..4) => code,
        (1, _) => 3,
        _ => 0,
    };
    known
}
