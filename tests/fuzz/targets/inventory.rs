//! Inventory files against a naive reading of docs/operations.md; what is read and written again is read as the same.

#![no_main]

use std::collections::BTreeSet;

use beacon_collector::inventory::{MAX_GROUP_BYTES, parse};
use beacon_collector::track::inventory::Expected;
use beacon_common::Label;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let read = parse(bytes);
    assert_eq!(read.as_ref().ok(), naive(bytes).as_ref());
    match read {
        Ok(expected) => assert_eq!(parse(written(&expected).as_bytes()).as_ref(), Ok(&expected)),
        Err(problem) => assert!(!problem.contains(char::is_control), "{problem}"),
    }
});

fn written(expected: &[Expected]) -> String {
    let line = |source: &Expected| {
        format!(
            "{} {}\n",
            source.label,
            source.group.as_deref().unwrap_or("# none")
        )
    };
    expected.iter().map(line).collect()
}

/// The sources of a file in which everything is right.
fn naive(bytes: &[u8]) -> Option<Vec<Expected>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut sources = Vec::new();
    for line in text.split('\n') {
        if line
            .trim_end()
            .chars()
            .any(|char| char.is_control() && char != '\t')
        {
            return None;
        }
        let mut words = line.split_whitespace();
        let mut word = || words.next().filter(|word| !word.starts_with('#'));
        let Some(label) = word() else { continue };
        let group = word();
        if group.is_some_and(|group| group.len() > MAX_GROUP_BYTES) {
            return None;
        }
        sources.push(Expected {
            label: naive_label(label)?,
            group: group.map(Into::into),
        });
    }
    let labels: BTreeSet<_> = sources.iter().map(|source| source.label).collect();
    (!sources.is_empty() && labels.len() == sources.len()).then_some(sources)
}

fn naive_label(text: &str) -> Option<Label> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric();
    let is_label = (1..=16).contains(&text.len())
        && text.bytes().all(|byte| is_plain(byte) || b"._-".contains(&byte))
        && text.bytes().next().is_some_and(is_plain);
    is_label.then(|| Label::new(text).expect("its form is that of a label"))
}
