//! What is shown of the sources to whoever looks: a piece of the table at a time, so that nobody who looks makes a
//! beat wait for the whole of it.

use beacon_common::{Health, Label, Moment, Session};

use super::event::{Cause, SourceId, State};
use super::history::History;
use super::origin::Origin;
use super::rules::Rules;
use super::slots::Slots;
use super::source::{Promise, Source};
use super::table::Table;
use super::tally::Tally;

/// How many numbers of the table one piece covers.
pub const PIECE: u32 = 1_024;

/// A source as it is shown. Moments are absolute, so that it can be shown later than it was looked at.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its number at its shard.
    pub id: SourceId,
    /// Its name.
    pub label: Label,
    /// Its state.
    pub state: State,
    /// Why it is in this state.
    pub cause: Cause,
    /// The health that its newest beat states.
    pub health: Health,
    /// Where its newest beat came from.
    pub origin: Origin,
    /// Since when it is in its state.
    pub since: Moment,
    /// When its newest beat came.
    pub arrived: Moment,
    /// What silence leads to; `None` where nothing is awaited.
    pub promise: Option<Promise>,
    /// The current session.
    pub session: Session,
    /// The interval that its newest beat states, in milliseconds.
    pub interval_ms: u32,
    /// Interarrival jitter, in microseconds.
    pub jitter_us: u32,
    /// Its counters.
    pub tally: Tally,
    /// The wheel of the current session.
    pub slots: Slots,
    /// How many slots beyond the newest its schedule has turned, less the waiting time.
    pub past: i64,
}

/// A part of what a tracker knows.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Where the piece begins.
    pub from: SourceId,
    /// The sources with the numbers from where the piece begins, where they were asked for.
    pub rows: Vec<Row>,
    /// The counters of these sources together.
    pub tally: Tally,
    /// Where the next piece begins; `None` behind the last one.
    pub next: Option<SourceId>,
}

/// The piece of `table` that begins at `from`, with its rows if `with_rows`.
pub(super) fn piece(
    table: &Table,
    from: SourceId,
    with_rows: bool,
    (now, rules): (Moment, Rules<'_>),
) -> Piece {
    let end = from.0.saturating_add(PIECE);
    let next = SourceId(end);
    let mut piece = Piece {
        from,
        rows: Vec::new(),
        tally: Tally::default(),
        next: table.reaches(next).then_some(next),
    };
    for id in (from.0..end).map(SourceId) {
        let Some(source) = table.get(id) else { continue };
        let history = table.history(id);
        let past = source.turned_past(now, rules);
        let tally = history.tally(&source.slots, past);
        piece.tally.add(&tally);
        if with_rows {
            piece.rows.push(row(id, (source, history), (past, tally), rules));
        }
    }
    piece
}

fn row(
    id: SourceId,
    (source, history): (&Source, &History),
    (past, tally): (i64, Tally),
    rules: Rules<'_>,
) -> Row {
    Row {
        id,
        label: source.label,
        state: source.state,
        cause: history.cause,
        health: source.health.unwrap_or(Health::Unknown),
        origin: source.origin,
        since: history.since,
        arrived: source.arrived,
        promise: source.promise(rules),
        session: source.session,
        interval_ms: source.interval_ms,
        jitter_us: source.jitter.as_micros(),
        tally,
        slots: source.slots,
        past,
    }
}
