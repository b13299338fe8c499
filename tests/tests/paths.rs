//! The documents name no source file that there is not.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests; these are their helpers"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Whatever is built, fetched or kept apart from what is written by hand.
const NOT_LOOKED_INTO: [&str; 4] = ["target", ".git", "corpus", "artifacts"];

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let is_looked_into = !NOT_LOOKED_INTO.iter().any(|name| entry.file_name() == *name);
        if entry.file_type().unwrap().is_dir() && is_looked_into {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

/// What stands between back quotes in `text`, which is no code that is set apart.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().filter(|line| !line.starts_with("    "));
    lines.flat_map(|line| line.split('`').skip(1).step_by(2))
}

#[test]
fn every_source_file_that_a_document_names_is_there() {
    let mut all = Vec::new();
    files(repository(), &mut all);
    let documents = all
        .iter()
        .filter(|path| path.extension().is_some_and(|is| is == "md"));
    let mut named = 0;
    for document in documents {
        let text = fs::read_to_string(document).unwrap();
        for name in spans(&text).filter(|name| name.ends_with(".rs") && !name.contains(['*', ' '])) {
            named += 1;
            let is_there = all.iter().any(|path| path.ends_with(name));
            assert!(is_there, "{}: there is no {name}", document.display());
        }
    }
    assert!(named > 50, "only {named} were found");
}
