//! Golden lines: one of each event in each format, kept beside this file. A change to any of them is a change
//! that readers see.

use super::*;
use crate::output::samples::{happened, up};
use crate::track::event::{Cause, Happening, Marks, SourceEvent, State};
use beacon_common::{Health, Seq};
use std::time::Duration;

fn put(renderer: &mut Renderer, what: What, out: &mut String) {
    let time_us = TIME_US;
    renderer.render(&Entry { time_us, what }, out);
}

/// The lines of one run, numbered from 1.
fn lines(format: Format) -> String {
    let mut renderer = renderer(format, "attic");
    let mut out = String::new();
    for what in one_of_each() {
        put(&mut renderer, what, &mut out);
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

/// The line of `what` in colour.
fn coloured(what: What) -> String {
    let mut renderer = Renderer {
        colour: true,
        ..renderer(Format::Text, "attic")
    };
    let mut out = String::new();
    put(&mut renderer, what, &mut out);
    out
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
    for (what, paint) in one_of_each().into_iter().zip(paints) {
        let out = coloured(what);
        assert!(out.contains(paint), "{out:?}");
        assert_eq!(out.matches('\x1b').count(), 2, "{out:?}");
    }
    assert!(!lines(Format::Text).contains('\x1b'));
}

#[test]
fn a_changed_health_and_what_befalls_many_are_coloured_too() {
    let begin = |what: What| {
        let out = coloured(what);
        out.split_ascii_whitespace().nth(2).unwrap_or_default().to_owned()
    };
    let changed_to = |status: Health| {
        one_of_each()
            .into_iter()
            .find_map(|what| match what {
                What::Source(mut source) if source.happening == Happening::Status => {
                    (source.state, source.status) = (State::Up, status);
                    Some(What::Source(source))
                }
                _ => None,
            })
            .expect("one of each is there")
    };
    let painted = [Health::Ok, Health::Warning, Health::Critical].map(|status| begin(changed_to(status)));
    assert_eq!(painted, ["\x1b[32mSTATUS", "\x1b[33mSTATUS", "\x1b[31mSTATUS"]);
    let many: Vec<_> = one_of_each()
        .into_iter()
        .filter(|what| {
            matches!(
                what,
                What::MassLoss(_) | What::MassOver(_) | What::Blind { .. } | What::Gap { .. }
            )
        })
        .map(begin)
        .collect();
    for expected in [
        "\x1b[31mMASS_LOSS",
        "\x1b[32mMASS_OVER",
        "\x1b[33mBLIND",
        "\x1b[33mGAP",
    ] {
        assert!(
            many.iter().any(|begin| begin.starts_with(expected)),
            "{expected}: {many:?}"
        );
    }
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

#[test]
fn a_source_that_was_never_heard_has_no_address_and_no_session() {
    let never = What::Source(SourceEvent {
        addr: None,
        session: None,
        seq: Seq::NONE,
        interval_ms: 0,
        status: Health::Unknown,
        since: Duration::from_mins(2),
        silent: Duration::from_mins(2),
        bound: Some(Duration::from_mins(2)),
        received: 0,
        lost: 0,
        duplicate: 0,
        reordered: 0,
        group: Some("k\u{fc}che=1".into()),
        ..happened(Happening::Down, State::Down, State::Unknown, Some(Cause::Never))
    });
    for (format, wanted) in [
        (
            Format::Json,
            "{\"v\":1,\"id\":1,\"time\":\"2026-11-21T01:30:00.123456Z\",\"event\":\"down\",\"collector\":\"attic\",\
             \"source\":\"fridge-7\",\"addr\":null,\"state\":\"down\",\"was\":\"unknown\",\"cause\":\"never\",\
             \"session\":null,\"seq\":0,\"interval_ms\":0,\"status\":\"unknown\",\"since_ms\":120000,\
             \"silent_ms\":120000,\"bound_ms\":120000,\"received\":0,\"lost\":0,\"duplicate\":0,\"reordered\":0,\
             \"group\":\"k\u{fc}che=1\"}",
        ),
        (
            Format::Text,
            "2026-11-21 01:30:00.123Z  DOWN       fridge-7          never                             \
             silent 2m  lost 0  group k\u{fc}che=1",
        ),
        (
            Format::Logfmt,
            "v=1 id=1 time=2026-11-21T01:30:00.123456Z event=down collector=attic source=fridge-7 state=down \
             was=unknown cause=never seq=0 interval_ms=0 status=unknown since_ms=120000 silent_ms=120000 \
             bound_ms=120000 received=0 lost=0 duplicate=0 reordered=0 group=\"k\u{fc}che=1\"",
        ),
        (
            Format::Influx,
            "beacon_source,event=down,collector=attic,source=fridge-7,state=down,cause=never,group=k\u{fc}che\\=1 \
             v=1i,id=1i,was=\"unknown\",seq=0i,interval_ms=0i,status=\"unknown\",since_ms=120000i,\
             silent_ms=120000i,bound_ms=120000i,received=0i,lost=0i,duplicate=0i,reordered=0i \
             1795224600123456000",
        ),
    ] {
        assert_eq!(line(format, "attic", never.clone()), wanted);
    }
}
