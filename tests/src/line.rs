//! What a collector tells of a source, in the words of the event lines: the form in which the tracker and the
//! model are compared.

use std::net::SocketAddr;
use std::time::Duration;

use beacon_collector::track::event::{Detail, Event, Marks, What};
use beacon_common::{Label, Moment, Seq, Session};

/// One event line about a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// When it was told.
    pub at: Moment,
    /// The source.
    pub source: Label,
    /// The event's name.
    pub event: &'static str,
    /// Where the newest beat came from, if one came.
    pub addr: Option<SocketAddr>,
    /// The state from now on.
    pub state: &'static str,
    /// The state until now.
    pub was: &'static str,
    /// Why.
    pub cause: Option<&'static str>,
    /// The current session, if it was heard.
    pub session: Option<Session>,
    /// The highest sequence number in it.
    pub seq: Seq,
    /// The interval in force, in milliseconds.
    pub interval_ms: u32,
    /// The health.
    pub status: &'static str,
    /// The time in the state that `was`.
    pub since: Duration,
    /// The time since the newest beat before this moment.
    pub silent: Duration,
    /// From the newest beat to its down deadline.
    pub bound: Option<Duration>,
    /// Beats and byes received.
    pub received: i128,
    /// Slots lost.
    pub lost: i128,
    /// Slots filled again.
    pub duplicate: i128,
    /// Beats below the highest before them.
    pub reordered: i128,
    /// The keys that only this event has.
    pub extra: Vec<(&'static str, String)>,
    /// The group in the inventory.
    pub group: Option<String>,
}

impl Line {
    /// The line that an event of the tracker makes; `None` for one that is about no source.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        let What::Source(told) = &event.what else {
            return None;
        };
        Some(Self {
            at: event.at,
            source: told.label,
            event: told.happening.name(),
            addr: told.addr,
            state: told.state.name(),
            was: told.was.name(),
            cause: told.cause.map(|cause| cause.name()),
            session: told.session,
            seq: told.seq,
            interval_ms: told.interval_ms,
            status: told.status.name(),
            since: told.since,
            silent: told.silent,
            bound: told.bound,
            received: told.received.into(),
            lost: told.lost.into(),
            duplicate: told.duplicate.into(),
            reordered: told.reordered.into(),
            extra: extra(&told.detail).into_iter().chain(marks(told.marks)).collect(),
            group: told.group.as_deref().map(str::to_owned),
        })
    }

    /// The event and its cause, in one word each.
    #[must_use]
    pub fn gist(&self) -> (&'static str, &'static str) {
        (self.event, self.cause.unwrap_or("-"))
    }
}

fn extra(detail: &Detail) -> Vec<(&'static str, String)> {
    match detail {
        Detail::None => Vec::new(),
        Detail::Sleep { wake } => vec![("wake_ms", wake.as_millis().to_string())],
        Detail::Moved { from, to } => vec![("from", from.to_string()), ("to", to.to_string())],
        Detail::Status { from, to } => vec![("from", from.name().to_string()), ("to", to.name().to_string())],
        Detail::Twins { addrs } => vec![("addrs", format!("{},{}", addrs[0], addrs[1]))],
        Detail::Report {
            old,
            jitter_us,
            expected,
            measured,
        } => vec![
            ("old", old.to_string()),
            ("jitter_us", jitter_us.to_string()),
            ("expected", expected.to_string()),
            ("loss_run_max", measured.loss_run_max.to_string()),
            ("loss_runs", format!("{:?}", measured.loss_runs)),
            ("reorder_extent_max", measured.reorder_extent_max.to_string()),
            ("delays_us", format!("{:?}", measured.delays_us)),
        ],
    }
}

fn marks(marks: Marks) -> impl Iterator<Item = (&'static str, String)> {
    [
        (marks.by_reply, "by", "reply"),
        (marks.mass, "mass", "true"),
        (marks.learning, "learning", "true"),
        (marks.silenced, "silenced", "true"),
        (marks.flapping, "flapping", "true"),
    ]
    .into_iter()
    .filter(|(is_so, ..)| *is_so)
    .map(|(_, key, value)| (key, value.to_owned()))
}
