//! Every event in every format, hostile names, and the schema and the documentation held to the lines.

use serde_json::Value as Json;

use super::events::{EventName, EventSet};
use super::samples::{TIME_US, one_of_each};
use super::{Entry, Format, Renderer, Settings};
use crate::track::event::What;

mod documentation;
mod golden;
mod hostile;
mod schema;

fn renderer(format: Format, collector: &str) -> Renderer {
    Renderer::new(&Settings {
        format,
        colour: false,
        collector: collector.to_owned(),
        events: EventSet::ALL,
        queue: 16,
    })
}

/// The line of one event, without its newline.
fn line(format: Format, collector: &str, what: What) -> String {
    let mut out = String::new();
    renderer(format, collector).render(
        &Entry {
            time_us: TIME_US,
            what,
        },
        &mut out,
    );
    assert_eq!(out.pop(), Some('\n'));
    out
}

fn json(collector: &str, what: What) -> Json {
    serde_json::from_str(&line(Format::Json, collector, what)).expect("a line is JSON")
}
