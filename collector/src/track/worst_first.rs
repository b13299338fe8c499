//! A walk over all sources, the worst first, that holds no list of them: the table is gone through once for each state.

use super::event::{SourceId, State};
use super::table::Table;

/// How many numbers of the table are looked at before others have their turn: those whose state is not the one that the
/// walk is at cost time too, and tell nothing.
const PIECE: u32 = 16_384;

/// How far the walk has come.
pub(super) struct Walk {
    /// The place of the state that it is at among [`State::WORST_FIRST`].
    rank: u8,
    /// The next number to look at.
    from: SourceId,
    /// How many numbers of the present piece are looked at.
    looked: u32,
}

/// What the walk has come to.
pub(super) enum Step {
    /// A source.
    Source(SourceId),
    /// The end of a piece: the walk goes on when it is asked again.
    Pause,
    /// The end.
    End,
}

impl Walk {
    pub(super) const fn begin() -> Self {
        Self {
            rank: 0,
            from: SourceId::FIRST,
            looked: 0,
        }
    }

    pub(super) fn step(&mut self, table: &Table) -> Step {
        while let Some(&state) = State::WORST_FIRST.get(usize::from(self.rank)) {
            while table.reaches(self.from) {
                if self.looked == PIECE {
                    self.looked = 0;
                    return Step::Pause;
                }
                self.looked += 1;
                let id = self.from;
                self.from = SourceId(id.0 + 1);
                if table.get(id).is_some_and(|source| source.state == state) {
                    return Step::Source(id);
                }
            }
            (self.rank, self.from) = (self.rank + 1, SourceId::FIRST);
        }
        Step::End
    }

    /// Whether the walk came past the source in neither state: it had not come to the one it `was` in, and what it `is`
    /// now lies behind.
    pub(super) fn misses(&self, id: SourceId, was: State, is: State) -> bool {
        let is_behind = |state: State| (state.rank(), id.0) < (self.rank, self.from.0);
        !is_behind(was) && is_behind(is)
    }
}
