//! Text that may hold anything, made safe for a line.

use std::fmt::{self, Write};

/// Whether a character would end a line for some reader, or steer a terminal: the control characters and
/// Unicode's own line ends.
pub fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// `text` as it is shown to people: what would end the line or steer the terminal is escaped.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match is_unsafe(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// Writes `text` as the inside of a JSON string (RFC 8259, section 7), on one line for every reader.
pub(super) fn json(text: &str, out: &mut String) -> fmt::Result {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) => write!(out, "\\u{:04x}", u32::from(c))?,
            c => out.push(c),
        }
    }
    Ok(())
}
