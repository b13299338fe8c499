//! A naive model of a mass loss, from docs/protocol.md alone: it follows the lines that are told of all sources, and
//! counts every one of them anew whenever it is asked.

use std::collections::BTreeMap;
use std::time::Duration;

use beacon_collector::track::event::Mass;
use beacon_common::{Label, Moment};

use crate::line::Line;

/// What is known of one source.
#[derive(Clone, Copy, Debug)]
struct Known {
    is_live: bool,
    /// When it turned late, where it has not come back since.
    fell: Option<Moment>,
    interval: Duration,
    /// Whether its fall counts as long as the mass loss lasts.
    is_lost: bool,
    /// Whether it flaps, and so counts for nothing.
    flaps: bool,
}

/// The sources of a collector.
#[derive(Clone, Debug, Default)]
pub struct Masses {
    sources: BTreeMap<Label, Known>,
    /// Until when it lasts at most, while one does.
    lasts_until: Option<Moment>,
}

/// That a mass loss begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It begins.
    Loss(Mass),
    /// It ends.
    Over(Mass),
}

impl Masses {
    /// Whether one lasts.
    #[must_use]
    pub const fn is_mass(&self) -> bool {
        self.lasts_until.is_some()
    }

    /// When it ends by itself.
    #[must_use]
    pub const fn deadline(&self) -> Option<Moment> {
        self.lasts_until
    }

    /// Time passes.
    pub fn judge(&mut self, now: Moment) -> Option<Turn> {
        let is_over = self.lasts_until.is_some_and(|until| until <= now);
        is_over.then(|| self.end(now))
    }

    /// Something was told of a source.
    pub fn hear(&mut self, line: &Line) -> Option<Turn> {
        let turns = matches!(line.event, "flapping" | "steady");
        if line.state == line.was && !turns {
            return None;
        }
        let interval = Duration::from_millis(line.interval_ms.into());
        let known = self.sources.entry(line.source).or_insert(Known {
            is_live: false,
            fell: None,
            interval,
            is_lost: false,
            flaps: false,
        });
        let is_over = known.flaps && matches!(line.event, "steady" | "forgotten");
        if known.flaps && !is_over {
            return None;
        }
        known.flaps = line.event == "flapping";
        known.is_live = matches!(line.state, "up" | "late") && !known.flaps;
        match line.state {
            _ if turns => (known.fell, known.is_lost) = (None, false),
            "late" => {
                let is_lost = self.lasts_until.is_some();
                (known.fell, known.interval, known.is_lost) = (Some(line.at), interval, is_lost);
            }
            "down" => {}
            _ => (known.fell, known.is_lost) = (None, false),
        }
        let Mass { count, total } = self.count(line.at);
        if self.lasts_until.is_some() {
            let is_over = (line.state != "late" || turns) && (count == 0 || count * 2 < total);
            return is_over.then(|| self.end(line.at));
        }
        if line.state != "late" || turns || total < 10 || count * 2 < total {
            return None;
        }
        for known in self.sources.values_mut() {
            known.is_lost = known.has_fallen(line.at);
        }
        self.lasts_until = Some(line.at + Duration::from_secs(600).max(interval * 3));
        Some(Turn::Loss(Mass { count, total }))
    }

    fn count(&self, now: Moment) -> Mass {
        let count = |counts: &dyn Fn(&Known) -> bool| {
            self.sources.values().filter(|known| counts(known)).count() as u64
        };
        Mass {
            count: count(&|known| known.has_fallen(now)),
            total: count(&|known| known.is_live || known.has_fallen(now)),
        }
    }

    fn end(&mut self, now: Moment) -> Turn {
        let mass = self.count(now);
        self.lasts_until = None;
        for known in self.sources.values_mut() {
            (known.fell, known.is_lost) = (None, false);
        }
        Turn::Over(mass)
    }
}

impl Known {
    fn has_fallen(&self, now: Moment) -> bool {
        self.is_lost || self.fell.is_some_and(|fell| now < fell + self.interval)
    }
}
