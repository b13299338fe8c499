//! `/source/LABEL`: one source, its last 64 slots and what happened to it.

use std::fmt::{self, Write};

use beacon_common::{Health, Label, Moment};

use super::cells::{Classes, Due, Loss, Micros, Seen, Standing};
use super::feed::Ring;
use super::frame::{Frame, Grade};
use super::html::{Ago, Clock, Escaped};
use super::respond::{Code, Head};
use super::routes::Site;
use super::strip::Strip;
use crate::clock;
use crate::output::text::Brief;
use crate::track::event::{Cause, Happening, SourceEvent, State};
use crate::track::survey::Row;

/// How many of the last lines about a source are shown.
pub(super) const LINES_SHOWN: usize = 30;

/// What the strip leaves out of a source that flaps: it takes lateness from the lines, which are held back.
pub(crate) const LATENESS_UNTOLD: &str = "While a source flaps, beats that came late are shown as received.";

/// The page of one source.
pub(super) fn page(site: &Site, label: &str, now: Moment) -> (Head, Vec<u8>) {
    let label = Label::new(label).ok();
    let row = label.and_then(|label| site.looker.picture().row(&label));
    let Some(row) = row else {
        let frame = Frame {
            code: Code::NotFound,
            title: "Beacon".to_owned(),
            grade: Grade::Worse,
            root: "../",
        };
        return frame.around(site, |out| {
            out.write_str("<p>There is no such source. <a href=\"../\">All sources</a></p>")
        });
    };
    let ring = site.feed.ring();
    let strip = row
        .slots
        .map(|slots| Strip::of((row, &slots), site.reorder_wait, &ring));
    let mut history = String::new();
    put_history(row.label, &ring, &mut history).expect("a String takes whatever is written to it");
    drop(ring);
    let (title, grade) = alarm(row);
    let frame = Frame {
        code: Code::Ok,
        title,
        grade,
        root: "../",
    };
    frame.around(site, |out| {
        let label = Escaped(row.label.as_str());
        write!(
            out,
            "<p><a href=\"../\">All sources</a></p>\n\
             <h2 id=\"s-{label}\" class=\"{}\">{label} <span class=\"state\">{}</span></h2>\n",
            Classes(row),
            Standing(row)
        )?;
        put_silence(row, out)?;
        put_facts(row, now, out)?;
        strip.iter().try_for_each(|strip| strip.put(out))?;
        if row.flapping {
            writeln!(out, "<p>{LATENESS_UNTOLD}</p>")?;
        }
        out.write_str(&history)
    })
}

/// What the title says, and how bad that is. What the operator has silenced does not call anybody.
fn alarm(row: &Row) -> (String, Grade) {
    let label = row.label.as_str();
    let (what, grade) = match (row.state, row.health) {
        _ if row.silence.is_some() => return (format!("(silenced) {label}"), Grade::Well),
        (State::Down, _) => ("down", Grade::Worst),
        (State::Late, _) => ("late", Grade::Worse),
        (State::Up, Health::Critical) => ("critical", Grade::Worse),
        _ => return (label.to_owned(), Grade::Well),
    };
    (format!("({what}) {label}"), grade)
}

fn put_silence(row: &Row, out: &mut String) -> fmt::Result {
    let Some(silence) = &row.silence else {
        return Ok(());
    };
    let until = Clock(clock::read().wall_micros(silence.until));
    let reason = silence.reason.as_str();
    let because = if reason.is_empty() { "" } else { ": " };
    writeln!(
        out,
        "<p id=\"silence\">Silenced until {until}{because}{}</p>",
        Escaped(reason)
    )
}

fn put_facts(row: &Row, now: Moment, out: &mut String) -> fmt::Result {
    out.push_str("<dl id=\"facts\">");
    let mut put = |name: &str, value: &dyn fmt::Display| {
        write!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", Escaped(value))
    };
    put("Cause", &row.cause.map_or("", Cause::name))?;
    if let Some(group) = &row.group {
        put("Group", group)?;
    }
    put("Since", &Ago { at: row.since, now })?;
    put("Last seen", &Seen { row, now })?;
    let due = Due { row, now }.to_string();
    if !due.is_empty() {
        put("Due in", &due)?;
    }
    if let Some(bound) = row.bound {
        put(
            "Down after",
            &Brief(u64::try_from(bound.as_millis()).unwrap_or(u64::MAX)),
        )?;
    }
    if row.is_heard() {
        put_heard_facts(row, out)?;
    }
    out.push_str("</dl>\n");
    Ok(())
}

/// What only beats tell.
fn put_heard_facts(row: &Row, out: &mut String) -> fmt::Result {
    let health = row.health.name();
    write!(
        out,
        "<div><dt>Health</dt><dd class=\"{health}\">{health}</dd></div>"
    )?;
    let mut put = |name: &str, value: &dyn fmt::Display| {
        write!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", Escaped(value))
    };
    put("Interval", &Brief(row.interval_ms.into()))?;
    if let (Some(origin), Some(session)) = (row.origin, row.session) {
        put("Address", &origin.addr())?;
        put("Session", &session)?;
    }
    put("Sequence number", &row.highest())?;
    put("Received", &row.tally.received)?;
    match row.tally.lost {
        0 => put("Lost", &0)?,
        lost => put("Lost", &format_args!("{lost} ({})", Loss(row)))?,
    }
    put("Duplicate", &row.tally.duplicate)?;
    put("Reordered", &row.tally.reordered)?;
    put("Old", &row.tally.old)?;
    put("Jitter", &Micros(row.jitter_us.into()))?;
    put("Restarts", &row.restarts)
}

/// Whether something happened in this line.
pub(super) const fn is_edge(source: &SourceEvent) -> bool {
    !matches!(source.happening, Happening::State | Happening::Report)
}

fn put_history(label: Label, ring: &Ring, out: &mut String) -> fmt::Result {
    out.push_str(
        "<h3>What happened</h3>\n<div class=\"table scroll\" role=\"region\" aria-label=\"What happened\" tabindex=\"0\">\
         <table><thead><tr><th scope=\"col\">Time</th><th scope=\"col\">Event</th><th scope=\"col\">Cause</th>\
         <th scope=\"col\">Before</th><th scope=\"col\" class=\"number\">For</th>\
         <th scope=\"col\" class=\"number\">Silent</th></tr></thead>\
         <tbody id=\"history\">",
    );
    let lines = ring.about(label).filter(|(_, source)| is_edge(source));
    let ms = |duration: std::time::Duration| Brief(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    for (line, source) in lines.take(LINES_SHOWN) {
        write!(
            out,
            "\n<tr id=\"e-{}\" class=\"{}\"><td>{}</td><td class=\"state\">{}</td><td>{}</td><td>{}</td>\
             <td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
            line.id,
            source.state.name(),
            Clock(line.time_us),
            source.happening.name(),
            source.cause.map_or("", |cause| cause.name()),
            source.was.name(),
            ms(source.since),
            ms(source.silent),
        )?;
    }
    out.push_str("</tbody></table></div>\n");
    Ok(())
}
