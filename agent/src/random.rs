//! Randomness for a session's number and its phase. It has to differ between devices, not to be secret.

use beacon_common::Session;
use rustix::rand::{GetRandomFlags, getrandom};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::clock;

/// The number of a session that begins now.
#[must_use]
pub fn session() -> Session {
    let (seconds, nanos) = clock::unix_time();
    Session::begin(seconds, nanos, bits() as u16)
}

/// Sixty-four random bits, without ever waiting for the kernel to have gathered any: a device that boots
/// without entropy sends its first beat at once all the same.
#[must_use]
pub fn bits() -> u64 {
    let mut bytes = [0; 8];
    // Kernels before 5.6 do not know INSECURE.
    for flags in [GetRandomFlags::INSECURE, GetRandomFlags::NONBLOCK] {
        if getrandom(&mut bytes, flags) == Ok(bytes.len()) {
            return u64::from_ne_bytes(bytes);
        }
    }
    let mut hasher = DefaultHasher::new();
    (clock::now(), std::process::id()).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_differ() {
        assert_ne!(bits(), bits());
    }

    #[test]
    fn sessions_are_dated_and_grow_within_a_second() {
        let before = Session::new(clock::unix_time().0, 0);
        let sessions: Vec<_> = (0..50)
            .map(|_| {
                let began = clock::now();
                while clock::now().since(began).as_micros() < 50 {}
                session()
            })
            .collect();
        assert!(sessions[0] >= before);
        assert!(sessions.is_sorted_by(|one, next| one < next), "{sessions:?}");
    }
}
