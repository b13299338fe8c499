//! What a probe asks: a number that nobody else can know (docs/protocol.md, section 8).

use std::hash::{BuildHasher, RandomState};

use beacon_common::{Label, Moment, Session};
use siphasher::sip::SipHasher24;

/// Makes nonces out of what is known of a source anyway, under a secret of this process, so that none is kept.
pub struct Nonces(SipHasher24);

impl Default for Nonces {
    /// With a key that nobody can guess: the standard library's hash maps draw theirs from the system.
    fn default() -> Self {
        let random = RandomState::new();
        Self(SipHasher24::new_with_keys(random.hash_one(0), random.hash_one(1)))
    }
}

impl Nonces {
    /// The nonce for the source called `label` in `session`, of which nothing newer has come than what came at `since`.
    #[must_use]
    pub fn of(&self, label: &Label, session: Session, since: Moment) -> u64 {
        let mut bytes = [0; Label::MAX_LEN + 16];
        let (name, rest) = bytes.split_at_mut(Label::MAX_LEN);
        name.copy_from_slice(label.as_padded());
        rest[..8].copy_from_slice(&session.as_u64().to_ne_bytes());
        rest[8..].copy_from_slice(&since.as_nanos().to_ne_bytes());
        self.0.hash(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_differs_gives_another_nonce_and_so_does_another_process() {
        let [first, second] = ["a", "b"].map(|text| Label::new(text).unwrap());
        let [older, newer] = [Session::new(1, 0), Session::new(2, 0)];
        let [then, now] = [Moment::from_nanos(1), Moment::from_nanos(2)];
        let nonces = Nonces::default();
        let asked = nonces.of(&first, older, then);
        assert_eq!(nonces.of(&first, older, then), asked);
        for other in [
            nonces.of(&second, older, then),
            nonces.of(&first, newer, then),
            nonces.of(&first, older, now),
            Nonces::default().of(&first, older, then),
        ] {
            assert_ne!(other, asked);
        }
    }
}
