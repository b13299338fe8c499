//! The tracker against the naive model: the bytes are a script of what arrives and when (tests/src/script.rs).

#![no_main]

use beacon_tests::history::History;
use beacon_tests::player::Player;
use beacon_tests::script::seed_of;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(difference) = Player::of(History::scripted(bytes), seed_of(bytes)).play() {
        panic!("{difference}");
    }
});
