//! Text for people: aligned columns, then the facts that matter for the event, two spaces between.
//!
//! The time is UTC with its date in every line, so that a line says the same when it is found by grep or
//! pasted somewhere.

use std::fmt::{self, Display, Write};

use beacon_common::Health;

use super::escape;
use super::events::EventName;
use super::fields::{Field, Time, Value};
use super::line::Line;
use crate::track::event::{Happening, State, What};

/// What follows the columns: a word and the field that it introduces. Nulls, and durations of zero, are left
/// out.
const fn facts(event: EventName) -> &'static [(&'static str, Field)] {
    match event {
        EventName::Source(happening) => match happening {
            Happening::Up => &[
                ("every", Field::IntervalMs),
                ("bound", Field::BoundMs),
                ("after", Field::SinceMs),
            ],
            Happening::Late => &[("silent", Field::SilentMs), ("bound", Field::BoundMs)],
            Happening::Down => &[("silent", Field::SilentMs), ("lost", Field::Lost)],
            Happening::Stopped => &[("was", Field::Was), ("for", Field::SinceMs)],
            Happening::Asleep => &[("wakes in", Field::WakeMs)],
            Happening::Restarted => &[("every", Field::IntervalMs), ("bound", Field::BoundMs)],
            Happening::Moved | Happening::Status => &[("from", Field::From), ("to", Field::To)],
            Happening::DuplicateLabel => &[("senders", Field::Addrs)],
            Happening::Flapping => &[("is", Field::State)],
            Happening::Steady => &[("is", Field::State), ("for", Field::SinceMs)],
            Happening::Forgotten => &[("was", Field::Was), ("silent", Field::SilentMs)],
            Happening::Report => &[
                ("received", Field::Received),
                ("expected", Field::Expected),
                ("lost", Field::Lost),
                ("duplicate", Field::Duplicate),
                ("reordered", Field::Reordered),
                ("old", Field::Old),
                ("jitter_us", Field::JitterUs),
                ("loss runs up to", Field::LossRunMax),
                ("reordered up to", Field::ReorderExtentMax),
                ("delay_p99_us", Field::DelayP99Us),
            ],
            Happening::State => &[
                ("is", Field::State),
                ("for", Field::SinceMs),
                ("silent", Field::SilentMs),
                ("health", Field::Status),
                ("received", Field::Received),
                ("lost", Field::Lost),
                ("duplicate", Field::Duplicate),
                ("reordered", Field::Reordered),
            ],
        },
        EventName::Start => &[
            ("version", Field::Version),
            ("listening on", Field::Listen),
            ("pid", Field::Pid),
        ],
        EventName::Tick | EventName::End => &[
            ("sources:", Field::Sources),
            ("received", Field::Received),
            ("rejected:", Field::Rejected),
            ("socket drops", Field::SocketDrops),
            ("events dropped", Field::EventsDropped),
            ("state failures", Field::StateFailures),
            ("hooks dropped", Field::HooksDropped),
        ],
        EventName::Gap => &[("lines dropped", Field::Dropped)],
        EventName::Blind => &[("for", Field::BlindMs), ("cause", Field::Cause)],
        EventName::MassLoss | EventName::MassOver => &[("silent", Field::Count), ("of", Field::Total)],
    }
}

pub(super) fn render(line: &Line<'_>, colour: bool, out: &mut String) -> fmt::Result {
    let mut values = [Value::Null; Field::ALL.len()];
    line.each(|field, value| {
        values[field as usize] = value;
        Ok(())
    })?;
    let value = |field: Field| values[field as usize];

    put_time(line.time_us, out)?;
    put_event(line, colour, out)?;
    let columns: &[(Field, usize)] = match line.what {
        What::Source(_) => &[(Field::Source, 16), (Field::Cause, 9), (Field::Addr, 21)],
        _ => &[(Field::Collector, 16)],
    };
    for &(field, width) in columns {
        let begin = out.len();
        put(value(field), out)?;
        let written = out[begin..].chars().count();
        write!(out, "{:1$}", "", width.saturating_sub(written) + 2)?;
    }
    for &(word, field) in facts(line.event()) {
        if !matches!(value(field), Value::Null | Value::Milliseconds(0)) {
            write!(out, "{word} ")?;
            put(value(field), out)?;
            out.push_str("  ");
        }
    }
    for field in Field::MARKS {
        match value(field) {
            Value::Null => {}
            Value::True => write!(out, "{}  ", field.key())?,
            told => {
                write!(out, "{} ", field.key())?;
                put(told, out)?;
                out.push_str("  ");
            }
        }
    }
    out.truncate(out.trim_end_matches(' ').len());
    Ok(())
}

