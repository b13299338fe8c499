//! What befalls all sources at once: a mass loss, and the collector's own blindness.
//!
//! Whoever tells notes it here before it is known whether there will be a line: alerts must not depend on what
//! `--events` selects, nor on a reader that keeps up. Workers note and the serving threads look, each for no longer than
//! a copy takes, so that no worker waits for an answer that is being written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use beacon_common::Moment;

use crate::clock::Reading;
use crate::track::event::{Cause, Event, Mass, What};

/// What all who tell have noted, for whoever looks.
#[derive(Clone, Debug, Default)]
pub struct Outages(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    outage: Outage,
    /// When a mass loss began or ended last.
    mass_at: Moment,
}

/// What has befallen all sources until now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outage {
    /// The mass loss that is not over.
    pub mass: Option<MassLoss>,
    /// When the collector was blind last.
    pub blind: Option<Blind>,
    /// How long it was blind in all.
    pub blind_in_all: Duration,
}

/// Half or more of the live sources have fallen silent together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassLoss {
    /// When the half was reached, in microseconds since the Unix epoch, UTC.
    pub begun_us: u64,
    /// How many had fallen then.
    pub mass: Mass,
}

/// A time when the collector could not listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blind {
    /// When it was over, in microseconds since the Unix epoch, UTC.
    pub until_us: u64,
    /// How long it lasted.
    pub lasted: Duration,
    /// What it came from.
    pub cause: Cause,
}

impl Outages {
    /// Notes an event, if it is about all sources.
    pub(crate) fn note(&self, event: &Event, clock: &Reading) {
        match event.what {
            What::MassLoss(mass) => {
                let begun_us = clock.wall_micros(event.at);
                self.lock().turn(Some(MassLoss { begun_us, mass }), event.at);
            }
            What::MassOver(_) => self.lock().turn(None, event.at),
            What::Blind { blind, cause } => {
                let outage = &mut self.lock().outage;
                outage.blind_in_all += blind;
                outage.blind = Some(Blind {
                    until_us: clock.wall_micros(event.at),
                    lasted: blind,
                    cause,
                });
            }
            What::Source(_) | What::Start { .. } | What::Tick(_) | What::Gap { .. } | What::End(_) => {}
        }
    }

    /// What there was until now.
    #[must_use]
    pub fn now(&self) -> Outage {
        self.lock().outage
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    /// One worker may tell that a mass loss has begun after another has told that it is over, or the other way round.
    fn turn(&mut self, mass: Option<MassLoss>, at: Moment) {
        if at > self.mass_at {
            (self.outage.mass, self.mass_at) = (mass, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Entry;
    use crate::output::events::{EventName, EventSet};
    use crate::output::pipe::Full;
    use crate::teller::{Queue, Teller};
    use crate::track::event::Happening;

    const MASS: Mass = Mass { count: 6, total: 11 };

    /// A queue whose reader stands still.
    #[derive(Clone, Copy)]
    struct Stalled;

    impl Queue for Stalled {
        fn push(&self, _: Entry) -> Result<(), Full> {
            Err(Full)
        }

        fn room(&self) -> usize {
            0
        }

        fn want_room(&self) {}
    }

    fn at(s: u64) -> Reading {
        Reading {
            now: Moment::ORIGIN.after_ms(s * 1_000),
            wall_nanos: s * 1_000_000_000,
        }
    }

    fn blind(s: u64) -> What {
        What::Blind {
            blind: Duration::from_secs(s),
            cause: Cause::Stalled,
        }
    }

    fn only_down() -> EventSet {
        [EventName::Source(Happening::Down)].into_iter().collect()
    }

    #[test]
    fn what_befalls_all_is_known_though_no_line_tells_it() {
        for (events, dropped) in [(only_down(), 0), (EventSet::ALL, 4)] {
            let mut teller = Teller::new(Stalled, 16, events);
            let outages = teller.outages();
            teller.another().tell(What::MassLoss(MASS), &at(1));
            let loss = MassLoss {
                begun_us: 1_000_000,
                mass: MASS,
            };
            assert_eq!(outages.now().mass, Some(loss));
            teller.tell(What::MassOver(MASS), &at(2));
            teller.tell(blind(3), &at(5));
            teller.another().tell(blind(4), &at(9));
            let known = Outage {
                mass: None,
                blind: Some(Blind {
                    until_us: 9_000_000,
                    lasted: Duration::from_secs(4),
                    cause: Cause::Stalled,
                }),
                blind_in_all: Duration::from_secs(7),
            };
            assert_eq!(outages.now(), known);
            assert_eq!(teller.dropped(), dropped);
        }
    }

    #[test]
    fn a_mass_loss_neither_begins_nor_ends_late() {
        let outages = Outages::default();
        let note = |what, s| {
            let event = Event { at: at(s).now, what };
            outages.note(&event, &at(s));
            outages.now().mass.is_some()
        };
        assert!(!note(What::MassOver(MASS), 2));
        assert!(!note(What::MassLoss(MASS), 1));
        assert!(note(What::MassLoss(MASS), 5));
        assert!(note(What::MassOver(MASS), 4));
    }
}
