//! What the reader of the lines has missed, whoever was to tell it: how many lines, and what they would have told of the
//! collector as a whole. Of what happens to a source its relay makes up for (relay.rs).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use beacon_common::Moment;

use crate::output::pipe::Full;
use crate::track::event::{Event, What};

/// Lines that were dropped, by all who tell to one queue.
#[derive(Clone, Debug, Default)]
pub struct Losses(Arc<Mutex<Lost>>);

#[derive(Debug, Default)]
struct Lost {
    /// Since the last `gap` line.
    untold: u64,
    in_all: u64,
    /// All `blind` lines that were dropped, as one.
    blind: Option<Event>,
    /// The last line about a mass loss, where that was dropped.
    mass: Option<Event>,
    /// The moment of the last line about a mass loss, told or dropped.
    mass_at: Moment,
}

impl Losses {
    /// How many lines the reader was too slow for until now.
    #[must_use]
    pub fn in_all(&self) -> u64 {
        self.lock().in_all
    }

    /// Whether something is left to tell that makes up for dropped lines.
    pub(crate) fn are_untold(&self) -> bool {
        let lost = self.lock();
        lost.untold > 0 || lost.blind.is_some() || lost.mass.is_some()
    }

    /// Has `tell` tell an event, unless that would undo what is known: of the lines about a mass loss the last one says
    /// whether it is over, and workers may come to tell them in another order than they happened in.
    pub(crate) fn tell_in_order(
        &self,
        event: &Event,
        tell: impl FnOnce() -> Result<(), Full>,
    ) -> Result<(), Full> {
        if !matches!(event.what, What::MassLoss(_) | What::MassOver(_)) {
            return tell();
        }
        let mut lost = self.lock();
        if event.at <= lost.mass_at {
            return Ok(());
        }
        lost.mass_at = event.at;
        lost.mass = None;
        tell()
    }

    /// Takes note of a line that will not be told.
    pub(crate) fn drop_line(&self, event: &Event) {
        let mut lost = self.lock();
        lost.untold += 1;
        lost.in_all += 1;
        match event.what {
            What::Blind { .. } => lost.drop_blind(event),
            What::MassLoss(_) | What::MassOver(_) if event.at == lost.mass_at => {
                lost.mass = Some(event.clone());
            }
            _ => {}
        }
    }

    /// Has `tell` tell what makes up for the dropped lines. One that was dropped before is made up for when this returns,
    /// by whomever: the lock is held until what does so is told.
    pub(crate) fn make_up(&self, now: Moment, tell: impl Fn(&Event) -> Result<(), Full>) -> Result<(), Full> {
        let lost = &mut *self.lock();
        if lost.untold > 0 {
            let dropped = lost.untold;
            let what = What::Gap { dropped };
            tell(&Event { at: now, what })?;
            lost.untold = 0;
        }
        for missed in [&mut lost.blind, &mut lost.mass] {
            if let Some(event) = missed {
                tell(event)?;
                *missed = None;
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Lost> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lost {
    fn drop_blind(&mut self, event: &Event) {
        let mut missed = event.clone();
        if let (What::Blind { blind, .. }, Some(What::Blind { blind: before, .. })) =
            (&mut missed.what, self.blind.as_ref().map(|event| &event.what))
        {
            *blind += *before;
        }
        self.blind = Some(missed);
    }
}
