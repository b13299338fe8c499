//! Turns what happened to a source into the event that tells it.

use std::net::SocketAddr;
use std::time::Duration;

use beacon_common::{Health, Moment};

use super::event::{Cause, Detail, Event, Happening, SourceEvent, SourceId, State, What};
use super::source::{Source, Tally};

/// What a line tells about the time before its moment, taken before the moment changes it.
#[derive(Clone, Copy)]
pub(super) struct Before {
    pub(super) state: State,
    pub(super) since: Duration,
    pub(super) silent: Duration,
    pub(super) addr: Option<SocketAddr>,
    pub(super) health: Option<Health>,
}

impl Before {
    pub(super) fn of(source: &Source, now: Moment) -> Self {
        let heard = source.heard.as_ref();
        Self {
            state: source.state,
            since: now.since(source.since),
            silent: heard.map_or(Duration::ZERO, |heard| now.since(heard.arrived)),
            addr: heard.map(|heard| heard.peer.addr),
            health: source.health,
        }
    }
}

/// The event that tells `happening` of `source`, which has been heard: every source that anything is told of has.
pub(super) fn event(
    (id, source): (SourceId, &Source),
    now: Moment,
    before: &Before,
    (happening, cause): (Happening, Option<Cause>),
    tally: &Tally,
    detail: Detail,
) -> Option<Event> {
    let heard = source.heard.as_ref()?;
    Some(Event {
        at: now,
        what: What::Source(SourceEvent {
            happening,
            id,
            label: source.label,
            addr: heard.peer.addr,
            state: source.state,
            was: before.state,
            cause,
            session: heard.session,
            seq: heard.slots.highest(),
            interval_ms: heard.interval_ms,
            status: source.health.unwrap_or(Health::Unknown),
            since: before.since,
            silent: before.silent,
            bound: source.bound(),
            received: tally.received,
            lost: tally.lost,
            duplicate: tally.duplicate,
            reordered: tally.reordered,
            detail,
        }),
    })
}
