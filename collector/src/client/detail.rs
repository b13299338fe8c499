//! One source as text for people.

use std::fmt::Write as _;

use serde_json::Value;

use super::table::{brief, silence, text, to_the_second};
use crate::output::text::paint;
use crate::serve::{LATENESS_UNTOLD, legend};
use crate::track::event::State;

/// What is told of a source: a word and the key of its value.
const FACTS: [(&str, &str); 19] = [
    ("Cause", "cause"),
    ("Since", "since_ms"),
    ("Last seen", "silent_ms"),
    ("Due in", "due_ms"),
    ("Down after", "bound_ms"),
    ("Interval", "interval_ms"),
    ("Health", "status"),
    ("Group", "group"),
    ("Address", "addr"),
    ("Session", "session"),
    ("Sequence number", "seq"),
    ("Received", "received"),
    ("Expected", "expected"),
    ("Lost", "lost"),
    ("Duplicate", "duplicate"),
    ("Reordered", "reordered"),
    ("Old", "old"),
    ("Jitter in µs", "jitter_us"),
    ("Restarts", "restarts"),
];

/// The source that `document` is about.
pub(super) fn render(document: &Value, colour: bool) -> String {
    let word = |key: &str| document[key].as_str().unwrap_or_default();
    let mut out = String::new();
    let state = State::ALL.into_iter().find(|state| state.name() == word("state"));
    let painted = match state.filter(|_| colour).and_then(paint) {
        Some(paint) => format!("\x1b[{paint}m{}\x1b[0m", word("state")),
        None => word("state").to_owned(),
    };
    let is_flapping = document["flapping"] == true;
    let flapping = if is_flapping { ", flapping" } else { "" };
    let _ = writeln!(out, "{} is {painted}{flapping}", word("source"));
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(out, "  {name:<17}{value}");
    };
    for (name, key) in FACTS {
        let value = value(key, &document[key]);
        if !value.is_empty() {
            fact(name, &value);
        }
    }
    if !document["silenced_until"].is_null() {
        fact("Silence", &silence(document));
    }
    if let (Some(slots), Some(last)) = (document["slots"].as_str(), document["slots_to"].as_i64()) {
        let _ = writeln!(
            out,
            "\nLast {} slots, number {last} to the right ({})\n  {slots}",
            slots.len(),
            legend()
        );
        if is_flapping {
            let _ = writeln!(out, "  {LATENESS_UNTOLD}");
        }
    }
    put_history(&document["history"], &mut out);
    out
}

/// A value as text; empty where there is none.
fn value(key: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(_) => {
            let mut out = String::new();
            text(value, &mut out);
            out
        }
        Value::Number(number) if key.ends_with("_ms") => match number.as_i64() {
            Some(before @ ..0) => format!("{} over", brief(&before.unsigned_abs().into())),
            _ => brief(value),
        },
        other => other.to_string(),
    }
}

fn put_history(history: &Value, out: &mut String) {
    let lines = history.as_array().map_or(&[][..], Vec::as_slice);
    if lines.is_empty() {
        return;
    }
    out.push_str("\nWhat happened, the newest first\n");
    for line in lines {
        let word = |key: &str| line[key].as_str().unwrap_or_default();
        let _ = write!(
            out,
            "  {}  {:<9}  {:<9}  was {} for {}",
            to_the_second(word("time")),
            word("event"),
            word("cause"),
            word("was"),
            brief(&line["since_ms"])
        );
        if line["silenced"] == Value::Bool(true) {
            out.push_str(", silenced");
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_source_is_told_with_its_slots_and_its_past() {
        let document = json!({
            "source": "fridge-7", "addr": "10.0.0.7:40112", "state": "late", "cause": "silent",
            "session": "691f3c2e5b0a9d11", "seq": 9, "interval_ms": 10_000, "status": "ok", "since_ms": 1_500,
            "silent_ms": 11_500, "due_ms": -1_500, "bound_ms": null, "received": 8, "lost": 1,
            "silenced_until": "2026-11-21T12:00:59.000000Z", "silence_reason": "",
            "slots": "__=+x=~.", "slots_to": 11, "flapping": true,
            "group": "k\u{fc}che\u{1b}",
            "history": [{
                "time": "2026-11-21T10:12:33.824165Z", "event": "late", "cause": "silent", "was": "up",
                "since_ms": 80_000, "silenced": true
            }],
        });
        let text = render(&document, false);
        for line in [
            "fridge-7 is late, flapping",
            "  Due in           1.5s over",
            "  Last seen        11s",
            "  Group            k\u{fc}che\\u{1b}",
            "  Silence          silenced until 2026-11-21 12:00Z",
            "Last 8 slots, number 11 to the right (= received, ~ late, + duplicate, x lost, . awaited, _ earlier)",
            "  __=+x=~.",
            "  While a source flaps, beats that came late are shown as received.",
            "  2026-11-21 10:12:33Z  late       silent     was up for 1m20s, silenced",
        ] {
            assert!(text.lines().any(|told| told == line), "{line:?} in:\n{text}");
        }
        assert!(!text.contains("Down after"), "{text}");
        assert!(render(&document, true).starts_with("fridge-7 is \x1b[33mlate\x1b[0m, flapping\n"));
    }
}
