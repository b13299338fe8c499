//! Asks a silent source whether it is alive before its silence is judged (docs/protocol.md, section 8).

use beacon_common::{DeviceKey, FRAME_LEN, Frame, Moment};

use super::{FOUND, Tracker};
use crate::track::config::Probe;
use crate::track::event::{Cause, Detail, Happening, SourceId, State, What};
use crate::track::origin::Origin;
use crate::track::reject::Reject;
use crate::track::tell::Before;
use crate::track::transmit::{Peer, Transmit};

impl Tracker {
    /// A source has turned late.
    pub(super) fn begin_silence(&mut self, id: SourceId, now: Moment) {
        if !self.is_asked(id) {
            return;
        }
        let (source, history) = self.table.record_mut(id).expect(FOUND);
        let received = history.received(&source.slots);
        source.probes.begin_silence(received);
        if let Some(promise) = self.table[id].promise(self.rules()) {
            self.ask_if_due(id, promise.down_at, now);
        }
    }

    /// A source that is late is looked at. Returns whether there is time to ask on.
    pub(super) fn ask_on(&mut self, id: SourceId, now: Moment) -> bool {
        let promise = self.table[id].promise(self.rules()).filter(|_| self.is_asked(id));
        let Some(down_at) = promise.map(|promise| promise.down_at).filter(|&at| at > now) else {
            return false;
        };
        self.ask_if_due(id, down_at, now);
        true
    }

    /// The source is at another address than before.
    pub(super) fn begin_address(&mut self, id: SourceId, before: Origin) {
        let (source, history) = self.table.record_mut(id).expect(FOUND);
        if source.origin != before {
            let received = history.received(&source.slots);
            source.probes.begin_address(received - 1);
        }
    }

    /// When a source that is late until `down_at` is to be asked next; `None` for not any more.
    pub(super) fn next_probe(&self, id: SourceId, down_at: Moment) -> Option<Moment> {
        if !self.is_asked(id) {
            return None;
        }
        let since = self.table.history(id).since;
        self.table[id].probes.next(since, down_at)
    }

    /// Whether a source is asked at all before its silence is judged.
    pub(super) fn is_asked(&self, id: SourceId) -> bool {
        let way = self.ways.get(self.table[id].way);
        way.is_some_and(|way| match self.config.probe {
            Probe::Auto => way.asks,
            Probe::Always => true,
            Probe::Never => false,
        })
    }

    /// Asks a source that is late until `down_at`, if it is time to.
    fn ask_if_due(&mut self, id: SourceId, down_at: Moment, now: Moment) {
        if self.next_probe(id, down_at).is_none_or(|next| next > now) {
            return;
        }
        let (source, history) = self.table.record_mut(id).expect(FOUND);
        let since = history.since;
        source.probes.pass(since, down_at, now);
        let Some(way) = self.ways.get(source.way) else {
            return;
        };
        let key = way.key.map(|id| self.authority.device_key(id, &source.label));
        // The master may have been taken out meanwhile: what goes without a tag is not answered.
        if matches!(key, Some(None)) || !self.commons.probes.take(now) {
            return;
        }
        source.probes.pay();
        let nonce = self.nonces.of(&source.label, source.session, source.arrived);
        let probe = Frame::probe(source.label, source.session, nonce);
        let peer = Peer {
            addr: source.origin.addr(),
            socket: way.socket,
            local: way.local,
        };
        self.send(&probe, key.flatten().as_ref(), peer);
    }

    pub(super) fn send(&mut self, frame: &Frame, key: Option<&DeviceKey>, peer: Peer) {
        let mut bytes = [0; FRAME_LEN];
        frame.emit(key, &mut bytes);
        self.transmits.push_back(Transmit { peer, frame: bytes });
    }

    /// A reply whose tag is valid: of a source that was asked in this silence, or of a session that was asked for proof.
    #[cold]
    pub(super) fn hear_reply(
        &mut self,
        reply: &Frame,
        known: Option<SourceId>,
        key: Option<&DeviceKey>,
        now: Moment,
    ) -> Result<(), Reject> {
        match known {
            Some(id) if self.answers_silence(id, reply) => {
                self.believe(id, reply, now);
                Ok(())
            }
            _ => self.hear_proof(reply, known, key, now),
        }
    }

    fn answers_silence(&self, id: SourceId, reply: &Frame) -> bool {
        let source = &self.table[id];
        matches!(source.state, State::Late | State::Down)
            && reply.session == source.session
            && reply.sent_us == self.nonces.of(&source.label, source.session, source.arrived)
    }

    /// The source is alive: it has just answered.
    fn believe(&mut self, id: SourceId, reply: &Frame, now: Moment) {
        let (source, history) = self.table.record_mut(id).expect(FOUND);
        let before = Before::of((source, history), now);
        source.take_reply(reply, now);
        source.probes.trust();
        if let Some(patiences) = &mut self.patiences {
            patiences.apply(id, source);
        }
        self.enter(id, State::Up, Cause::Back, now);
        let told = self.events.len();
        let what = (Happening::Up, Some(Cause::Back));
        self.tell(id, now, &before, what, Detail::None);
        if let Some(What::Source(up)) = self.events.get_mut(told).map(|event| &mut event.what) {
            up.marks.by_reply = true;
        }
        self.rearm(id);
    }
}
