//! The output: what the tracker tells, as lines for people, scripts and databases (docs/events.md).
//!
//! An event becomes one sequence of fields ([`line::Line`]), whose keys are one table ([`fields`]); every
//! format is made from that sequence, the JSON Schema and the documentation from that table. Lines go to
//! their reader through a [`pipe::Pipe`], which never makes the reception wait.

pub(crate) mod environment;
pub mod escape;
pub mod events;
pub mod fields;
mod influx;
pub(crate) mod json;
pub mod line;
mod logfmt;
pub mod pipe;
pub mod schema;
pub mod tap;
pub(crate) mod text;
mod writer;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use crate::track::event::What;
use events::EventSet;
use line::Line;
use tap::Told;

/// How event lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON Lines.
    Json,
    /// Aligned columns for people.
    Text,
    /// `key=value` pairs.
    Logfmt,
    /// The line protocol of InfluxDB.
    Influx,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Json, Self::Text, Self::Logfmt, Self::Influx];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
            Self::Logfmt => "logfmt",
            Self::Influx => "influx",
        }
    }
}

/// What is written, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The format of the lines.
    pub format: Format,
    /// Whether text is coloured by state.
    pub colour: bool,
    /// The collector's name, told in every line.
    pub collector: String,
    /// The events that are handed to the queue.
    pub events: EventSet,
    /// How many lines may wait for their reader.
    pub queue: usize,
}

/// An event with the wall time that its line tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Microseconds since the Unix epoch, UTC.
    pub time_us: u64,
    /// What happened.
    pub what: What,
}

/// Turns entries into lines, numbered from 1 in the order in which they are written.
#[derive(Debug)]
struct Renderer {
    format: Format,
    colour: bool,
    collector: String,
    lines: u64,
}

impl Renderer {
    fn new(settings: &Settings) -> Self {
        Self {
            format: settings.format,
            colour: settings.colour,
            collector: settings.collector.clone(),
            lines: 0,
        }
    }

    /// Adds the entry's line to `out`, with the one newline that ends it.
    fn render(&mut self, entry: &Entry, out: &mut String) {
        self.lines += 1;
        self.put(self.format, entry, out);
        out.push('\n');
    }

    /// The entry whose line was rendered last, for those who follow along.
    fn told(&self, entry: Entry) -> Told {
        let mut json = String::new();
        self.put(Format::Json, &entry, &mut json);
        Told {
            id: self.lines,
            time_us: entry.time_us,
            what: entry.what,
            json,
        }
    }

    fn put(&self, format: Format, entry: &Entry, out: &mut String) {
        let line = Line {
            id: self.lines,
            time_us: entry.time_us,
            collector: &self.collector,
            what: &entry.what,
        };
        match format {
            Format::Json => json::render(&line, out),
            Format::Text => text::render(&line, self.colour, out),
            Format::Logfmt => logfmt::render(&line, out),
            Format::Influx => influx::render(&line, out),
        }
        .expect("a String takes whatever is written to it");
    }
}
