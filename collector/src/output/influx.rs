//! The line protocol of InfluxDB: measurement, tags, typed fields, and the time in nanoseconds.
//!
//! Tags are what one groups by, and few in their values: the rest are fields. A null is left out; the numbers
//! of an object become fields of their own, joined by `_`; the line's time is the point's timestamp.

use std::fmt::{self, Write};

use super::escape;
use super::events::EventName;
use super::fields::{Field, Value};
use super::line::Line;

const TAGS: [Field; 6] = [
    Field::Event,
    Field::Collector,
    Field::Source,
    Field::State,
    Field::Cause,
    Field::Group,
];

pub(super) fn render(line: &Line<'_>, out: &mut String) -> fmt::Result {
    out.push_str(match line.event() {
        EventName::Source(_) => "beacon_source",
        _ => "beacon_collector",
    });
    line.each(|field, value| match value {
        Value::Text(text) if TAGS.contains(&field) => put_tag(field.key(), text, out),
        _ => Ok(()),
    })?;
    let mut separator = ' ';
    line.each(|field, value| {
        if TAGS.contains(&field) || matches!(value, Value::Null | Value::Time(_)) {
            return Ok(());
        }
        out.push(separator);
        separator = ',';
        put_field(field.key(), value, out)
    })?;
    write!(out, " {}", integer(line.time_us.saturating_mul(1_000)))
}

/// Readers differ on what a backslash before a tag's end means, and none takes a line end there: these become
/// `_`, for which the name is told apart well enough.
fn put_tag(key: &str, text: &str, out: &mut String) -> fmt::Result {
    write!(out, ",{key}=")?;
    text.chars().try_for_each(|c| match c {
        ',' | '=' | ' ' => write!(out, "\\{c}"),
        '\\' => out.write_char('_'),
        c if escape::is_unsafe(c) => out.write_char('_'),
        c => out.write_char(c),
    })
}

fn put_field(key: &str, value: Value<'_>, out: &mut String) -> fmt::Result {
    match value {
        Value::Null | Value::Time(_) => Ok(()),
        Value::True => write!(out, "{key}=true"),
        Value::Count(number) | Value::Milliseconds(number) => write!(out, "{key}={}i", integer(number)),
        Value::Integer(number) => write!(out, "{key}={number}i"),
        Value::Text(text) => {
            write!(out, "{key}=\"")?;
            escape::json(text, out)?;
            out.write_char('"')
        }
        Value::Address(address) => write!(out, "{key}=\"{address}\""),
        Value::Addresses(addresses) => write!(out, "{key}=\"{addresses}\""),
        Value::Session(session) => write!(out, "{key}=\"{session}\""),
        Value::Counts(counts) => {
            let mut separator = "";
            counts.each(|name, count| {
                write!(out, "{separator}{key}_{name}={}i", integer(count))?;
                separator = ",";
                Ok(())
            })
        }
    }
}

/// The protocol's integers end at 2^63 - 1; so does a counter here.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
