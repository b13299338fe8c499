//! Keys and tags: SipHash-2-4 under a key that only one device holds.
//!
//! A collector holds master keys; each device holds one key derived from a master and its own label, so
//! a stolen device speaks for nobody else (docs/protocol.md, section 6).

use core::fmt;
use core::num::NonZeroU8;
use core::str;
use siphasher::{sip, sip128};
use zeroize::Zeroize;

use crate::label::Label;

/// The length of every key, in bytes.
pub const KEY_LEN: usize = 16;

/// The number that names a master key and the device keys made from it: 1 to 255.
/// On the wire 0 stands for an unauthenticated frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(NonZeroU8);

impl KeyId {
    /// The id with this number, or `None` for 0.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match NonZeroU8::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Sixteen secret bytes that are wiped when dropped and never printed, as the two little-endian
/// words that SipHash takes them for.
#[derive(Clone, PartialEq, Eq)]
struct Secret([u64; 2]);

impl Secret {
    const fn new(bytes: [u8; KEY_LEN]) -> Self {
        let number = u128::from_le_bytes(bytes);
        Self([number as u64, (number >> 64) as u64])
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A collector's key, from which it derives the key of every device.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    id: KeyId,
    secret: Secret,
}

impl MasterKey {
    /// The master key with this id and these bytes.
    #[must_use]
    pub const fn new(id: KeyId, bytes: [u8; KEY_LEN]) -> Self {
        Self {
            id,
            secret: Secret::new(bytes),
        }
    }

    /// The id that frames made with this master's device keys carry.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The key of the device called `label`: SipHash-2-4 with 128-bit output over the padded label.
    #[must_use]
    pub fn device_key(&self, label: &Label) -> DeviceKey {
        let [low, high] = self.secret.0;
        let hash = sip128::SipHasher24::new_with_keys(low, high).hash(label.as_padded());
        DeviceKey {
            id: self.id,
            secret: Secret([hash.h1, hash.h2]),
        }
    }

    /// The line that goes into the collector's key file.
    #[must_use]
    pub const fn reveal(&self) -> RevealedKey<'_> {
        RevealedKey {
            id: self.id,
            secret: &self.secret,
        }
    }
}

/// One device's key: it makes and checks the tags of that device's frames.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceKey {
    id: KeyId,
    secret: Secret,
}

impl DeviceKey {
    /// The device key with this id and these bytes.
    #[must_use]
    pub const fn new(id: KeyId, bytes: [u8; KEY_LEN]) -> Self {
        Self {
            id,
            secret: Secret::new(bytes),
        }
    }

    /// The id that this device's frames carry.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The tag over `bytes`: the 64-bit SipHash-2-4 under this key.
    #[must_use]
    pub fn tag(&self, bytes: &[u8]) -> u64 {
        let [low, high] = self.secret.0;
        sip::SipHasher24::new_with_keys(low, high).hash(bytes)
    }

    /// The line that goes into this device's key file.
    #[must_use]
    pub const fn reveal(&self) -> RevealedKey<'_> {
        RevealedKey {
            id: self.id,
            secret: &self.secret,
        }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "master key {}", self.id)
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device key {}", self.id)
    }
}

/// A key as its key-file line, `ID HEX32`: the one place where a key becomes text.
pub struct RevealedKey<'a> {
    id: KeyId,
    secret: &'a Secret,
}

impl fmt::Display for RevealedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.id)?;
        let [low, high] = self.secret.0;
        // The words are little-endian, and the text has the bytes in their order.
        write!(f, "{:016x}{:016x}", low.swap_bytes(), high.swap_bytes())
    }
}

/// Why a line of a key file holds no key. The line itself is never repeated: it may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLineError {
    /// Not two words.
    Form,
    /// The id is not a number from 1 to 255.
    Id,
    /// The key is not 32 hex digits.
    Key,
}

impl fmt::Display for KeyLineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "a key line takes an id and a key: ID HEX32",
            Self::Id => "a key's id is a number from 1 to 255",
            Self::Key => "a key is 32 hex digits",
        })
    }
}

impl core::error::Error for KeyLineError {}

/// Whether `text` holds what may be a key: a word of nothing but hex digits, half as many as a key has or more. It is not
/// to be repeated where others may read it.
#[must_use]
pub fn holds_key(text: &str) -> bool {
    let is_hex = |word: &str| word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut words = text.split(|c: char| c == '#' || c.is_ascii_whitespace());
    words.any(|word| word.len() >= KEY_LEN && is_hex(word))
}

