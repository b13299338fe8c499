//! The first frame of a source, and of another session of a source that is known.

use beacon_common::Moment;

use super::{FOUND, Sign, Tracker};
use crate::track::event::SourceId;
use crate::track::hash::LabelHash;
use crate::track::history::History;
use crate::track::reject::Reject;
use crate::track::source::{Source, Succession};
use crate::track::tell::Before;

impl Tracker {
    /// The first frame of a source that is not in the table.
    pub(super) fn meet(&mut self, sign: &Sign<'_>, hash: LabelHash, now: Moment) -> Result<(), Reject> {
        let before = self.let_in(&sign.frame.label, now)?;
        let mut source = Source::first(sign.frame, sign.origin, sign.at, &self.config);
        source.state = before.state;
        source.way = self.ways.take(sign.way);
        sign.prove(&mut source, now);
        let id = self.table.admit(hash, (source, History::begin(now)));
        self.snapshots.admit(id, &self.table[id]);
        if let Some(patiences) = &mut self.patiences {
            patiences.admit(id, &mut self.table[id]);
        }
        self.settle(id, sign.frame, now, &before, None);
        self.deadlines.arm(id.0, self.deadline(id));
        Ok(())
    }

    /// The first frame of another session, which takes over.
    pub(super) fn succeed(&mut self, id: SourceId, sign: &Sign<'_>, succession: Succession, now: Moment) {
        let (source, history) = self.table.record_mut(id).expect(FOUND);
        let before = Before::of((source, history), now);
        let (session, origin) = (source.session, source.origin);
        let restart = source.restart_cause(sign.frame);
        let ended = source.begin_session(sign.frame, succession);
        history.end_session(&ended);
        source.take_first(sign.frame, sign.origin, sign.at, &self.config);
        if let Some(meter) = self.snapshots.meter(id) {
            meter.renew(&ended, &source.slots, source.offset_us());
        }
        if let Some(patiences) = &mut self.patiences {
            patiences.apply(id, source);
        }
        source.way = self.ways.change(source.way, sign.way);
        sign.prove(source, now);
        if self.asks_for_proof() {
            self.pasts.go_on(id, session, sign.frame.session);
        }
        self.begin_address(id, origin);
        self.settle(id, sign.frame, now, &before, Some(restart));
        self.rearm(id);
    }
}
