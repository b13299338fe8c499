//! What the hot path took when it was last found right: a file of lines `case count`.

use std::env::consts::ARCH;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::case::Case;

/// Instructions each, for every case.
#[derive(Default)]
pub(crate) struct Baseline(Vec<(String, f64)>);

impl Baseline {
    pub(crate) fn read() -> io::Result<Self> {
        let file = file();
        let text = fs::read_to_string(&file).map_err(|error| {
            let what_to_do = "where this architecture has no baseline yet, --save makes one";
            io::Error::new(error.kind(), format!("{}: {error}; {what_to_do}", file.display()))
        })?;
        let mut baseline = Self::default();
        for line in text.lines() {
            let (name, each) = line
                .split_once(' ')
                .and_then(|(name, each)| Some((name, each.parse().ok()?)))
                .ok_or_else(|| io::Error::other(format!("{}: no case and count: {line}", file.display())))?;
            baseline.0.push((name.to_owned(), each));
        }
        Ok(baseline)
    }

    pub(crate) fn save(&self) -> io::Result<()> {
        let mut text = String::new();
        for (name, each) in &self.0 {
            writeln!(text, "{name} {each:.1}").expect("a string takes what is written to it");
        }
        fs::write(file(), text)
    }

    pub(crate) fn set(&mut self, case: Case, each: f64) {
        self.0.push((case.name().to_owned(), each));
    }

    pub(crate) fn get(&self, case: Case) -> io::Result<f64> {
        let found = self.0.iter().find(|(name, _)| name == case.name());
        let each = found.map(|&(_, each)| each);
        each.ok_or_else(|| io::Error::other(format!("{}: '{}' is missing", file().display(), case.name())))
    }
}

/// Each processor architecture has instructions of its own.
fn file() -> PathBuf {
    let directory = env!("CARGO_MANIFEST_DIR");
    PathBuf::from(format!("{directory}/benches/instructions/baseline-{ARCH}"))
}
