//! docs/events.md holds the tables that the code has.

use super::*;
use crate::output::fields::{Field, Type};
use crate::track::event::State;
use std::fmt::Write;

const DOCUMENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/events.md"));

/// What stands in the document between the marks of `table`.
fn documented(table: &str) -> &'static str {
    let (begin, end) = (
        format!("<!-- begin {table} -->\n"),
        format!("<!-- end {table} -->"),
    );
    let (_, rest) = DOCUMENT
        .split_once(&begin)
        .unwrap_or_else(|| panic!("docs/events.md has no {begin}"));
    rest.split_once(&end)
        .unwrap_or_else(|| panic!("docs/events.md has no {end}"))
        .0
}

fn same(table: &str, wanted: &str) {
    assert!(
        documented(table) == wanted,
        "the {table} of docs/events.md should be:\n\n{wanted}"
    );
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names
        .into_iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn words(kind: Type) -> &'static str {
    match kind {
        Type::One => "the number 1",
        Type::True => "true",
        Type::Count => "integer from 0",
        Type::Integer => "integer",
        Type::Milliseconds => "whole ms",
        Type::Time => "RFC 3339, UTC",
        Type::Text => "text",
        Type::Address => "`ip:port`",
        Type::Addresses => "list of `ip:port`",
        Type::Session => "16 hex digits",
        Type::Event => "event",
        Type::State => "state",
        Type::Cause => "cause",
        Type::Health => "health",
        Type::CountByState => "integers by state",
        Type::CountByReason => "integers by reason",
        Type::CountByRun => "integers by length",
    }
}

#[test]
fn the_table_of_events_is_that_of_the_code() {
    let mut table = "| event | means | cause | adds |\n|---|---|---|---|\n".to_owned();
    for event in EventName::ALL {
        let causes = list(event.causes().iter().map(|cause| cause.name()));
        let adds = list(event.own_fields().iter().map(|field| field.key()));
        writeln!(
            table,
            "| `{}` | {} | {causes} | {adds} |",
            event.name(),
            event.meaning()
        )
        .unwrap();
    }
    same("events", &table);
}

#[test]
fn the_table_of_keys_is_that_of_the_code() {
    let mut table = "| key | value | means |\n|---|---|---|\n".to_owned();
    for field in Field::ALL {
        let row = field.row();
        let or_null = if row.nullable { " or null" } else { "" };
        writeln!(
            table,
            "| `{}` | {}{or_null} | {} |",
            row.key,
            words(row.kind),
            row.meaning
        )
        .unwrap();
    }
    same("keys", &table);
}

#[test]
fn states_are_named_from_worst_to_best() {
    let states = list(State::WORST_FIRST.map(State::name));
    let line = format!("States, from worst to best: {states}. Health:");
    assert!(DOCUMENT.contains(&line), "docs/events.md should say: {line}");
}
