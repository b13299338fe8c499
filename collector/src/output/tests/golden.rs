//! Golden lines: one of each event in each format, kept beside this file. A change to any of them is a change
//! that readers see.

use super::*;
use crate::output::samples::up;
use crate::track::event::{Marks, SourceEvent};

/// The lines of one run, numbered from 1.
fn lines(format: Format) -> String {
    let mut renderer = renderer(format, "attic");
    let mut out = String::new();
    for what in one_of_each() {
        renderer.render(
            &Entry {
                time_us: TIME_US,
                what,
            },
            &mut out,
        );
    }
    out
}

/// The process id and the version are those of the run.
fn golden(text: &str) -> String {
    let pid = std::process::id().to_string();
    text.replace("PID", &pid)
        .replace("VERSION", env!("CARGO_PKG_VERSION"))
}

fn same(format: Format, text: &str) {
    let (got, wanted) = (lines(format), golden(text));
    for (got, wanted) in got.lines().zip(wanted.lines()) {
        assert_eq!(got, wanted);
    }
    assert_eq!(got.lines().count(), wanted.lines().count());
}

#[test]
fn json() {
    same(Format::Json, include_str!("golden.json"));
}

#[test]
fn text() {
    same(Format::Text, include_str!("golden.text"));
}

#[test]
fn logfmt() {
    same(Format::Logfmt, include_str!("golden.logfmt"));
}

#[test]
fn influx() {
    same(Format::Influx, include_str!("golden.influx"));
}

#[test]
fn text_is_coloured_by_state_where_it_is_wanted() {
    let paints = [
        "\x1b[32mUP",
        "\x1b[33mLATE",
        "\x1b[31mDOWN",
        "\x1b[2mSTOPPED",
        "\x1b[2mASLEEP",
    ];
    let mut renderer = Renderer {
        colour: true,
        ..renderer(Format::Text, "attic")
    };
    for (what, paint) in one_of_each().into_iter().zip(paints) {
        let mut out = String::new();
        renderer.render(
            &Entry {
                time_us: TIME_US,
                what,
            },
            &mut out,
        );
        assert!(out.contains(paint), "{out:?}");
        assert_eq!(out.matches('\x1b').count(), 2, "{out:?}");
    }
    assert!(!lines(Format::Text).contains('\x1b'));
}

#[test]
fn what_is_remarkable_ends_the_line() {
    let marked = What::Source(SourceEvent {
        marks: Marks {
            by_reply: true,
            mass: true,
            learning: true,
            silenced: true,
            flapping: true,
        },
        ..up()
    });
    for (format, end) in [
        (
            Format::Json,
            r#","by":"reply","mass":true,"learning":true,"silenced":true,"flapping":true}"#,
        ),
        (
            Format::Logfmt,
            " by=reply mass=true learning=true silenced=true flapping=true",
        ),
        (Format::Text, "  by reply  mass  learning  silenced  flapping"),
    ] {
        let line = line(format, "attic", marked.clone());
        assert!(line.trim_end().ends_with(end), "{line}");
    }
    let point = line(Format::Influx, "attic", marked);
    let fields = r#",by="reply",mass=true,learning=true,silenced=true,flapping=true "#;
    assert!(point.contains(fields), "{point}");
}
