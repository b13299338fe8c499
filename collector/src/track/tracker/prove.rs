//! Which sessions are believed, and which have to prove first that they are the present one (docs/protocol.md,
//! section 4).

use beacon_common::{DeviceKey, Frame, Label, Moment, Session};

use super::{Sign, Tracker};
use crate::track::event::SourceId;
use crate::track::origin::Origin;
use crate::track::proof::Question;
use crate::track::reject::Reject;
use crate::track::source::Succession;
use crate::track::transmit::Peer;
use crate::track::ways::Way;

impl Tracker {
    /// Whether sessions that may be recordings have to prove that they are not.
    pub(super) fn asks_for_proof(&self) -> bool {
        self.authority.is_needed() && !self.config.one_way
    }

    /// What `session` is to the current one of a source, at `now`.
    pub(super) fn succession(&self, id: SourceId, session: Session, now: Moment) -> Succession {
        let source = &self.table[id];
        let succession = source.succession(session, now, self.rules());
        if !self.asks_for_proof() {
            return succession;
        }
        match succession {
            Succession::Newer if session > self.pasts.highest(id, source.session) => Succession::Newer,
            Succession::Same => Succession::Same,
            _ if source.is_over(now, self.rules()) || self.pasts.is_open(id) => Succession::Unproven,
            _ => Succession::Refused,
        }
    }

    /// A frame of a source that is not known, or of another session than the current one.
    #[cold]
    pub(super) fn hear_other(
        &mut self,
        known: Option<SourceId>,
        frame: &Frame,
        (peer, way): (Peer, Way),
        now: Moment,
    ) -> Result<(), Reject> {
        let sign = Sign {
            frame,
            origin: Origin::of(peer.addr),
            way,
            at: now,
            reply: None,
        };
        let succession = known.map(|id| (id, self.succession(id, frame.session, now)));
        match succession {
            None if !self.is_welcome(&frame.label) => Err(Reject::Full),
            None if self.asks_for_proof() => Err(self.hold(frame, (peer, way), true, now)),
            None => self.meet(&sign, self.table.hash(&frame.label), now),
            Some((id, Succession::Unproven)) => {
                let is_in_vain = self.table[id].is_over(now, self.rules());
                Err(self.hold(frame, (peer, way), is_in_vain, now))
            }
            Some((_, Succession::Same)) => Err(Reject::Session),
            Some((id, Succession::Refused)) => {
                self.suspect_twins(id, frame, sign.origin, now);
                Err(Reject::Session)
            }
            Some((id, succession)) => {
                self.succeed(id, &sign, succession, now);
                Ok(())
            }
        }
    }

    /// A frame whose session has yet to be proven is kept until it is, and somebody is asked for the proof. It `is_in_vain`
    /// where nothing else of its label is live.
    fn hold(&mut self, frame: &Frame, from: (Peer, Way), is_in_vain: bool, now: Moment) -> Reject {
        let may_ask = |is_first| match is_first {
            true => self.commons.probes.take(now),
            false => self.commons.probes.take_spare(now),
        };
        if let Some(question) = self.claims.keep(frame, from, now, may_ask) {
            self.ask_for_proof(frame.label, &question);
        }
        self.claims.is_in_vain((frame.label, frame.session), is_in_vain);
        if let Some((times, last)) = self.claims.take_unanswered() {
            self.refusals.count_unanswered(times, last);
        }
        Reject::Session
    }

    fn ask_for_proof(&mut self, label: Label, question: &Question) {
        let key = question.way.key.map(|id| self.authority.device_key(id, &label));
        // The master may have been taken out meanwhile: what goes without a tag is not answered.
        if let Some(None) = key {
            return;
        }
        let nonce = self.nonces.of(&label, question.session, question.first_asked);
        let probe = Frame::probe(label, question.session, nonce);
        self.send(&probe, key.flatten().as_ref(), question.peer);
    }

    /// A reply that is no sign of a source in silence: maybe it proves a session.
    pub(super) fn hear_proof(
        &mut self,
        reply: &Frame,
        known: Option<SourceId>,
        key: Option<&DeviceKey>,
        now: Moment,
    ) -> Result<(), Reject> {
        let (label, session) = (reply.label, reply.session);
        let nonce = |asked| self.nonces.of(&label, session, asked);
        let is_answered = |asked| nonce(asked) == reply.sent_us;
        let held = self.claims.take((label, session), now, is_answered);
        let held = held.ok_or(Reject::Kind)?;
        let sign = Sign {
            frame: &held.frame,
            origin: Origin::of(held.peer.addr),
            way: held.way,
            at: held.at,
            reply: Some(reply),
        };
        match known {
            None => self.meet(&sign, self.table.hash(&label), now)?,
            Some(id) => self.take_proven(id, &sign, now)?,
        }
        if held.frame.flags.want_ack {
            self.answer(&held.frame, key, &held.peer);
        }
        Ok(())
    }

    /// The first frame of a session that has proven to be alive.
    fn take_proven(&mut self, id: SourceId, sign: &Sign<'_>, now: Moment) -> Result<(), Reject> {
        let session = sign.frame.session;
        let succession = match self.succession(id, session, now) {
            // It took over meanwhile, with a newer frame than the one that was held.
            Succession::Same => return Err(Reject::Kind),
            Succession::Newer => Succession::Newer,
            Succession::Unproven | Succession::Older | Succession::Refused => {
                if !self.table[id].is_over(now, self.rules()) && !self.pasts.contend(id, session) {
                    return Err(Reject::Session);
                }
                Succession::Older
            }
        };
        self.succeed(id, sign, succession, now);
        Ok(())
    }
}
