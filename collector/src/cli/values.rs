//! What an option's value may be: each text is parsed once, here, and refused on one line that says what it takes.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::time::Duration;

use beacon_common::{KeyId, Label};

use super::{FalseAlarms, LONGEST_PERIOD, MAX_WORKERS, Period};
use crate::control::LONGEST_SILENCE;
use crate::output::Format;
use crate::output::events::{EventName, EventSet};
use crate::track::config::{Margin, Probe};
use crate::track::event::Happening;
use crate::track::patience::MOST_MISSES;
use crate::track::silences::Reason;

/// `'x' is not a duration; it takes …`, on one line whatever was written.
fn refuse(text: &str, wanted: &str, takes: &str) -> String {
    format!("'{}' is not {wanted}; it takes {takes}", text.escape_debug())
}

pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let takes = "ADDR:PORT, like 0.0.0.0:7878 or [::]:7878";
    text.parse()
        .map_err(|_| refuse(text, "an address with its port", takes))
}

pub(super) fn http(text: &str) -> Result<SocketAddr, String> {
    let takes = "a port like 8080, or ADDR:PORT like 0.0.0.0:8080 or [::]:8080";
    let port = text.parse().map(|port: u16| (Ipv4Addr::LOCALHOST, port).into());
    port.or_else(|_| text.parse())
        .map_err(|_| refuse(text, "an address to serve at", takes))
}

pub(super) fn threads(text: &str) -> Result<NonZeroU16, String> {
    let takes = "a number from 1 to 256";
    NonZeroU16::new(number(text, 1, MAX_WORKERS.get().into(), takes)?)
        .ok_or_else(|| refuse(text, "in range", takes))
}

pub(super) fn format(text: &str) -> Result<Format, String> {
    let named = Format::ALL.into_iter().find(|format| format.name() == text);
    named.ok_or_else(|| refuse(text, "a format", "json, text, logfmt or influx"))
}

pub(super) fn misses(text: &str) -> Result<u8, String> {
    number(text, 1, u8::MAX.into(), "a number from 1 to 255")
}

pub(super) fn misses_max(text: &str) -> Result<u8, String> {
    number(text, 1, MOST_MISSES.into(), "a number from 1 to 64")
}

pub(super) fn false_alarms(text: &str) -> Result<FalseAlarms, String> {
    let takes = "a number and the time it is allowed in, like 1/30d or 2/7d";
    let (count, time) = text
        .split_once('/')
        .ok_or_else(|| refuse(text, "a rate", takes))?;
    let count: u32 = number(count, 1, 1_000_000, takes)?;
    let period = duration(time, takes)? / count;
    if (Duration::from_secs(1)..LONGEST_PERIOD).contains(&period) {
        Ok(FalseAlarms(period))
    } else {
        Err(refuse(text, "from one in 100 years to one a second", takes))
    }
}

pub(super) fn probe(text: &str) -> Result<Probe, String> {
    match text {
        "auto" => Ok(Probe::Auto),
        "always" => Ok(Probe::Always),
        "never" => Ok(Probe::Never),
        _ => Err(refuse(text, "a way to probe", "auto, always or never")),
    }
}

pub(super) fn probe_rate(text: &str) -> Result<u32, String> {
    number(text, 1, 1_000_000, "a number from 1 to 1000000")
}

pub(super) fn settle(text: &str) -> Result<Duration, String> {
    duration(text, "a duration like 30s or 2m")
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" | "yes" => Ok(true),
        "0" | "false" | "no" => Ok(false),
        _ => Err(refuse(text, "a switch", "true or false")),
    }
}

pub(super) fn reorder_wait(text: &str) -> Result<u32, String> {
    // A wheel of 64 slots cannot wait for a beat that has left it (docs/protocol.md, section 10).
    number(text, 0, 62, "a number from 0 to 62")
}

pub(super) fn max_sources(text: &str) -> Result<u32, String> {
    number(text, 1, 1 << 31, "a number from 1 to 2147483648")
}

pub(super) fn admit_rate(text: &str) -> Result<u32, String> {
    number(
        text,
        0,
        1_000_000_000,
        "a number of sources a second up to 1000000000, 0 for any",
    )
}

