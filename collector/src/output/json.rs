//! JSON Lines: one object a line, keys in the order of docs/events.md.

use std::fmt::{self, Write};
use std::net::SocketAddr;

use super::escape;
use super::fields::{Counts, Value};
use super::line::Line;

pub(crate) fn render(line: &Line<'_>, out: &mut String) -> fmt::Result {
    out.push('{');
    let mut separator = "";
    line.each(|field, value| {
        write!(out, "{separator}\"{}\":", field.key())?;
        separator = ",";
        put(value, out)
    })?;
    out.write_char('}')
}

/// One object of these keys, which need no escaping, with these values.
pub(crate) fn object<'a>(
    pairs: impl IntoIterator<Item = (&'static str, Value<'a>)>,
    out: &mut String,
) -> fmt::Result {
    out.push('{');
    let mut separator = "";
    for (key, value) in pairs {
        write!(out, "{separator}\"{key}\":")?;
        separator = ",";
        put(value, out)?;
    }
    out.write_char('}')
}

fn put(value: Value<'_>, out: &mut String) -> fmt::Result {
    match value {
        Value::Null => out.write_str("null"),
        Value::True => out.write_str("true"),
        Value::Count(number) | Value::Milliseconds(number) => write!(out, "{number}"),
        Value::Integer(number) => write!(out, "{number}"),
        Value::Time(time) => write!(out, "\"{time}\""),
        Value::Text(text) => {
            out.push('"');
            escape::json(text, out)?;
            out.write_char('"')
        }
        Value::Address(address) => write!(out, "\"{address}\""),
        Value::Addresses(addresses) => put_list(addresses.0, out),
        Value::Session(session) => write!(out, "\"{session}\""),
        Value::Counts(counts) => put_object(counts, out),
    }
}

fn put_list(addresses: &[SocketAddr], out: &mut String) -> fmt::Result {
    out.push('[');
    let mut separator = "";
    for address in addresses {
        write!(out, "{separator}\"{address}\"")?;
        separator = ",";
    }
    out.write_char(']')
}

fn put_object(counts: Counts<'_>, out: &mut String) -> fmt::Result {
    out.push('{');
    let mut separator = "";
    counts.each(|name, count| {
        write!(out, "{separator}\"{name}\":{count}")?;
        separator = ",";
        Ok(())
    })?;
    out.write_char('}')
}
