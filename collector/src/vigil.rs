//! Notices that the loop did not run although something waited for it: the process was stopped or starved, or its
//! machine was suspended (docs/protocol.md, section 9).
//!
//! A short stall loses nothing as long as the sockets have room: whatever waited there is taken with the time at which
//! the kernel received it, before any deadline is judged. So a stall counts only where a socket ran over meanwhile, or
//! where it is so long that one may well have, and that whoever reads the events wants to know.

use std::time::Duration;

use beacon_common::Moment;

use crate::clock::Sight;
use crate::track::event::Cause;

/// A shorter stall is none. Nor is a shorter wait looked at.
const LEAST: Duration = Duration::from_millis(100);

/// A stall this long counts even where no socket has run over.
const LONG: Duration = Duration::from_secs(1);

/// The clocks and the drops are looked at this often, so that what they are compared with is not old.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// Clocks that are steered differ by so much of the time that passes; what is more is a step.
const STEERED_PART: u32 = 1_000;

/// Two readings of all clocks differ by so much by themselves.
const GRAIN: Duration = Duration::from_millis(10);

/// Watches over a loop.
#[derive(Debug)]
pub struct Vigil {
    /// When the loop last ran.
    seen: Moment,
    /// The clocks at the last look.
    sight: Sight,
    /// What the sockets had dropped until the last look.
    drops: u64,
}

/// What waited for the loop when it ran on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waiting {
    /// When the wait was to end by itself.
    pub due: Option<Moment>,
    /// When the oldest of the datagrams that waited arrived, by its stamp of the wall clock.
    pub oldest: Option<Moment>,
    /// What the sockets have dropped until now.
    pub drops: u64,
}

/// A time in which the loop did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blind {
    /// Up to then it ran.
    pub from: Moment,
    /// From then on it ran again.
    pub until: Moment,
    /// How much of the time between was blind.
    pub blind: Duration,
    /// Why.
    pub cause: Cause,
}

impl Vigil {
    /// Over a loop that runs at `sight`.
    #[must_use]
    pub const fn new(sight: Sight) -> Self {
        Self {
            seen: sight.clock.now,
            sight,
            drops: 0,
        }
    }

    /// Whether it is time for a look; where it is not, that is all there is to do.
    pub fn is_due(&mut self, now: Moment) -> bool {
        let is_due = now.since(self.seen) >= LEAST || now.since(self.sight.clock.now) >= LOOKS_EVERY;
        if !is_due {
            self.seen = now;
        }
        is_due
    }

    /// Looks at what waited for the loop when it ran on at `sight`.
    pub fn look(&mut self, sight: Sight, waiting: Waiting) -> Option<Blind> {
        let until = sight.clock.now;
        let seen = std::mem::replace(&mut self.seen, until);
        let before = std::mem::replace(&mut self.sight, sight);
        let has_dropped = waiting.drops > std::mem::replace(&mut self.drops, waiting.drops);

        // The stamps of before a step tell nothing after it.
        let oldest = waiting.oldest.filter(|_| !is_stepped(&before, &sight));
        let waited_from = waiting.due.into_iter().chain(oldest).min();
        let from = waited_from.unwrap_or(until).max(seen);
        let stalled = until.since(from);
        let counts = stalled >= LONG || (stalled >= LEAST && has_dropped);
        let stalled = if counts { stalled } else { Duration::ZERO };

        let suspended = suspended(&before, &sight);
        if suspended >= LEAST {
            return Some(Blind {
                from: seen,
                until,
                blind: suspended.max(stalled),
                cause: Cause::Suspended,
            });
        }
        counts.then_some(Blind {
            from,
            until,
            blind: stalled,
            cause: Cause::Stalled,
        })
    }
}

/// For how long the machine was suspended between two looks.
fn suspended(before: &Sight, after: &Sight) -> Duration {
    let passed = after.clock.now.since(before.clock.now);
    passed.saturating_sub(after.awake.since(before.awake))
}

/// Whether the wall clock was set between two looks.
fn is_stepped(before: &Sight, after: &Sight) -> bool {
    let passed = after.clock.now.since(before.clock.now);
    let on_the_wall = Moment::from_nanos(before.clock.wall_nanos) + passed;
    let wall = Moment::from_nanos(after.clock.wall_nanos);
    let difference = wall.since(on_the_wall).max(on_the_wall.since(wall));
    difference > passed / STEERED_PART + GRAIN
}

#[cfg(test)]
mod tests;
