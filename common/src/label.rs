//! Labels: the names by which sources are known.

use core::fmt;
use core::hash::Hasher;
use siphasher::sip::SipHasher24;

/// A source's name: 1 to 16 bytes of `[A-Za-z0-9._-]`, beginning with a letter or digit, zero-padded
/// as on the wire (docs/protocol.md, section 3). A source's identity is its label, never its address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label([u8; Label::MAX_LEN]);

/// Why a text is not a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelError {
    /// Nothing was given.
    Empty,
    /// Longer than [`Label::MAX_LEN`] bytes.
    TooLong,
    /// The first character is neither a letter nor a digit.
    FirstCharacter,
    /// A character outside `[A-Za-z0-9._-]`, or a zero byte before the end.
    Character,
}

impl Label {
    /// The longest label, in bytes.
    pub const MAX_LEN: usize = 16;

    /// How much of a host name that is too long for a label its default label keeps, in bytes.
    const KEPT_OF_HOST_NAME: usize = 7;

    /// The label written as `text`.
    ///
    /// # Errors
    /// A [`LabelError`] that names the rule which `text` breaks.
    pub fn new(text: &str) -> Result<Self, LabelError> {
        let bytes = text.as_bytes();
        if bytes.len() > Self::MAX_LEN {
            return Err(LabelError::TooLong);
        }
        let mut padded = [0; Self::MAX_LEN];
        padded[..bytes.len()].copy_from_slice(bytes);
        if bytes.ends_with(&[0]) {
            return Err(LabelError::Character);
        }
        Self::from_padded(padded)
    }

    /// The label in a frame's zero-padded field.
    ///
    /// # Errors
    /// A [`LabelError`] where the field holds no label, or anything but zeroes behind it.
    pub fn from_padded(padded: [u8; Self::MAX_LEN]) -> Result<Self, LabelError> {
        if !padded[0].is_ascii_alphanumeric() {
            let is_empty = padded == [0; Self::MAX_LEN];
            return Err(if is_empty {
                LabelError::Empty
            } else {
                LabelError::FirstCharacter
            });
        }
        if holds_label_bytes(&padded) && is_padded_at_the_end(&padded) {
            Ok(Self(padded))
        } else {
            Err(LabelError::Character)
        }
    }

    /// The label in a field that [`Label::from_padded`] has taken before.
    pub(crate) const fn from_checked(padded: [u8; Self::MAX_LEN]) -> Self {
        Self(padded)
    }

    /// The default label of a host: its name with every character that a label cannot hold turned
    /// into `-`; where that is longer than a label, its first 7 bytes, `-`, and the upper 32 bits of
    /// the SipHash-2-4 of the whole name under the zero key in hex, so that long names which begin alike
    /// stay apart.
    ///
    /// # Errors
    /// [`LabelError::Empty`] where the name has no letter and no digit.
    pub fn from_host_name(name: &str) -> Result<Self, LabelError> {
        let is_start = |c: char| c.is_ascii_alphanumeric();
        let usable = &name[name.find(is_start).ok_or(LabelError::Empty)?..];
        let mut padded = [0; Self::MAX_LEN];
        let mut len = 0;
        for c in usable.chars() {
            if let Some(slot) = padded.get_mut(len) {
                *slot = if c.is_ascii() && is_label_byte(c as u8) {
                    c as u8
                } else {
                    b'-'
                };
            }
            len += 1;
        }
        if len > Self::MAX_LEN {
            let mut hasher = SipHasher24::new();
            hasher.write(name.as_bytes());
            let digest = (hasher.finish() >> 32) as u32;
            padded[Self::KEPT_OF_HOST_NAME] = b'-';
            for (place, digit) in padded[Self::KEPT_OF_HOST_NAME + 1..].iter_mut().enumerate() {
                *digit = b"0123456789abcdef"[(digest >> (28 - 4 * place)) as usize & 0xf];
            }
        }
        Ok(Self(padded))
    }

    /// The zero-padded bytes as on the wire.
    #[must_use]
    pub const fn as_padded(&self) -> &[u8; Self::MAX_LEN] {
        &self.0
    }

    /// The label as text, without the padding.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let len = self.0.iter().position(|&byte| byte == 0).unwrap_or(Self::MAX_LEN);
        // Only checked ASCII bytes ever get in, so this is never the fallback.
        core::str::from_utf8(&self.0[..len]).unwrap_or_default()
    }
}

const fn is_label_byte(byte: u8) -> bool {
    // Without a branch in between, so that sixteen can be asked at once.
    byte.is_ascii_alphanumeric() | (byte == b'.') | (byte == b'_') | (byte == b'-')
}

/// Whether every byte belongs in a label or may be padding. Every collector asks it for every datagram; the compiler does
/// it by the vector, of a function that stands alone.
#[inline(never)]
fn holds_label_bytes(padded: &[u8; Label::MAX_LEN]) -> bool {
    let is_good = |&byte: &u8| is_label_byte(byte) | (byte == 0);
    padded.iter().fold(true, |all, byte| all & is_good(byte))
}

