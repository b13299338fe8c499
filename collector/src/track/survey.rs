//! What is shown of the sources to whoever looks: a piece of the table at a time, so that nobody who looks makes a
//! beat wait for the whole of it.

use std::sync::Arc;
use std::time::Duration;

use beacon_common::{Health, Label, Moment, Session};

use super::duplicates::Duplicates;
use super::event::{Cause, SourceId, State};
use super::flapping::Flapping;
use super::history::History;
use super::inventory::{Inventory, Unheard};
use super::origin::Origin;
use super::restarts::Restarts;
use super::rules::Rules;
use super::silences::{Silence, Silences};
use super::slots::Slots;
use super::source::{Promise, Source};
use super::table::Table;
use super::tally::Tally;
use super::tell;

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
    /// Why it is in this state; `None` while it is expected and was not heard.
    pub cause: Option<Cause>,
    /// The health that its newest beat states.
    pub health: Health,
    /// Where its newest beat came from; `None` where it was never heard.
    pub origin: Option<Origin>,
    /// Since when it is in its state.
    pub since: Moment,
    /// When its newest beat came; where it was never heard, since when it is expected.
    pub arrived: Moment,
    /// What silence leads to; `None` where nothing is awaited.
    pub promise: Option<Promise>,
    /// How long after `arrived` it is down; `None` where silence does not lead there.
    pub bound: Option<Duration>,
    /// The current session; `None` where it was never heard.
    pub session: Option<Session>,
    /// The interval that its newest beat states, in milliseconds.
    pub interval_ms: u32,
    /// Interarrival jitter, in microseconds.
    pub jitter_us: u32,
    /// Its counters.
    pub tally: Tally,
    /// The wheel of the current session; `None` where it was never heard.
    pub slots: Option<Slots>,
    /// Which slots of the wheel were filled more than once: bit `i` is that of the number `i` below the highest.
    pub duplicates: u64,
    /// How many slots beyond the newest its schedule has turned, less the waiting time.
    pub past: i64,
    /// How the operator has silenced it.
    pub silence: Option<Silence>,
    /// How often it has begun anew in this run of the collector.
    pub restarts: u32,
    /// Whether it flaps: its falls are held back.
    pub flapping: bool,
    /// Its group in the inventory.
    pub group: Option<Arc<str>>,
}

impl Row {
    /// The highest sequence number of the current session; 0 where the source was never heard.
    #[must_use]
    pub fn highest(&self) -> u32 {
        self.slots.map_or(0, |slots| slots.highest().get())
    }

    /// Whether the slot of the number `back` below the highest is known to have been filled more than once.
    #[must_use]
    pub fn is_duplicate(&self, back: u32) -> bool {
        self.duplicates
            .checked_shr(back)
            .is_some_and(|slots| slots & 1 != 0)
    }

    /// Whether a beat of it ever came.
    #[must_use]
    pub const fn is_heard(&self) -> bool {
        self.session.is_some()
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
    /// How many sources of each state are silenced, in the order of [`State::ALL`]; of all pieces, and in the first alone.
    pub silenced: [u64; State::ALL.len()],
    /// How many of these sources that are live and not silenced state each health, in the order of [`Health::ALL`].
    pub healths: [u64; Health::ALL.len()],
    /// Where the next piece begins; `None` behind the last one.
    pub next: Option<SourceId>,
}

/// What a tracker knows of sources.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) table: &'a Table,
    pub(super) inventory: &'a Inventory,
    pub(super) silences: &'a Silences,
    pub(super) duplicates: &'a Duplicates,
    pub(super) restarts: &'a Restarts,
    pub(super) flapping: &'a Flapping,
}

/// The piece that begins at `from`, with its rows if `with_rows`: first those of the table, then the expected that were
/// never heard.
pub(super) fn piece(
    known: Known<'_>,
    from: SourceId,
    with_rows: bool,
    (now, rules): (Moment, Rules<'_>),
) -> Piece {
    let mut piece = match from.as_unheard() {
        Some(place) => unheard_piece(known.inventory, place, rules),
        None => heard_piece(known, from, with_rows, (now, rules)),
    };
    for row in &mut piece.rows {
        row.silence = known.silences.of(&row.label).cloned();
        row.flapping = known.flapping.is_flapping(row.id);
        row.group = known.inventory.group(&row.label);
    }
    piece
}

fn heard_piece(
    known: Known<'_>,
    from: SourceId,
    with_rows: bool,
    (now, rules): (Moment, Rules<'_>),
) -> Piece {
    let Known { table, inventory, .. } = known;
    let end = from.0.saturating_add(PIECE);
    let next = match table.reaches(SourceId(end)) {
        true => Some(SourceId(end)),
        false => Some(SourceId::of_unheard(0)).filter(|_| with_rows && inventory.reaches(0)),
    };
    let mut piece = Piece {
        from,
        rows: Vec::new(),
        tally: Tally::default(),
        silenced: [0; State::ALL.len()],
        healths: [0; Health::ALL.len()],
        next,
    };
    for id in (from.0..end).map(SourceId) {
        let Some(source) = table.get(id) else { continue };
        let history = table.history(id);
        let past = source.turned_past(now, rules);
        let tally = history.tally(&source.slots, past);
        piece.tally.add(&tally);
        if matches!(source.state, State::Up | State::Late) && known.silences.of(&source.label).is_none() {
            piece.healths[usize::from(health(source).code())] += 1;
        }
        if with_rows {
            piece
                .rows
                .push(row(known, (id, source, history), (past, tally), rules));
        }
    }
    piece
}

fn unheard_piece(inventory: &Inventory, from: u32, rules: Rules<'_>) -> Piece {
    let end = from.saturating_add(PIECE);
    let unheard = inventory.unheard(from, end);
    Piece {
        from: SourceId::of_unheard(from),
        rows: unheard.map(|unheard| unheard_row(unheard, rules)).collect(),
        tally: Tally::default(),
        silenced: [0; State::ALL.len()],
        healths: [0; Health::ALL.len()],
        next: inventory.reaches(end).then_some(SourceId::of_unheard(end)),
    }
}

fn unheard_row((place, label, unheard): (u32, Label, Unheard), rules: Rules<'_>) -> Row {
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
        bound: Some(unheard.bound(rules)),
        session: None,
        interval_ms: 0,
        jitter_us: 0,
        tally: Tally::default(),
        slots: None,
        duplicates: 0,
        past: 0,
        silence: None,
        restarts: 0,
        flapping: false,
        group: None,
    }
}

fn health(source: &Source) -> Health {
    source.health.unwrap_or(Health::Unknown)
}

fn row(
    known: Known<'_>,
    (id, source, history): (SourceId, &Source, &History),
    (past, tally): (i64, Tally),
    rules: Rules<'_>,
) -> Row {
    Row {
        id,
        label: source.label,
        state: source.state,
        cause: Some(history.cause),
        health: health(source),
        origin: Some(source.origin),
        since: history.since,
        arrived: source.arrived,
        promise: source.promise(rules),
        bound: tell::bound(source, rules),
        session: Some(source.session),
        interval_ms: source.interval_ms,
        jitter_us: source.jitter.as_micros(),
        tally,
        slots: Some(source.slots),
        duplicates: known.duplicates.of(id, (source.session, &source.slots)),
        past,
        silence: None,
        restarts: known.restarts.of(id),
        flapping: false,
        group: None,
    }
}
