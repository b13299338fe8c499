//! The inventory file: the sources that are expected. One label a line, then, where wanted, a group in one word and a
//! note to the end of the line, which is for whoever reads the file; `#` begins a comment where a word may begin.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::io::{self, Read};
use std::path::Path;
use std::str;
use std::sync::Arc;

use beacon_common::Label;

use crate::failure::{Exit, Failure};
use crate::input::{self, Reading};
use crate::track::inventory::Expected;

/// Millions of sources with their notes.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// The longest name of a group, in bytes: it stands in every line about its sources.
pub const MAX_GROUP_BYTES: usize = 64;

/// Reads the expected sources in the file at `path`, in its order: from one to `max_sources`.
///
/// # Errors
/// [`Exit::NoInput`] where it cannot be read, [`Exit::Data`] where a line of it is wrong, [`Exit::Usage`] where it
/// lists more sources than are kept.
pub fn read_inventory(path: &Path, max_sources: u32, reading: Reading) -> Result<Vec<Expected>, Failure> {
    let unreadable = |error: io::Error| told(Exit::NoInput, path, format_args!("cannot be read: {error}"));
    let (file, _) = input::open(path, reading).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let problem = "longer than 256 MiB, so this is no inventory";
        return Err(told(Exit::Data, path, problem));
    }
    let expected = parse(&bytes).map_err(|problem| told(Exit::Data, path, problem))?;
    let count = expected.len();
    if count as u64 > max_sources.into() {
        let problem = format_args!("{count} sources, and --max-sources is {max_sources}");
        return Err(told(Exit::Usage, path, problem));
    }
    Ok(expected)
}

fn told(exit: Exit, path: &Path, problem: impl Display) -> Failure {
    let path = path.to_string_lossy();
    let path = path.escape_debug();
    Failure::new(exit, format_args!("--inventory: {path}: {problem}"))
}

/// The expected sources that a file of these bytes lists.
///
/// # Errors
/// What is wrong with which line.
pub fn parse(bytes: &[u8]) -> Result<Vec<Expected>, String> {
    let mut expected = Vec::new();
    let mut lines: HashMap<Label, usize> = HashMap::new();
    let mut groups: HashSet<Arc<str>> = HashSet::new();
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let at_line = |problem: &dyn Display| format!("line {number}: {problem}");
        let Some((label, group)) = parse_line(line).map_err(|problem| at_line(&problem))? else {
            continue;
        };
        if let Some(first) = lines.insert(label, number) {
            let problem = format_args!("{label} stands in line {first} already; each source takes one line");
            return Err(at_line(&problem));
        }
        let group = group.map(|name| {
            let known = groups.get(name).map(Arc::clone);
            known.unwrap_or_else(|| {
                let group: Arc<str> = name.into();
                groups.insert(Arc::clone(&group));
                group
            })
        });
        expected.push(Expected { label, group });
    }
    if expected.is_empty() {
        return Err("there is no label in it; a line takes one: LABEL [GROUP [NOTE]]".to_owned());
    }
    Ok(expected)
}

