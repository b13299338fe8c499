//! What is shown of the sources to whoever looks: a piece of the table at a time, so that nobody who looks makes a
//! beat wait for the whole of it.

use beacon_common::{Health, Label, Moment, Seq, Session};

use super::event::{Cause, SourceId, State};
use super::history::History;
use super::inventory::{Inventory, Unheard};
use super::origin::Origin;
use super::rules::Rules;
use super::silences::{Silence, Silences};
use super::slots::Slots;
use super::source::{Promise, Source};
use super::table::Table;
use super::tally::Tally;

/// How many numbers of the table one piece covers.
pub const PIECE: u32 = 1_024;

/// A source as it is shown. Moments are absolute, so that it can be shown later than it was looked at.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its number at its shard; what was never heard comes behind the others.
    pub id: SourceId,
    /// Its name.
    pub label: Label,
    /// Its state.
    pub state: State,
    /// Why it is in this state; `None` where it is awaited for the first time.
    pub cause: Option<Cause>,
    /// The health that its newest beat states.
    pub health: Health,
    /// Where its newest beat came from; `None` where none ever came.
    pub origin: Option<Origin>,
    /// Since when it is in its state.
    pub since: Moment,
    /// When its newest beat came, or since when it is awaited.
    pub arrived: Moment,
    /// What silence leads to; `None` where nothing is awaited.
    pub promise: Option<Promise>,
    /// The current session; `None` where it was never heard.
    pub session: Option<Session>,
    /// The interval that its newest beat states, in milliseconds.
    pub interval_ms: u32,
    /// Interarrival jitter, in microseconds.
    pub jitter_us: u32,
    /// Its counters.
    pub tally: Tally,
    /// The wheel of the current session; `None` where there is none.
    pub slots: Option<Slots>,
    /// How many slots beyond the newest its schedule has turned, less the waiting time.
    pub past: i64,
    /// How the operator has silenced it.
    pub silence: Option<Silence>,
}

impl Row {
    /// The highest sequence number of the session; none where it was never heard.
    #[must_use]
    pub fn highest(&self) -> Seq {
        self.slots.map_or(Seq::NONE, |slots| slots.highest())
    }
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

/// The piece of all that is known that begins at `from`, with its rows if `with_rows`.
pub(super) fn piece(
    (table, inventory, silences): (&Table, &Inventory, &Silences),
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
        next: (table.reaches(next) || inventory.reaches(end)).then_some(next),
    };
    for id in (from.0..end).map(SourceId) {
        let Some(source) = table.get(id) else { continue };
        let history = table.history(id);
        let past = source.turned_past(now, rules);
        let tally = history.tally(&source.slots, past);
        piece.tally.add(&tally);
        if with_rows {
            let row = row(id, (source, history), (past, tally), rules);
            piece.rows.push(row);
        }
    }
    if with_rows {
        let unheard = inventory.unheard_among(from.0, end);
        piece.rows.extend(unheard.map(unheard_row));
        for row in &mut piece.rows {
            row.silence = silences.of(&row.label).cloned();
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
        cause: Some(history.cause),
        health: source.health.unwrap_or(Health::Unknown),
        origin: Some(source.origin),
        since: history.since,
        arrived: source.arrived,
        promise: source.promise(rules),
        session: Some(source.session),
        interval_ms: source.interval_ms,
        jitter_us: source.jitter.as_micros(),
        tally,
        slots: Some(source.slots),
        past,
        silence: None,
    }
}

fn unheard_row((place, label, unheard): (u32, Label, Unheard)) -> Row {
    let state = unheard.state();
    Row {
        id: SourceId::of_unheard(place),
        label,
        state,
        cause: (state == State::Down).then_some(Cause::Never),
        health: Health::Unknown,
        origin: None,
        since: unheard.in_state_since(),
        arrived: unheard.since,
        promise: None,
        session: None,
        interval_ms: 0,
        jitter_us: 0,
        tally: Tally::default(),
        slots: None,
        past: 0,
        silence: None,
    }
}