/// Whether no zero byte stands before another one, of bytes that are ASCII.
const fn is_padded_at_the_end(padded: &[u8; Label::MAX_LEN]) -> bool {
    const EACH: u128 = u128::MAX / 0xff;
    // A byte's lowest bit is set where the byte is not zero; no sum carries into the next byte.
    let filled = (u128::from_le_bytes(*padded).wrapping_add(EACH * 0x7f) >> 7) & EACH;
    filled >> 8 & !filled == 0
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "label {}", self.as_str())
    }
}

impl core::str::FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        Self::new(text)
    }
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a label is empty; it takes 1 to 16 of A-Z a-z 0-9 . _ -",
            Self::TooLong => "a label takes at most 16 characters",
            Self::FirstCharacter => "a label begins with a letter or a digit",
            Self::Character => "a label takes only A-Z a-z 0-9 . _ -",
        })
    }
}

impl core::error::Error for LabelError {}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    #[test]
    fn sixteen_bytes_at_once_are_judged_as_one_by_one() {
        for byte in 0..=u8::MAX {
            for place in 1..Label::MAX_LEN {
                let mut bytes = [b'a'; Label::MAX_LEN];
                bytes[place] = byte;
                let is_good = is_label_byte(byte) || (byte == 0 && place == Label::MAX_LEN - 1);
                assert_eq!(Label::from_padded(bytes).is_ok(), is_good, "{byte} at {place}");
            }
        }
    }

    #[test]
    fn padding_stands_at_the_end() {
        for len in 1..=Label::MAX_LEN {
            let mut bytes = [0; Label::MAX_LEN];
            bytes[..len].fill(b'a');
            assert!(Label::from_padded(bytes).is_ok());
            for place in 1..len - 1 {
                let mut holed = bytes;
                holed[place] = 0;
                assert_eq!(
                    Label::from_padded(holed),
                    Err(LabelError::Character),
                    "{place} of {len}"
                );
            }
        }
        assert_eq!(Label::new("a\0"), Err(LabelError::Character));
    }

    #[test]
    fn the_rules_of_a_label() {
        for good in ["a", "7", "fridge-7", "A.b_c-9", "0123456789abcdef"] {
            assert_eq!(Label::new(good).unwrap().to_string(), good);
        }
        assert_eq!(Label::new(""), Err(LabelError::Empty));
        assert_eq!(Label::new("0123456789abcdefg"), Err(LabelError::TooLong));
        assert_eq!(Label::new("-a"), Err(LabelError::FirstCharacter));
        assert_eq!(Label::new("a b"), Err(LabelError::Character));
        assert_eq!(Label::new("caf\u{e9}"), Err(LabelError::Character));
        assert_eq!(Label::new("a\0b"), Err(LabelError::Character));
        assert_eq!(Label::new("a\0"), Err(LabelError::Character));
    }

    #[test]
    fn padding_holds_nothing_but_zeroes() {
        let mut field = [0; 16];
        assert_eq!(Label::from_padded(field), Err(LabelError::Empty));
        field[0] = b'a';
        assert_eq!(Label::from_padded(field), Ok(Label::new("a").unwrap()));
        field[15] = b'b';
        assert_eq!(Label::from_padded(field), Err(LabelError::Character));
    }

    #[test]
    fn a_host_name_becomes_a_label() {
        let label = |name| Label::from_host_name(name).unwrap().to_string();
        assert_eq!(label("fridge-7"), "fridge-7");
        assert_eq!(label("cam.example.org"), "cam.example.org");
        assert_eq!(label("_my host"), "my-host");
        assert_eq!(label("0123456789abcdef"), "0123456789abcdef");
        assert_eq!(Label::from_host_name("(-)"), Err(LabelError::Empty));
        let long = label("rooftop-camera-north.example.org");
        assert_eq!(&long[..8], "rooftop-");
        assert_ne!(long, label("rooftop-camera-south.example.org"));
    }

    #[test]
    fn the_hash_of_a_long_host_name_never_changes() {
        let label = Label::from_host_name("rooftop-camera-north.example.org").unwrap();
        assert_eq!(label.as_str(), "rooftop-6ba0e752");
    }

    proptest! {
        #[test]
        fn every_default_is_a_valid_label(name in any::<std::string::String>()) {
            if let Ok(label) = Label::from_host_name(&name) {
                prop_assert_eq!(Label::new(label.as_str()), Ok(label));
            }
        }

        #[test]
        fn text_and_field_agree(text in "[a-zA-Z0-9][a-zA-Z0-9._-]{0,15}") {
            let label = Label::new(&text).unwrap();
            prop_assert_eq!(Label::from_padded(*label.as_padded()), Ok(label));
            prop_assert_eq!(label.as_str(), text);
        }
    }
}
