//! logfmt: `key=value` pairs with spaces between. A key whose value is null is left out; the numbers of an
//! object become keys of their own, joined by `_`; a list is joined by commas.

use std::fmt::{self, Write};

use super::escape;
use super::fields::Value;
use super::line::Line;

pub(super) fn render(line: &Line<'_>, out: &mut String) -> fmt::Result {
    let mut separator = "";
    line.each(|field, value| {
        let key = field.key();
        match value {
            Value::Null => return Ok(()),
            Value::Counts(counts) => {
                return counts.each(|name, count| write!(out, "{separator}{key}_{name}={count}"));
            }
            _ => write!(out, "{separator}{key}=")?,
        }
        separator = " ";
        put(value, out)
    })
}

fn put(value: Value<'_>, out: &mut String) -> fmt::Result {
    match value {
        Value::Null | Value::Counts(_) => Ok(()),
        Value::True => out.write_str("true"),
        Value::Count(number) | Value::Milliseconds(number) => write!(out, "{number}"),
        Value::Integer(number) => write!(out, "{number}"),
        Value::Time(time) => write!(out, "{time}"),
        Value::Address(address) => write!(out, "{address}"),
        Value::Addresses(addresses) => write!(out, "{addresses}"),
        Value::Session(session) => write!(out, "{session}"),
        Value::Text(text) if is_bare(text) => out.write_str(text),
        Value::Text(text) => {
            out.push('"');
            escape::json(text, out)?;
            out.write_char('"')
        }
    }
}

/// Whether every reader takes the text as one value without quotes.
fn is_bare(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| !c.is_whitespace() && !escape::is_unsafe(c) && !matches!(c, '=' | '"' | '\\'))
}
