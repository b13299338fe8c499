//! What the tracker shows when it is asked: `state` lines, a survey of what it knows, and the counters of a tick.

use beacon_common::Moment;

use super::Tracker;
use crate::track::event::{Event, SourceId, State, Tick};
use crate::track::refused::Refusals;
use crate::track::rules::Rules;
use crate::track::survey::{self, Known, Piece};

impl Tracker {
    /// Asks for a `state` line of one source, to be had from [`Tracker::poll_state`]; asking twice is asking
    /// once.
    pub fn ask_state(&mut self, id: SourceId) {
        match id.as_unheard() {
            Some(place) => self.ask_unheard(place),
            None => self.snapshots.ask(id),
        }
    }

    /// Asks for a `state` line of every source, the worst first; before them come those that were never heard.
    pub fn ask_all_states(&mut self) {
        self.inventory.ask_all();
        self.snapshots.ask_all();
    }

    /// The next `state` line that was asked for, or the next line of a report that is due. `None` where nothing is left
    /// to tell, or where the search for it [`is_paused`](Self::is_paused).
    pub fn poll_state(&mut self, now: Moment) -> Option<Event> {
        let unheard = self.poll_unheard(now);
        let rules = Rules {
            config: &self.config,
            blindness: &self.blindness,
        };
        let event = unheard.or_else(|| self.snapshots.poll(now, &self.table, rules))?;
        Some(self.marked(event))
    }

    /// Whether [`poll_state`](Self::poll_state) told nothing the last time only because the search for the next line takes
    /// longer: it goes on when it is asked again, and others have their turn meanwhile.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.snapshots.is_paused()
    }

    /// What is known of the sources with the numbers from `from` on: of [`PIECE`](survey::PIECE) numbers, with
    /// a row for each source if `with_rows`. The first piece is the one that begins at [`SourceId::FIRST`]; the last ones
    /// have rows of the expected sources that were never heard.
    #[must_use]
    pub fn survey(&self, from: SourceId, with_rows: bool, now: Moment) -> Piece {
        let known = Known {
            table: &self.table,
            inventory: &self.inventory,
            silences: &self.silences,
            duplicates: &self.duplicates,
            restarts: &self.restarts,
            flapping: &self.flapping,
        };
        let mut piece = survey::piece(known, from, with_rows, (now, self.rules()));
        if from == SourceId::FIRST {
            piece.tally.add(&self.departed);
            piece.silenced = self.silenced();
        }
        piece
    }

    /// What was dropped until now, and who was refused.
    #[must_use]
    pub const fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Whether every frame has to be made with a key.
    #[must_use]
    pub fn needs_keys(&self) -> bool {
        self.authority.is_needed()
    }

    /// The sources by state, and what was received and dropped until now; the fields that only the sockets
    /// and the output know are zero.
    #[must_use]
    pub fn tick(&self) -> Tick {
        Tick {
            sources: State::ALL.map(|state| self.states[state as usize]),
            received: self.received,
            rejected: self.refusals.counts().clone(),
            ..Tick::default()
        }
    }
}
