//! docs/operations.md has every log message that asks for action, and none that there is not.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests; these are their helpers"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What differs from one message to the next.
const VARIES: &str = "…";

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The sources of a program but for its tests.
fn sources(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.file_name().is_some_and(|name| name != "tests.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            found.push(code.to_owned());
        }
    }
}

/// The text of a string literal that `code` goes on with, as it is shown, whatever is filled in.
fn literal(code: &str) -> String {
    let begin = code.find('"').expect("a message is a literal") + 1;
    let (mut shown, mut rest) = (String::new(), code[begin..].chars());
    while let Some(next) = rest.next() {
        match next {
            '"' => break,
            '\\' if rest.as_str().starts_with('\n') => rest = rest.as_str().trim_start().chars(),
            '\\' => shown.extend(rest.next()),
            '{' => {
                shown += VARIES;
                rest.by_ref().find(|&end| end == '}');
            }
            _ => shown.push(next),
        }
    }
    // Two that follow each other, such as a reason and a count, are seen as one.
    shown.replace("……", VARIES)
}

fn messages_of(program: &str) -> BTreeSet<String> {
    let mut found = Vec::new();
    sources(&repository().join(program).join("src"), &mut found);
    let calls = |code: &str| -> Vec<String> {
        let begins = ["warn!(", "error!("].into_iter();
        let ends = begins.flat_map(|call| code.match_indices(call).map(|(at, call)| at + call.len()));
        ends.map(|at| literal(&code[at..])).collect()
    };
    found.iter().flat_map(|code| calls(code)).collect()
}

/// The first column of the tables behind the heading.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let (_, section) = text
        .split_once("## Every log message that asks for action")
        .unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split_once('`').unwrap().0.to_owned())
        .collect()
}

/// What stands for itself nowhere: all that it says is filled in. What that may be is listed by hand.
fn says_nothing(message: &str) -> bool {
    message == "…: …"
}

#[test]
fn every_message_is_documented() {
    let documented = documented();
    for program in ["collector", "agent"] {
        let messages = messages_of(program);
        assert!(messages.len() >= 5, "{program}: {messages:#?}");
        for message in messages.iter().filter(|message| !says_nothing(message)) {
            assert!(
                documented.contains(message),
                "docs/operations.md, \"Every log message\": there is no row for {program}'s `{message}`"
            );
        }
    }
}

#[test]
fn no_message_is_documented_that_there_is_not() {
    let mut code = Vec::new();
    for program in ["collector", "agent"] {
        sources(&repository().join(program).join("src"), &mut code);
    }
    // Some are put together from a complaint that is written elsewhere, so any literal will do.
    let literals: BTreeSet<String> = code
        .iter()
        .flat_map(|code| code.match_indices('"').map(|(at, _)| literal(&code[at..])))
        .collect();
    for message in documented() {
        assert!(
            literals.contains(&message),
            "docs/operations.md tells of `{message}`, which nobody says"
        );
    }
}

#[test]
fn a_literal_is_read_as_it_is_shown() {
    let code = "\n    \"{path}: a \\\"b\\\" {error}{more}; \\\n     tried again\", x";
    assert_eq!(literal(code), "…: a \"b\" …; tried again");
}