/// Reads one line of a key file, `ID HEX32` with `#` beginning a comment; `None` for a line without a key.
///
/// # Errors
/// A [`KeyLineError`] that names the part which is wrong.
pub fn parse_key_line(line: &str) -> Result<Option<(KeyId, [u8; KEY_LEN])>, KeyLineError> {
    let text = line.split('#').next().unwrap_or_default();
    let mut words = text.split_ascii_whitespace();
    let Some(id) = words.next() else { return Ok(None) };
    let (Some(key), None) = (words.next(), words.next()) else {
        return Err(KeyLineError::Form);
    };
    let id = parse_id(id).ok_or(KeyLineError::Id)?;
    Ok(Some((id, parse_hex(key).ok_or(KeyLineError::Key)?)))
}

/// Digits alone: the standard parser takes a sign too.
fn parse_id(text: &str) -> Option<KeyId> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        .then(|| text.parse().ok())
        .flatten()
        .and_then(KeyId::new)
}

fn parse_hex(text: &str) -> Option<[u8; KEY_LEN]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != KEY_LEN || !rest.is_empty() {
        return None;
    }
    let mut key = [0; KEY_LEN];
    for (byte, pair) in key.iter_mut().zip(pairs) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::format;
    use std::string::ToString;

    const MASTER: [u8; KEY_LEN] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    fn golden() -> DeviceKey {
        MasterKey::new(KeyId::new(7).unwrap(), MASTER).device_key(&Label::new("fridge-7").unwrap())
    }

    #[test]
    fn a_device_key_is_the_hash_of_its_label_under_the_master() {
        assert_eq!(
            golden().reveal().to_string(),
            "7 3ef60eb36452baf30efd880352564763"
        );
    }

    /// The first and the last of the 64 vectors in the reference implementation of SipHash-2-4.
    #[test]
    fn tags_are_siphash_2_4_as_published() {
        let key = DeviceKey::new(KeyId::new(1).unwrap(), MASTER);
        let input: [u8; 63] = core::array::from_fn(|i| i as u8);
        assert_eq!(key.tag(&[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(key.tag(&input), 0x958a_324c_eb06_4572);
    }

    #[test]
    fn a_key_line_is_read_or_refused_with_the_reason() {
        let hex = "3ef60eb36452baf30efd880352564763";
        let (id, bytes) = parse_key_line(&format!("  7\t{hex}  # fridge")).unwrap().unwrap();
        assert_eq!(DeviceKey::new(id, bytes), golden());
        assert_eq!(parse_key_line("  # nothing"), Ok(None));
        assert_eq!(parse_key_line(""), Ok(None));
        assert_eq!(parse_key_line("7"), Err(KeyLineError::Form));
        assert_eq!(parse_key_line(&format!("7 {hex} x")), Err(KeyLineError::Form));
        assert_eq!(parse_key_line(&format!("0 {hex}")), Err(KeyLineError::Id));
        assert_eq!(parse_key_line(&format!("256 {hex}")), Err(KeyLineError::Id));
        assert_eq!(parse_key_line(&format!("+7 {hex}")), Err(KeyLineError::Id));
        assert_eq!(parse_key_line(&format!("7 {hex}0")), Err(KeyLineError::Key));
        assert_eq!(
            parse_key_line(&format!("7 {}", hex.replace('3', "+"))),
            Err(KeyLineError::Key)
        );
        assert_eq!(
            parse_key_line("7 \u{e9}ef60eb36452baf30efd88035256476"),
            Err(KeyLineError::Key)
        );
    }

    #[test]
    fn what_may_be_a_key_is_found_and_a_path_is_none() {
        let hex = "3ef60eb36452baf30efd880352564763";
        for text in [hex, &hex[..16], &format!("7 {hex}"), &format!("  7\t{hex}#x")] {
            assert!(holds_key(text), "{text}");
        }
        for path in [
            "/etc/beacon/keys",
            "7",
            "",
            &hex[..15],
            "/run/3ef60eb36452baf30efd880352564763",
        ] {
            assert!(!holds_key(path), "{path}");
        }
    }

    #[test]
    fn keys_are_never_printed_by_accident() {
        assert_eq!(format!("{:?}", golden()), "device key 7");
        assert_eq!(
            format!("{:?}", MasterKey::new(KeyId::new(7).unwrap(), MASTER)),
            "master key 7"
        );
    }
}
