//! The lines that are told of a source.

use beacon_common::{Moment, Seq};

use super::measure::measured;
use super::{Model, Past};
use crate::line::Line;

impl Model {
    /// What the reader gets of a line.
    pub(super) fn tell(
        &mut self,
        now: Moment,
        event: &'static str,
        cause: Option<&'static str>,
        past: Past,
        extra: Vec<(&'static str, String)>,
    ) -> Option<Line> {
        let line = self.line(now, event, cause, past, extra)?;
        self.life.as_mut()?.damping.pass(line)
    }

    /// The `state` line at `now`.
    pub fn snapshot(&mut self, now: Moment) -> Option<Line> {
        if self.life.is_none() {
            return self.snapshot_unheard(now);
        }
        let (cause, past) = self.life.as_ref().map(|life| (life.cause, life.past(now)))?;
        self.tell(now, "state", Some(cause), past, Vec::new())
    }

    /// The `report` line at `now`.
    pub fn report(&mut self, now: Moment) -> Option<Line> {
        let life = self.life.as_mut()?;
        let (total, last) = (life.counters(now, self.config.reorder_wait), life.reported);
        let mut extra = vec![
            ("old", (total.old - last.old).to_string()),
            ("jitter_us", life.current().jitter_us().to_string()),
            ("expected", (total.expected - last.expected).to_string()),
        ];
        let past = life.turned_past(now, self.config.reorder_wait);
        if let Some(log) = life.sessions.last_mut() {
            log.settle_lost(past);
        }
        extra.extend(measured(&life.sessions, &mut life.measured));
        let life = self.life.as_ref()?;
        let mut line = self.tell(now, "report", Some(life.cause), life.past(now), extra)?;
        line.received = total.received - last.received;
        line.lost = total.lost - last.lost;
        line.duplicate = total.duplicate - last.duplicate;
        line.reordered = total.reordered - last.reordered;
        self.life.as_mut()?.reported = total;
        Some(line)
    }

    pub(super) fn line(
        &self,
        now: Moment,
        event: &'static str,
        cause: Option<&'static str>,
        past: Past,
        mut extra: Vec<(&'static str, String)>,
    ) -> Option<Line> {
        let life = self.life.as_ref()?;
        let is_learning = life.budget.as_ref().is_some_and(|budget| budget.is_learning);
        if is_learning && life.bound().is_some() {
            extra.push(("learning", "true".to_owned()));
        }
        let counters = life.counters(now, self.config.reorder_wait);
        Some(Line {
            at: now,
            source: life.newest.frame.label,
            event,
            addr: Some(life.newest.from),
            state: life.state,
            was: past.was,
            cause,
            session: Some(life.current().session),
            seq: Seq::new(life.current().highest()? as u32),
            interval_ms: life.sign().frame.interval_ms,
            status: life.status,
            since: now.since(past.since),
            silent: past.silent,
            bound: life.bound(),
            received: counters.received,
            lost: counters.lost,
            duplicate: counters.duplicate,
            reordered: counters.reordered,
            extra,
            group: self.listing.as_ref().and_then(|listing| listing.group.clone()),
        })
    }
}
