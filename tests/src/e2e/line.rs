//! An event line as a tool reads it.

use serde_json::Value;
use std::fmt;

/// One line of the collector's JSON output.
#[derive(Clone, Debug, PartialEq)]
pub struct Line(Value);

impl Line {
    /// Reads a line; whatever the collector writes to stdout is one.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match serde_json::from_str(text) {
            Ok(value @ Value::Object(_)) => Self(value),
            other => panic!("no event line ({other:?}): {text}"),
        }
    }

    /// The line as JSON.
    #[must_use]
    pub const fn as_json(&self) -> &Value {
        &self.0
    }

    /// What happened: `late silent` with its cause, `moved` without, `state late` with the state that a snapshot
    /// tells.
    #[must_use]
    pub fn what(&self) -> String {
        let event = self.text("event");
        let more = if event == "state" { "state" } else { "cause" };
        match self.0.get(more) {
            Some(Value::String(text)) => format!("{event} {text}"),
            _ => event.to_owned(),
        }
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &str {
        self.text("event")
    }

    /// Whether something happened: snapshots and reports only tell how things are.
    #[must_use]
    pub fn is_edge(&self) -> bool {
        !matches!(self.event(), "state" | "report")
    }

    /// The label of the source that the line is about, if it is about one.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.0.get("source").and_then(Value::as_str)
    }

    /// The text under `key`.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        let text = self.0.get(key).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no text {key} in {self}"))
    }

    /// The number under `key`, or under `outer.inner`.
    #[must_use]
    pub fn number(&self, key: &str) -> i64 {
        let value = key.split('.').try_fold(&self.0, |value, key| value.get(key));
        value
            .and_then(Value::as_i64)
            .unwrap_or_else(|| panic!("no number {key} in {self}"))
    }

    /// Microseconds between `earlier` and this line, by the collector's own stamps.
    #[must_use]
    pub fn micros_since(&self, earlier: &Self) -> i64 {
        self.micros() - earlier.micros()
    }

    /// The `time` in microseconds since some midnight: enough for lines of one test, which does not run for
    /// weeks.
    fn micros(&self) -> i64 {
        let time = self.text("time");
        let number = |range: std::ops::Range<usize>| -> i64 {
            let digits = time.get(range).and_then(|digits| digits.parse().ok());
            digits.unwrap_or_else(|| panic!("'{time}' is not written as 2026-11-21T01:30:00.123456Z"))
        };
        let minutes = (number(8..10) * 24 + number(11..13)) * 60 + number(14..16);
        (minutes * 60 + number(17..19)) * 1_000_000 + number(20..26)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read() {
        let line = |time: &str, rest: &str| Line::parse(&format!(r#"{{"time":"2026-11-{time}Z",{rest}}}"#));
        let late = line(
            "21T23:59:59.900000",
            r#""event":"late","cause":"silent","source":"a","sources":{"up":1}"#,
        );
        assert_eq!(late.what(), "late silent");
        assert_eq!(late.source(), Some("a"));
        assert_eq!(late.number("sources.up"), 1);
        let state = line(
            "22T00:00:00.000001",
            r#""event":"state","cause":null,"state":"down""#,
        );
        assert_eq!(state.what(), "state down");
        assert_eq!(state.micros_since(&late), 100_001);
    }
}