pub(super) fn queue(text: &str) -> Result<usize, String> {
    number(text, 16, i64::MAX as u64, "a number of lines, 16 or more")
}

pub(super) fn silence(text: &str) -> Result<Duration, String> {
    let takes = "a duration above zero, like 2h, ten years at most";
    let lasts = duration(text, takes)?;
    if lasts.as_millis() > 0 && lasts <= LONGEST_SILENCE {
        Ok(lasts)
    } else {
        Err(refuse(text, "in range", takes))
    }
}

pub(super) fn reason(text: &str) -> Result<Reason, String> {
    Reason::new(text).ok_or_else(|| refuse(text, "a reason", "a line of text of at most 200 bytes"))
}

pub(super) fn key_id(text: &str) -> Result<KeyId, String> {
    let takes = "a number from 1 to 255";
    KeyId::new(number(text, 1, u8::MAX.into(), takes)?).ok_or_else(|| refuse(text, "a key's id", takes))
}

fn number<N: TryFrom<u64>>(text: &str, min: u64, max: u64, takes: &str) -> Result<N, String> {
    let number = text.parse().ok().filter(|number| (min..=max).contains(number));
    number
        .and_then(|number| N::try_from(number).ok())
        .ok_or_else(|| refuse(text, "in range", takes))
}

pub(super) fn margin(text: &str) -> Result<Margin, String> {
    match text {
        "auto" => Ok(Margin::Auto),
        _ => duration(text, "auto or a duration like 250ms").map(Margin::Fixed),
    }
}

pub(super) fn forget(text: &str) -> Result<Duration, String> {
    above_zero(text, "a duration above zero, like 90s or 24h")
}

fn above_zero(text: &str, takes: &str) -> Result<Duration, String> {
    match duration(text, takes)? {
        Duration::ZERO => Err(refuse(text, "above zero", takes)),
        duration => Ok(duration),
    }
}

pub(super) fn period(text: &str) -> Result<Period, String> {
    let takes = "0 for never, or a duration from 10ms like 60s or 1h30m";
    match duration(text, takes)? {
        Duration::ZERO => Ok(Period(None)),
        period if period < Duration::from_millis(10) => Err(refuse(text, "long enough", takes)),
        period => Ok(Period(Some(period))),
    }
}

fn duration(text: &str, takes: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| refuse(text, "a duration", takes))
}

/// A hook is for what happens: not for snapshots, for what is told to the reader of the lines alone, or for the end, when no
/// hook begins any more.
pub(super) fn hooked_events(text: &str) -> Result<EventSet, String> {
    let is_hooked = |event: &EventName| {
        !matches!(
            event,
            EventName::Source(Happening::Report | Happening::State) | EventName::Gap | EventName::End
        )
    };
    let hooked: Vec<_> = EventName::ALL.into_iter().filter(is_hooked).collect();
    chosen(text, &hooked, "an event for hooks")
}

pub(super) fn command(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err(refuse(text, "a command", "a line for the shell")),
        _ => Ok(text.to_owned()),
    }
}

pub(super) fn hook_timeout(text: &str) -> Result<Duration, String> {
    above_zero(text, "a duration above zero, like 30s or 5m")
}

pub(super) fn events(text: &str) -> Result<EventSet, String> {
    chosen(text, &EventName::ALL, "an event")
}

/// Those events of `all` that are named, separated by commas.
fn chosen(text: &str, all: &[EventName], wanted: &str) -> Result<EventSet, String> {
    let takes = || all.iter().map(|event| event.name()).collect::<Vec<_>>().join(",");
    let event = |name: &str| {
        let event = EventName::from_name(name).filter(|event| all.contains(event));
        event.ok_or_else(|| refuse(name, wanted, &takes()))
    };
    text.split(',').map(str::trim).map(event).collect()
}

pub(super) fn name(text: &str) -> Result<String, String> {
    match text.len() {
        1..=255 => Ok(text.to_owned()),
        _ => Err(refuse(text, "a name", "1 to 255 bytes of text")),
    }
}

pub(super) fn label(text: &str) -> Result<Label, String> {
    let takes = "1 to 16 of A-Z a-z 0-9 . _ -, the first a letter or digit";
    Label::new(text).map_err(|_| refuse(text, "a label", takes))
}
