//! The keyed hash by which the table finds a label.

use std::array;
use std::hash::{BuildHasher, RandomState};

use beacon_common::Label;

/// A secret of the process, because the labels are the network's to choose.
///
/// The hash is Thorup's pair-multiply-shift, with words of 64 bits ("High Speed Hashing for Integers and Strings",
/// arXiv:1504.06804, section 3), which is strongly universal: whichever two labels are chosen without knowing the key,
/// their hashes are as independent as two random numbers, in every bit. So nobody can name labels in advance that fill
/// one bucket. It is no cryptographic function as SipHash is: it would not withstand somebody who saw its values. Nobody
/// does, they never leave the table; and what a crowded bucket of a table with a limit costs is some comparisons.
pub struct HashKey {
    factors: [u128; 2],
    offset: u128,
}

/// A label's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelHash(u64);

impl HashKey {
    /// A key that nobody can guess: the standard library's hash maps draw theirs from the system.
    pub fn random() -> Self {
        let random = RandomState::new();
        Self::new(array::from_fn(|word| random.hash_one(word)))
    }

    fn new(words: [u64; 6]) -> Self {
        let long = |at: usize| u128::from(words[at]) << 64 | u128::from(words[at + 1]);
        Self {
            factors: [long(0), long(2)],
            offset: long(4),
        }
    }

    /// The hash of a padded label under this key, or of what stands in its place.
    pub const fn hash(&self, padded_label: [u8; Label::MAX_LEN]) -> LabelHash {
        let label = u128::from_le_bytes(padded_label);
        let (low, high) = (label as u64 as u128, label >> 64);
        let left = self.factors[0].wrapping_add(high);
        let right = self.factors[1].wrapping_add(low);
        let hash = (left.wrapping_mul(right).wrapping_add(self.offset) >> 64) as u64;
        LabelHash(scatter(hash))
    }
}

impl LabelHash {
    /// All of its bits.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// Takes away what pattern the hashes of labels that are counted through still have. Maps one to one, and so keeps what
/// is proved.
const fn scatter(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key made of the digits of 64-bit golden ratio multiples.
    fn key(number: u64) -> HashKey {
        HashKey::new(array::from_fn(|word| {
            (number * 6 + word as u64 + 1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29)
        }))
    }

    /// Labels that differ only at their beginning or their end: of the bits that choose a bucket and those that are
    /// compared first, each value comes up about as often as any other.
    #[test]
    fn labels_that_hardly_differ_are_spread_evenly() {
        let labels = |n: u32| {
            [
                format!("{n}"),
                format!("source-of-a-{n:04}"),
                format!("{n:04}-and-a-tail"),
            ]
        };
        for (number, form) in (0..300).map(|case| (case / 3, case as usize % 3)) {
            let (key, mut low, mut high) = (key(number), [0; 16], [0; 16]);
            for n in 0..4_096 {
                let hash = key
                    .hash(*Label::new(&labels(n)[form]).unwrap().as_padded())
                    .as_u64();
                low[(hash % 16) as usize] += 1;
                high[(hash >> 60) as usize] += 1;
            }
            let is_even = |counts: [u32; 16]| counts.iter().all(|count| (128..=512).contains(count));
            assert!(is_even(low) && is_even(high), "key {number}: {low:?} {high:?}");
        }
    }

    #[test]
    fn each_key_hashes_in_its_own_way() {
        let label = *Label::new("pump-3").unwrap().as_padded();
        assert_ne!(key(1).hash(label), key(2).hash(label));
    }
}
