//! A source of the inventory, before it was ever heard (docs/protocol.md, section 9).

use std::time::Duration;

use beacon_common::{Label, Moment, Seq};

use super::{Blind, Model, Past};
use crate::line::Line;

/// What the inventory has of a source.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    label: Label,
    pub(super) group: Option<String>,
    /// Since when it is expected.
    since: Moment,
    /// Since when it is missed.
    missed: Option<Moment>,
    /// When the collector could not listen.
    pub(super) blinds: Vec<Blind>,
}

impl Listing {
    pub(super) const fn state(&self) -> &'static str {
        match self.missed {
            None => "unknown",
            Some(_) => "down",
        }
    }

    pub(super) fn past(&self, now: Moment) -> Past {
        Past {
            was: self.state(),
            since: self.missed.unwrap_or(self.since),
            silent: now.since(self.since),
        }
    }

    /// How long it may stay unheard.
    fn bound(&self, settle: Duration) -> Duration {
        let blind = |blind: &Blind| blind.blind.min(blind.until.since(blind.from.max(self.since)));
        settle + self.blinds.iter().map(blind).sum::<Duration>()
    }

    pub(super) fn deadline(&self, settle: Duration) -> Option<Moment> {
        self.missed.is_none().then(|| self.since + self.bound(settle))
    }
}

impl Model {
    /// The inventory is read at `now`, and has this source, in this group, or has it not.
    pub fn list(&mut self, label: Label, listed: Option<Option<String>>, now: Moment) -> Option<Line> {
        let Some(group) = listed else {
            let line = self.unheard_line(now, "forgotten", None);
            self.listing = None;
            return line.filter(|_| self.life.is_none()).map(|line| Line {
                state: "unknown",
                bound: None,
                ..line
            });
        };
        let listing = self.listing.get_or_insert(Listing {
            label,
            group: None,
            since: now,
            missed: None,
            blinds: Vec::new(),
        });
        listing.group = group;
        None
    }

    /// How long it is kept; what is listed, for ever.
    pub(super) fn forget(&self) -> Option<Duration> {
        self.listing.is_none().then_some(self.config.forget)
    }

    /// It was not heard in time.
    pub(super) fn miss(&mut self, now: Moment) -> Option<Line> {
        let was = self.listing.as_ref()?.past(now);
        self.listing.as_mut()?.missed = Some(now);
        let line = self.unheard_line(now, "down", Some("never"))?;
        Some(Line {
            was: was.was,
            since: now.since(was.since),
            ..line
        })
    }

    pub(super) fn snapshot_unheard(&self, now: Moment) -> Option<Line> {
        let is_down = self.listing.as_ref()?.state() == "down";
        self.unheard_line(now, "state", is_down.then_some("never"))
    }

    fn unheard_line(&self, now: Moment, event: &'static str, cause: Option<&'static str>) -> Option<Line> {
        let listing = self.listing.as_ref()?;
        let past = listing.past(now);
        Some(Line {
            at: now,
            source: listing.label,
            event,
            addr: None,
            state: listing.state(),
            was: past.was,
            cause,
            session: None,
            seq: Seq::NONE,
            interval_ms: 0,
            status: "unknown",
            since: now.since(past.since),
            silent: past.silent,
            bound: Some(listing.bound(self.config.settle)),
            received: 0,
            lost: 0,
            duplicate: 0,
            reordered: 0,
            extra: Vec::new(),
            group: listing.group.clone(),
        })
    }
}
