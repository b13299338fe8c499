//! What the collector says, and when it is read.

use std::io::{BufRead as _, BufReader, Read};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use beacon_common::Moment;
use beacon_tests::e2e::Line;
use beacon_tests::load::now;

/// A `down` line.
pub(crate) struct Down {
    line: Line,
    /// When it was read.
    pub(crate) read_at: Moment,
    /// The wall clock then.
    wall: SystemTime,
}

impl Down {
    pub(crate) fn label(&self) -> &str {
        self.line.text("source")
    }

    pub(crate) fn seq(&self) -> i64 {
        self.line.number("seq")
    }

    /// From the arrival of the last beat to the deadline.
    pub(crate) fn bound(&self) -> Duration {
        Duration::from_millis(self.line.number("bound_ms").unsigned_abs())
    }

    /// By how many whole milliseconds, rounded down, the silence was longer than that: bounds are whole
    /// milliseconds, and `silent_ms` is rounded down.
    pub(crate) fn overdue_ms(&self) -> i64 {
        self.line.number("silent_ms") - self.line.number("bound_ms")
    }

    /// When it was decided: the line's `time`, on the clock of `read_at`.
    pub(crate) fn decided_at(&self) -> Moment {
        let time = self.line.text("time");
        let decided = humantime::parse_rfc3339(time).unwrap_or_else(|error| panic!("{error}: {}", self.line));
        let age = self.wall.duration_since(decided).unwrap_or_default();
        Moment::from_nanos(self.read_at.as_nanos().saturating_sub(age.as_nanos() as u64))
    }
}

/// All that the collector has said.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) down: Vec<Down>,
    pub(crate) new: usize,
    pub(crate) late: usize,
    /// Lines that say that others are missing.
    pub(crate) gaps: usize,
}

/// Reads in a thread of its own, as whoever reads the events would.
pub(crate) struct Told(JoinHandle<Said>);

impl Told {
    pub(crate) fn follow(output: impl Read + Send + 'static) -> Self {
        Self(thread::spawn(move || read(output)))
    }

    /// What was said until the collector ended.
    pub(crate) fn all(self) -> Said {
        self.0.join().expect("the reader panics at what is no event line")
    }
}

fn read(output: impl Read) -> Said {
    let mut said = Said::default();
    let mut reader = BufReader::with_capacity(1 << 16, output);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|len| len > 0) {
        let text = String::from_utf8_lossy(&bytes);
        // What a killed collector has not written to its end says nothing.
        if text.ends_with('\n') {
            said.take(&text);
        }
        bytes.clear();
    }
    said
}

impl Said {
    fn take(&mut self, text: &str) {
        // The first of a million lines are all about new sources: they are not worth a parser.
        if text.contains(r#""cause":"new""#) {
            self.new += 1;
        } else if text.contains(r#""event":"down""#) {
            let (read_at, wall) = clocks();
            let line = Line::parse(text);
            self.down.push(Down { line, read_at, wall });
        } else if text.contains(r#""event":"late""#) {
            self.late += 1;
        } else if text.contains(r#""event":"gap""#) {
            self.gaps += 1;
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the collector's lines are stamped with the wall clock"
)]
fn clocks() -> (Moment, SystemTime) {
    (now(), SystemTime::now())
}
