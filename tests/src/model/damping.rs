//! What a reader is told of a source that flaps (docs/protocol.md, section 9).
//!
//! Where the tracker counts in a byte what stands in a queue, this keeps every fall and counts it anew.

use std::time::Duration;

use beacon_common::Moment;

use crate::line::Line;

/// How long a fall counts.
const WINDOW: Duration = Duration::from_mins(10);

/// How long a source that is steady has kept its state.
pub(super) const STEADY_AFTER: Duration = Duration::from_mins(5);

/// The falls of a source, and what its reader knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Damping {
    /// Since it was last steady.
    falls: Vec<Moment>,
    /// The state in the last line, while it flaps.
    told: Option<&'static str>,
}

impl Damping {
    pub(super) const fn is_flapping(&self) -> bool {
        self.told.is_some()
    }

    /// The source has fallen; true where it begins to flap by that.
    pub(super) fn fall(&mut self, now: Moment) -> bool {
        if self.told.is_some() {
            return false;
        }
        self.falls.push(now);
        let counts = |&&fell: &&Moment| now.since(fell) < WINDOW;
        let is_too_often = self.falls.iter().filter(counts).count() > 5;
        if is_too_often {
            self.told = Some("late");
        }
        is_too_often
    }

    /// It flaps no longer, and this line says so.
    pub(super) fn end(&mut self, steady: &mut Line) {
        steady.was = self.told.take().unwrap_or(steady.was);
        self.falls.clear();
    }

    /// What the reader gets of a line.
    pub(super) fn pass(&mut self, mut line: Line) -> Option<Line> {
        let Some(told) = &mut self.told else {
            return Some(line);
        };
        if ["up", "late", "down"].contains(&line.event) {
            return None;
        }
        line.was = std::mem::replace(told, line.state);
        line.extra.push(("flapping", "true".to_owned()));
        Some(line)
    }
}
