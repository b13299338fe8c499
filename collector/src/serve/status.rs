//! `/status.json`: what is known of the collector and of each source, with the keys of the event lines.

use std::fmt::{self, Write};
use std::time::Duration;

use beacon_common::Moment;

use super::picture::{Cursor, Picture};
use super::routes::Site;
use super::selection::{Census, Selection};
use crate::clock::{self, Reading};
use crate::output::fields::{Counts, Field, Time, Value};
use crate::output::json;
use crate::output::line::VERSION;
use crate::track::event::State;
use crate::track::survey::Row;

/// The list that is being written. It walks over the newest picture, so that a slow reader keeps no old one.
pub(super) struct Listing {
    selection: Selection,
    cursor: Cursor,
    has_begun: bool,
    separator: &'static str,
}

impl Listing {
    pub(super) fn new(selection: Selection) -> Self {
        Self {
            selection,
            cursor: Cursor::default(),
            has_begun: false,
            separator: "\n",
        }
    }

    /// Writes about `part` bytes more; whether that was the end.
    pub(super) fn fill(&mut self, site: &Site, now: Moment, part: usize, out: &mut String) -> bool {
        self.try_fill(site, now, part, out)
            .expect("a String takes whatever is written to it")
    }

    fn try_fill(
        &mut self,
        site: &Site,
        now: Moment,
        part: usize,
        out: &mut String,
    ) -> Result<bool, fmt::Error> {
        if !std::mem::replace(&mut self.has_begun, true) {
            put_collector(site, &self.selection, out)?;
        }
        let clock = clock::read();
        let mut address = String::new();
        while let Some(row) = site.looker.picture().next(&mut self.cursor) {
            if !self.selection.takes(row, &mut address) {
                continue;
            }
            out.push_str(self.separator);
            self.separator = ",\n";
            put_row(row, (now, &clock), out)?;
            if out.len() >= part {
                return Ok(false);
            }
        }
        out.push_str("\n]}\n");
        Ok(true)
    }
}

/// The list of the `count` worst of the sources that `selection` takes, the worst first.
pub(super) fn worst(site: &Site, selection: &Selection, count: usize, now: Moment) -> String {
    let mut out = String::new();
    try_worst(site, selection, count, now, &mut out).expect("a String takes whatever is written to it");
    out
}

fn try_worst(site: &Site, selection: &Selection, count: usize, now: Moment, out: &mut String) -> fmt::Result {
    put_collector(site, selection, out)?;
    let clock = clock::read();
    let chosen = selection.choose(site.looker.picture().rows(), count);
    for (place, row) in chosen.rows.into_iter().enumerate() {
        out.push_str(if place == 0 { "\n" } else { ",\n" });
        put_row(row, (now, &clock), out)?;
    }
    out.write_str("\n]}\n")
}

/// How many sources of each state there are, and how many of them are silenced: in the group that is chosen, or in all.
fn counts(picture: &Picture, selection: &Selection) -> [[u64; State::ALL.len()]; 2] {
    if selection.group.is_none() {
        return [picture.tick.sources, picture.silenced];
    }
    let mut census = Census::default();
    let rows = picture.rows().filter(|row| selection.takes_group(row));
    rows.for_each(|row| census.count(row));
    [census.sources, census.silenced]
}

