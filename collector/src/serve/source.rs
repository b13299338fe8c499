//! `/source/LABEL`: one source, its last 64 slots and what happened to it.

use std::fmt::{self, Write};

use beacon_common::{Label, Moment};

use super::feed::Ring;
use super::html::{Ago, Clock, Escaped};
use super::page::{Due, Loss, Micros, Seen, frame, health};
use super::respond::{Code, Head};
use super::routes::Site;
use super::strip::Strip;
use crate::clock;
use crate::output::text::Brief;
use crate::track::event::{Cause, Happening, SourceEvent};
use crate::track::survey::Row;

/// How many of the last lines about a source are shown.
pub(super) const LINES_SHOWN: usize = 30;

/// The page of one source.
pub(super) fn page(site: &Site, label: &str, now: Moment) -> (Head, Vec<u8>) {
    let label = Label::new(label).ok();
    let row = label.and_then(|label| site.looker.picture().row(&label));
    let Some(row) = row else {
        return frame((Code::NotFound, "Beacon"), site, |out| {
            out.write_str("<p>There is no such source. <a href=\"/\">All sources</a></p>")
        });
    };
    let ring = site.feed.ring();
    let strip = row
        .slots
        .map(|slots| Strip::of((row, &slots), site.reorder_wait, &ring));
    let mut history = String::new();
    put_history(row.label, &ring, &mut history).expect("a String takes whatever is written to it");
    drop(ring);
    frame((Code::Ok, row.label.as_str()), site, |out| {
        let label = Escaped(row.label.as_str());
        let state = row.state.name();
        write!(
            out,
            "<p><a href=\"/\">All sources</a></p>\n\
             <h2 id=\"s-{label}\" class=\"{state}\">{label} <span class=\"state\">{state}</span></h2>\n"
        )?;
        put_facts(row, now, out)?;
        strip.iter().try_for_each(|strip| strip.put(out))?;
        out.write_str(&history)
    })
}

fn put_facts(row: &Row, now: Moment, out: &mut String) -> fmt::Result {
    out.push_str("<dl id=\"facts\">");
    let mut put = |name: &str, value: &dyn fmt::Display| {
        write!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", Escaped(value))
    };
    put("Cause", &row.cause.map_or("", Cause::name))?;
    put("Since", &Ago { at: row.since, now })?;
    put("Last seen", &Seen { row, now })?;
    put("Due in", &Due { row, now })?;
    if let Some(bound) = row.bound {
        put(
            "Down after",
            &Brief(u64::try_from(bound.as_millis()).unwrap_or(u64::MAX)),
        )?;
    }
    put("Interval", &Brief(row.interval_ms.into()))?;
    put("Health", &health(row.health))?;
    if let (Some(origin), Some(session)) = (row.origin, row.session) {
        put("Address", &origin.addr())?;
        put("Session", &session)?;
    }
    put("Sequence number", &row.highest())?;
    put("Received", &row.tally.received)?;
    put("Lost", &format_args!("{} ({})", row.tally.lost, Loss(row)))?;
    put("Duplicate", &row.tally.duplicate)?;
    put("Reordered", &row.tally.reordered)?;
    put("Old", &row.tally.old)?;
    put("Jitter", &Micros(row.jitter_us.into()))?;
    put("Restarts", &row.restarts)?;
    if let Some(silence) = &row.silence {
        let until = Clock(clock::read().wall_micros(silence.until));
        let because = if silence.reason.as_str().is_empty() {
            ""
        } else {
            ": "
        };
        put(
            "Silenced",
            &format_args!("until {until}{because}{}", silence.reason.as_str()),
        )?;
    }
    out.push_str("</dl>\n");
    Ok(())
}

/// Whether something happened in this line.
pub(super) const fn is_edge(source: &SourceEvent) -> bool {
    !matches!(source.happening, Happening::State | Happening::Report)
}

fn put_history(label: Label, ring: &Ring, out: &mut String) -> fmt::Result {
    out.push_str(
        "<h3>What happened</h3>\n<div class=\"table\" role=\"region\" aria-label=\"What happened\" tabindex=\"0\">\
         <table><thead><tr><th scope=\"col\">Time</th><th scope=\"col\">Event</th><th scope=\"col\">Cause</th>\
         <th scope=\"col\">Before</th><th scope=\"col\">For</th><th scope=\"col\">Silent</th></tr></thead>\
         <tbody id=\"history\">",
    );
    let lines = ring.about(label).filter(|(_, source)| is_edge(source));
    let ms = |duration: std::time::Duration| Brief(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    for (line, source) in lines.take(LINES_SHOWN) {
        write!(
            out,
            "\n<tr id=\"e-{}\" class=\"{}\"><td>{}</td><td class=\"state\">{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{}</td></tr>",
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
