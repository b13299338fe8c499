//! Key files against a naive reading of docs/protocol.md, section 6; what is wrong is told without repeating a key.

#![no_main]

use beacon_collector::keys::parse_masters;
use beacon_common::{KeyId, MasterKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let read = parse_masters(bytes);
    assert_eq!(read.as_ref().ok(), naive(bytes).as_ref());
    let Err(problem) = read else { return };
    assert!(!problem.contains('\n'), "{problem}");
    for word in String::from_utf8_lossy(bytes).split_ascii_whitespace() {
        let is_secret = word.len() >= 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(!(is_secret && problem.contains(word)), "{problem}");
    }
});

/// The keys of a file in which everything is right.
fn naive(bytes: &[u8]) -> Option<Vec<MasterKey>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut masters = Vec::new();
    for line in text.split('\n') {
        let line = line.split_once('#').map_or(line, |(before, _)| before);
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            [] => {}
            [id, key] => masters.push(MasterKey::new(naive_id(id)?, naive_key(key)?)),
            _ => return None,
        }
    }
    let mut ids: Vec<_> = masters.iter().map(MasterKey::id).collect();
    ids.sort_unstable();
    ids.dedup();
    (!masters.is_empty() && ids.len() == masters.len()).then_some(masters)
}

fn naive_id(text: &str) -> Option<KeyId> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = text.trim_start_matches('0');
    if !is_number || digits.len() > 3 {
        return None;
    }
    KeyId::new(u8::try_from(digits.parse::<u16>().ok()?).ok()?)
}

fn naive_key(text: &str) -> Option<[u8; 16]> {
    let is_key = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = is_key.then(|| u128::from_str_radix(text, 16).ok())??;
    Some(number.to_be_bytes())
}
