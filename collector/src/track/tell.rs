//! Turns what happened to a source into the event that tells it.

use std::net::SocketAddr;
use std::time::Duration;

use beacon_common::{Health, Label, Moment, Seq};

use super::event::{Cause, Detail, Event, Happening, Marks, SourceEvent, SourceId, State, What};
use super::history::History;
use super::inventory::Unheard;
use super::rules::Rules;
use super::source::Source;
use super::table::Table;
use super::tally::Tally;

/// What a line tells about the time before its moment, taken before the moment changes it.
#[derive(Clone, Copy)]
pub(super) struct Before {
    pub(super) state: State,
    /// Whether there is nothing to tell: the source was not even expected.
    pub(super) is_new: bool,
    pub(super) since: Duration,
    pub(super) silent: Duration,
    /// `None` for a source that is heard for the first time.
    pub(super) addr: Option<SocketAddr>,
    pub(super) health: Option<Health>,
}

impl Before {
    pub(super) fn of((source, history): (&Source, &History), now: Moment) -> Self {
        Self {
            state: source.state,
            is_new: false,
            since: now.since(history.since),
            silent: now.since(source.arrived),
            addr: Some(source.origin.addr()),
            health: source.health,
        }
    }

    /// Of a source that was not known.
    pub(super) const FIRST: Self = Self {
        state: State::Unknown,
        is_new: true,
        since: Duration::ZERO,
        silent: Duration::ZERO,
        addr: None,
        health: None,
    };
}

/// The counters of a source at `now`.
pub(super) fn tally((source, history): (&Source, &History), now: Moment, rules: Rules<'_>) -> Tally {
    history.tally(&source.slots, source.turned_past(now, rules))
}

/// The time from the newest beat to the down deadline; `None` where silence does not lead to `down`.
pub(super) fn bound(source: &Source, rules: Rules<'_>) -> Option<Duration> {
    let promise = source.promise(rules)?;
    let is_bound = !matches!(source.state, State::Unknown | State::Stopped);
    is_bound.then(|| promise.down_at.since(source.arrived))
}

/// The event that tells `happening` of the source `id`.
pub(super) fn event(
    (table, id): (&Table, SourceId),
    (now, rules): (Moment, Rules<'_>),
    before: &Before,
    (happening, cause): (Happening, Option<Cause>),
    tally: &Tally,
    detail: Detail,
) -> Event {
    let source = &table[id];
    Event {
        at: now,
        what: What::Source(SourceEvent {
            happening,
            id,
            label: source.label,
            addr: Some(source.origin.addr()),
            state: source.state,
            was: before.state,
            is_new: before.is_new,
            cause,
            session: Some(source.session),
            seq: source.slots.highest(),
            interval_ms: source.interval_ms,
            status: source.health.unwrap_or(Health::Unknown),
            since: before.since,
            silent: before.silent,
            bound: bound(source, rules),
            received: tally.received,
            lost: tally.lost,
            duplicate: tally.duplicate,
            reordered: tally.reordered,
            detail,
            marks: Marks::default(),
            group: None,
        }),
    }
}

/// The event that tells `happening` of an expected source that was never heard, whose state is then `state`.
pub(super) fn unheard_event(
    (id, label, unheard): (SourceId, Label, Unheard),
    (now, rules): (Moment, Rules<'_>),
    before: &Before,
    (state, happening, cause): (State, Happening, Option<Cause>),
) -> Event {
    Event {
        at: now,
        what: What::Source(SourceEvent {
            happening,
            id,
            label,
            addr: None,
            state,
            was: before.state,
            is_new: before.is_new,
            cause,
            session: None,
            seq: Seq::NONE,
            interval_ms: 0,
            status: Health::Unknown,
            since: before.since,
            silent: before.silent,
            bound: (happening != Happening::Forgotten).then(|| unheard.bound(rules)),
            received: 0,
            lost: 0,
            duplicate: 0,
            reordered: 0,
            detail: Detail::None,
            marks: Marks::default(),
            group: None,
        }),
    }
}