/// All but the sources, as a tick tells it; the object stays open for them.
fn put_collector(site: &Site, selection: &Selection, out: &mut String) -> fmt::Result {
    let Picture { tick, .. } = site.looker.picture();
    let [sources, silenced] = counts(site.looker.picture(), selection);
    let time = Time(clock::read().wall_nanos / 1_000);
    let key = |field: Field| field.key();
    let pairs = [
        (key(Field::V), Value::Count(VERSION)),
        (key(Field::Time), Value::Time(time)),
        (key(Field::Collector), Value::Text(&site.collector)),
        (key(Field::Version), Value::Text(env!("CARGO_PKG_VERSION"))),
        (key(Field::Pid), Value::Count(std::process::id().into())),
        (key(Field::Sources), Value::Counts(Counts::ByState(&sources))),
        ("silenced_sources", Value::Counts(Counts::ByState(&silenced))),
        (key(Field::Received), Value::Count(tick.received)),
        (
            key(Field::Rejected),
            Value::Counts(Counts::ByReason(&tick.rejected)),
        ),
        (key(Field::SocketDrops), Value::Count(tick.socket_drops)),
        (key(Field::EventsDropped), Value::Count(site.losses.in_all())),
        ("last_id", Value::Count(site.feed.ring().next_id() - 1)),
    ];
    json::object(pairs, out)?;
    out.pop();
    match site.outages.now().mass {
        None => out.push_str(",\"mass_loss\":null"),
        Some(loss) => write!(
            out,
            ",\"mass_loss\":{{\"count\":{},\"total\":{}}}",
            loss.mass.count, loss.mass.total
        )?,
    }
    out.push_str(",\"list\":[");
    Ok(())
}

/// One source.
pub(super) fn put_row(row: &Row, (now, clock): (Moment, &Reading), out: &mut String) -> fmt::Result {
    let key = |field: Field| field.key();
    let due_ms = row.promise.map(|promise| {
        let after = i64::try_from(promise.due.since(now).as_millis()).unwrap_or(i64::MAX);
        let before = i64::try_from(now.since(promise.due).as_millis()).unwrap_or(i64::MAX);
        after - before
    });
    let silence = row.silence.as_ref();
    let pairs = [
        (key(Field::Source), Value::Text(row.label.as_str())),
        (
            key(Field::Addr),
            row.origin
                .map_or(Value::Null, |origin| Value::Address(origin.addr())),
        ),
        (key(Field::State), Value::Text(row.state.name())),
        (
            key(Field::Cause),
            row.cause.map_or(Value::Null, |cause| Value::Text(cause.name())),
        ),
        (
            key(Field::Session),
            row.session.map_or(Value::Null, Value::Session),
        ),
        (key(Field::Seq), Value::Count(row.highest().into())),
        (
            key(Field::IntervalMs),
            Value::Milliseconds(row.interval_ms.into()),
        ),
        (key(Field::Status), Value::Text(row.health.name())),
        (key(Field::SinceMs), milliseconds(now.since(row.since))),
        (key(Field::SilentMs), milliseconds(now.since(row.arrived))),
        ("due_ms", due_ms.map_or(Value::Null, Value::Integer)),
        (key(Field::BoundMs), row.bound.map_or(Value::Null, milliseconds)),
        (key(Field::Received), Value::Count(row.tally.received)),
        (key(Field::Lost), Value::Integer(row.tally.lost)),
        (key(Field::Duplicate), Value::Count(row.tally.duplicate)),
        (key(Field::Reordered), Value::Count(row.tally.reordered)),
        (key(Field::Old), Value::Count(row.tally.old)),
        (key(Field::JitterUs), Value::Count(row.jitter_us.into())),
        (key(Field::Expected), Value::Integer(row.tally.expected)),
        ("restarts", Value::Count(row.restarts.into())),
        (
            "silenced_until",
            silence.map_or(Value::Null, |silence| {
                Value::Time(Time(clock.wall_micros(silence.until)))
            }),
        ),
        (
            "silence_reason",
            silence.map_or(Value::Null, |silence| Value::Text(silence.reason.as_str())),
        ),
    ];
    let flapping = row.flapping.then_some((key(Field::Flapping), Value::True));
    let group = row.group.as_deref();
    let group = group.map(|group| (key(Field::Group), Value::Text(group)));
    json::object(pairs.into_iter().chain(flapping).chain(group), out)
}

/// Whole milliseconds, rounded down.
fn milliseconds<'a>(duration: Duration) -> Value<'a> {
    Value::Milliseconds(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