/// `2026-11-21 01:30:00.123Z`
fn put_time(time_us: u64, out: &mut String) -> fmt::Result {
    let time = Time(time_us).to_string();
    let (date, clock) = time.split_once('T').unwrap_or((&time, ""));
    let to_the_millisecond = clock.trim_end_matches('Z').get(..12).unwrap_or(clock);
    write!(out, "{date} {to_the_millisecond}Z  ")
}

/// The event in capitals, in the colour of the state that it leads to.
fn put_event(line: &Line<'_>, colour: bool, out: &mut String) -> fmt::Result {
    let name = line.event().name().to_ascii_uppercase();
    match paint_of(line.what).filter(|_| colour) {
        Some(paint) => write!(out, "\x1b[{paint}m{name:<9}\x1b[0m  "),
        None => write!(out, "{name:<9}  "),
    }
}

/// What is to be looked at first: health where that has changed, else the state; and what befalls many at once.
fn paint_of(what: &What) -> Option<&'static str> {
    match what {
        What::Source(source) if source.happening == Happening::Status => match source.status {
            Health::Critical => paint(State::Down),
            Health::Warning => paint(State::Late),
            Health::Ok | Health::Unknown => paint(source.state),
        },
        What::Source(source) => paint(source.state),
        What::MassLoss(_) => paint(State::Down),
        What::Blind { .. } | What::Gap { .. } => paint(State::Late),
        What::MassOver(_) => paint(State::Up),
        _ => None,
    }
}

/// The parameters of the terminal's SGR sequence (ECMA-48, 8.3.117).
pub(crate) const fn paint(state: State) -> Option<&'static str> {
    match state {
        State::Up => Some("32"),
        State::Late => Some("33"),
        State::Down => Some("31"),
        State::Stopped | State::Asleep => Some("2"),
        State::Unknown => None,
    }
}

fn put(value: Value<'_>, out: &mut String) -> fmt::Result {
    match value {
        Value::Null => Ok(()),
        Value::True => out.write_str("yes"),
        Value::Count(number) => write!(out, "{number}"),
        Value::Integer(number) => write!(out, "{number}"),
        Value::Milliseconds(ms) => write!(out, "{}", Brief(ms)),
        Value::Time(time) => write!(out, "{time}"),
        Value::Text(text) => put_text(text, out),
        Value::Address(address) => write!(out, "{address}"),
        Value::Addresses(addresses) => write!(out, "{addresses}"),
        Value::Session(session) => write!(out, "{session}"),
        Value::Counts(counts) => {
            let begin = out.len();
            counts.each(|name, count| match count {
                0 => Ok(()),
                count if out.len() == begin => write!(out, "{count} {name}"),
                count => write!(out, ", {count} {name}"),
            })?;
            if out.len() == begin {
                out.push_str("none");
            }
            Ok(())
        }
    }
}

/// What could end the line or steer the terminal is shown by its number.
pub(crate) fn put_text(text: &str, out: &mut String) -> fmt::Result {
    text.chars().try_for_each(|c| match escape::is_unsafe(c) {
        true => write!(out, "{}", c.escape_unicode()),
        false => out.write_char(c),
    })
}

/// Milliseconds in the one or two units that matter: `250ms`, `12.3s`, `1m30s`, `3h5m`, `2d4h`.
pub(crate) struct Brief(pub(crate) u64);

impl Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1_000;
        let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
        let (whole, unit, rest, rest_unit) = match seconds {
            0 => return write!(f, "{}ms", self.0),
            1..60 => match self.0 % 1_000 / 100 {
                0 => return write!(f, "{seconds}s"),
                tenths => return write!(f, "{seconds}.{tenths}s"),
            },
            60..3_600 => (minutes, "m", seconds % 60, "s"),
            3_600..86_400 => (hours, "h", minutes % 60, "m"),
            86_400.. => (days, "d", hours % 24, "h"),
        };
        match rest {
            0 => write!(f, "{whole}{unit}"),
            rest => write!(f, "{whole}{unit}{rest}{rest_unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_in_the_units_that_matter() {
        for (ms, text) in [
            (0, "0ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (12_399, "12.3s"),
            (59_999, "59.9s"),
            (60_000, "1m"),
            (90_000, "1m30s"),
            (11_100_000, "3h5m"),
            (86_400_000, "1d"),
            (187_200_000, "2d4h"),
        ] {
            assert_eq!(Brief(ms).to_string(), text);
        }
    }
}
