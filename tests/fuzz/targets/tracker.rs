//! The tracker against the naive model: the bytes are a script of what arrives and when (tests/src/script.rs).

#![no_main]

use beacon_tests::history::History;
use beacon_tests::player::Player;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The player's own choices, when to look and when to be busy, follow from the script too.
    let seed = bytes.iter().fold(0, |seed: u64, &byte| {
        seed.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte)
    });
    if let Err(difference) = Player::of(History::scripted(bytes), seed).play() {
        panic!("{difference}");
    }
});