/// The label and the group of one line, if there is anything in it.
fn parse_line(line: &[u8]) -> Result<Option<(Label, Option<&str>)>, String> {
    let text = str::from_utf8(line).map_err(|_| "this is not UTF-8 text")?;
    let text = text.trim_end();
    if text.contains(|char: char| char.is_control() && char != '\t') {
        return Err("there is a control character in it".to_owned());
    }
    let mut words = text.split_whitespace().take_while(|word| !word.starts_with('#'));
    let Some(label) = words.next() else {
        return Ok(None);
    };
    let label = Label::new(label).map_err(|error| error.to_string())?;
    match words.next() {
        Some(group) if group.len() > MAX_GROUP_BYTES => {
            Err(format!("a group takes at most {MAX_GROUP_BYTES} bytes"))
        }
        group => Ok(Some((label, group))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn parsed(text: &str) -> Vec<(String, Option<String>)> {
        let expected = parse(text.as_bytes()).unwrap();
        let words = |expected: &Expected| {
            (
                expected.label.to_string(),
                expected.group.as_deref().map(str::to_owned),
            )
        };
        expected.iter().map(words).collect()
    }

    fn entry(label: &str, group: Option<&str>) -> (String, Option<String>) {
        (label.to_owned(), group.map(str::to_owned))
    }

    #[test]
    fn a_line_is_a_label_a_group_and_a_note() {
        let text = "# the kitchen\n\nfridge-7 kitchen beside the door, call Ann\r\n\toven\tkitchen # new\n  lamp\n\
                    bell # no group\ndoor k\u{fc}che#2 note";
        let wanted = [
            entry("fridge-7", Some("kitchen")),
            entry("oven", Some("kitchen")),
            entry("lamp", None),
            entry("bell", None),
            entry("door", Some("k\u{fc}che#2")),
        ];
        assert_eq!(parsed(text), wanted);
    }

    #[test]
    fn the_sources_of_a_group_share_its_name() {
        let expected = parse(b"a g\nb g\nc h").unwrap();
        let group = |index: usize| expected[index].group.as_ref().unwrap();
        assert!(Arc::ptr_eq(group(0), group(1)));
        assert_eq!(**group(2), *"h");
    }

    #[test]
    fn a_damaged_file_is_told_by_line() {
        let long = format!("a\nb {}", "g".repeat(65));
        for (content, problem) in [
            ("a\n-b\n", "line 2: a label begins with a letter or a digit"),
            ("a,b\n", "line 1: a label takes only A-Z a-z 0-9 . _ -"),
            (
                "\n0123456789abcdefg",
                "line 2: a label takes at most 16 characters",
            ),
            (
                "a\nb x\n#\na y\n",
                "line 4: a stands in line 1 already; each source takes one line",
            ),
            ("a\nb g \x1b[2J", "line 2: there is a control character in it"),
            ("a\rb\n", "line 1: there is a control character in it"),
            (&long, "line 2: a group takes at most 64 bytes"),
            (
                "# none\n",
                "there is no label in it; a line takes one: LABEL [GROUP [NOTE]]",
            ),
            (
                "",
                "there is no label in it; a line takes one: LABEL [GROUP [NOTE]]",
            ),
        ] {
            assert_eq!(parse(content.as_bytes()).unwrap_err(), problem);
        }
        assert_eq!(parse(b"a\nb \xff").unwrap_err(), "line 2: this is not UTF-8 text");
    }

    #[test]
    fn a_file_is_named_with_what_is_wrong_in_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("in\nventory");
        let read = |max_sources| {
            read_inventory(&path, max_sources, Reading::First).map_err(|failure| {
                assert!(!failure.line.contains('\n'), "{failure}");
                (failure.exit, failure.line)
            })
        };
        let (exit, line) = read(9).unwrap_err();
        assert_eq!(exit, Exit::NoInput);
        assert!(line.contains("in\\nventory: cannot be read: "), "{line}");
        fs::write(&path, "a\nb\n").unwrap();
        assert_eq!(read(2).unwrap().len(), 2);
        let (exit, line) = read(1).unwrap_err();
        assert_eq!(exit, Exit::Usage);
        assert!(line.ends_with("2 sources, and --max-sources is 1"), "{line}");
        fs::write(&path, "a\n?\n").unwrap();
        let (exit, line) = read(9).unwrap_err();
        assert_eq!(exit, Exit::Data);
        assert!(line.contains("in\\nventory: line 2: "), "{line}");
        let failure = read_inventory(directory.path(), 9, Reading::First).unwrap_err();
        assert_eq!(failure.exit, Exit::NoInput);
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_inventory_or_one_line_of_what_is_wrong(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), Just(b'\n'), Just(b'a'), Just(b' '), Just(b'#')], 0..200)
        ) {
            match parse(&bytes) {
                Ok(expected) => {
                    let labels: HashSet<_> = expected.iter().map(|expected| expected.label).collect();
                    prop_assert_eq!(labels.len(), expected.len());
                    prop_assert!(!labels.is_empty());
                }
                Err(problem) => prop_assert!(!problem.contains(|char: char| char.is_control())),
            }
        }

        #[test]
        fn what_was_written_is_read(
            entries in proptest::collection::btree_map("[a-zA-Z0-9][a-zA-Z0-9._-]{0,15}", "|[^\\s#\\pC][^\\s\\pC]{0,12}", 1..20)
        ) {
            let text: String = entries.iter().map(|(label, group)| format!("{label} {group} a note\n")).collect();
            let wanted: Vec<_> = entries.iter()
                .map(|(label, group)| entry(label, Some(if group.is_empty() { "a" } else { group })))
                .collect();
            prop_assert_eq!(parsed(&text), wanted);
        }
    }
}
