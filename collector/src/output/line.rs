//! An event as a sequence of fields: the one place that says which value goes with which key, and in which
//! order. Every format is made from this sequence.

use std::fmt;
use std::time::Duration;

use super::events::EventName;
use super::fields::{Addresses, Counts, Field, Time, Value};
use crate::track::event::{Cause, Detail, Marks, SourceEvent, Tick, What};
use crate::track::meter::Measured;

/// The version of the lines that [`Field::V`] tells.
pub const VERSION: u64 = 1;

/// An event with the head of its line.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The line's number in this run.
    pub id: u64,
    /// Microseconds since the Unix epoch, UTC.
    pub time_us: u64,
    /// The collector's name.
    pub collector: &'a str,
    /// What happened.
    pub what: &'a What,
}

impl<'a> Line<'a> {
    /// The line's event.
    #[must_use]
    pub const fn event(&self) -> EventName {
        EventName::of(self.what)
    }

    /// Gives each field with its value to `put`, in the order in which they are written.
    ///
    /// # Errors
    /// Those of `put`.
    pub fn each(&self, mut put: impl FnMut(Field, Value<'a>) -> fmt::Result) -> fmt::Result {
        put(Field::V, Value::Count(VERSION))?;
        put(Field::Id, Value::Count(self.id))?;
        put(Field::Time, Value::Time(Time(self.time_us)))?;
        put(Field::Event, Value::Text(self.event().name()))?;
        put(Field::Collector, Value::Text(self.collector))?;
        match self.what {
            What::Source(source) => each_of_source(source, put),
            What::Start { listen, socket_drops } => {
                put(Field::Version, Value::Text(env!("CARGO_PKG_VERSION")))?;
                put(Field::Listen, Value::Addresses(Addresses(listen)))?;
                put(Field::Pid, Value::Count(std::process::id().into()))?;
                put(Field::SocketDrops, Value::Count(*socket_drops))
            }
            What::Tick(tick) | What::End(tick) => each_of_tick(tick, put),
            What::Gap { dropped } => put(Field::Dropped, Value::Count(*dropped)),
            What::Blind { blind, cause } => {
                put(Field::Cause, Value::Text(cause.name()))?;
                put(Field::BlindMs, milliseconds(*blind))
            }
            What::MassLoss(mass) | What::MassOver(mass) => {
                put(Field::Count, Value::Count(mass.count))?;
                put(Field::Total, Value::Count(mass.total))
            }
        }
    }
}

fn each_of_source<'a>(
    source: &'a SourceEvent,
    mut put: impl FnMut(Field, Value<'a>) -> fmt::Result,
) -> fmt::Result {
    put(Field::Source, Value::Text(source.label.as_str()))?;
    put(Field::Addr, source.addr.map_or(Value::Null, Value::Address))?;
    put(Field::State, Value::Text(source.state.name()))?;
    put(Field::Was, Value::Text(source.was.name()))?;
    put(
        Field::Cause,
        source
            .cause
            .map_or(Value::Null, |cause: Cause| Value::Text(cause.name())),
    )?;
    put(Field::Session, source.session.map_or(Value::Null, Value::Session))?;
    put(Field::Seq, Value::Count(source.seq.get().into()))?;
    put(Field::IntervalMs, Value::Milliseconds(source.interval_ms.into()))?;
    put(Field::Status, Value::Text(source.status.name()))?;
    put(Field::SinceMs, milliseconds(source.since))?;
    put(Field::SilentMs, milliseconds(source.silent))?;
    put(Field::BoundMs, source.bound.map_or(Value::Null, milliseconds))?;
    put(Field::Received, Value::Count(source.received))?;
    put(Field::Lost, Value::Integer(source.lost))?;
    put(Field::Duplicate, Value::Count(source.duplicate))?;
    put(Field::Reordered, Value::Count(source.reordered))?;
    each_of_detail(&source.detail, &mut put)?;
    each_mark(source.marks, &mut put)?;
    let group = source.group.as_deref();
    group.map_or(Ok(()), |group| put(Field::Group, Value::Text(group)))
}

fn each_of_detail<'a>(
    detail: &'a Detail,
    mut put: impl FnMut(Field, Value<'a>) -> fmt::Result,
) -> fmt::Result {
    match *detail {
        Detail::None => Ok(()),
        Detail::Sleep { wake } => put(Field::WakeMs, milliseconds(wake)),
        Detail::Moved { from, to } => {
            put(Field::From, Value::Address(from))?;
            put(Field::To, Value::Address(to))
        }
        Detail::Status { from, to } => {
            put(Field::From, Value::Text(from.name()))?;
            put(Field::To, Value::Text(to.name()))
        }
        Detail::Twins { ref addrs } => put(Field::Addrs, Value::Addresses(Addresses(addrs))),
        Detail::Report {
            old,
            jitter_us,
            expected,
            ref measured,
        } => {
            put(Field::Old, Value::Count(old))?;
            put(Field::JitterUs, Value::Count(jitter_us))?;
            put(Field::Expected, Value::Integer(expected))?;
            each_measured(measured, put)
        }
    }
}

fn each_measured<'a>(
    measured: &'a Measured,
    mut put: impl FnMut(Field, Value<'a>) -> fmt::Result,
) -> fmt::Result {
    let delay = |which: usize| {
        measured
            .delays_us
            .map_or(Value::Null, |us| Value::Count(us[which].into()))
    };
    put(Field::LossRunMax, Value::Count(measured.loss_run_max.into()))?;
    put(Field::LossRuns, Value::Counts(Counts::ByRun(&measured.loss_runs)))?;
    put(
        Field::ReorderExtentMax,
        Value::Count(measured.reorder_extent_max.into()),
    )?;
    put(Field::DelayP50Us, delay(0))?;
    put(Field::DelayP99Us, delay(1))
}

fn each_mark<'a>(marks: Marks, mut put: impl FnMut(Field, Value<'a>) -> fmt::Result) -> fmt::Result {
    let given = [
        (marks.by_reply, Field::By, Value::Text("reply")),
        (marks.mass, Field::Mass, Value::True),
        (marks.learning, Field::Learning, Value::True),
        (marks.silenced, Field::Silenced, Value::True),
        (marks.flapping, Field::Flapping, Value::True),
    ];
    given
        .into_iter()
        .filter(|(is_so, ..)| *is_so)
        .try_for_each(|(_, field, value)| put(field, value))
}

fn each_of_tick<'a>(tick: &'a Tick, mut put: impl FnMut(Field, Value<'a>) -> fmt::Result) -> fmt::Result {
    put(Field::Sources, Value::Counts(Counts::ByState(&tick.sources)))?;
    put(Field::Received, Value::Count(tick.received))?;
    put(Field::Rejected, Value::Counts(Counts::ByReason(&tick.rejected)))?;
    put(Field::SocketDrops, Value::Count(tick.socket_drops))?;
    put(Field::EventsDropped, Value::Count(tick.events_dropped))?;
    put(Field::StateFailures, Value::Count(tick.state_failures))?;
    put(Field::HooksDropped, Value::Count(tick.hooks_dropped))
}

/// Whole milliseconds, rounded down: a line never claims more time than has passed.
fn milliseconds<'a>(duration: Duration) -> Value<'a> {
    Value::Milliseconds(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
