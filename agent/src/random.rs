//! Randomness for a session's number and its phase. It has to differ between devices, not to be secret.

use beacon_common::Session;
use rustix::rand::{GetRandomFlags, getrandom};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::clock;

/// The number of a session that begins now.
#[must_use]
pub fn session() -> Session {
    Session::new(clock::unix_seconds(), bits() as u32)
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
    fn sessions_differ_within_a_second_and_are_dated() {
        let before = Session::new(clock::unix_seconds(), 0);
        let (one, other) = (session(), session());
        assert_ne!(one, other);
        assert!(one >= before);
    }
}
