//! What the simulated agents answer when they are asked, and what becomes of it on the way: it is lost, late, twice or
//! somebody else's.

use std::net::SocketAddr;
use std::time::Duration;

use beacon_common::{Frame, Kind, Moment, Seq, Session};

use crate::model::Hearing;
use crate::random::Random;
use crate::sender::Sending;

/// Those who are asked.
pub struct Replies {
    sent: Vec<Sending>,
    interval: Duration,
    random: Random,
    has_ended: bool,
}

impl Replies {
    /// The agents that have `sent` this, in order.
    #[must_use]
    pub fn new(sent: &[Sending], interval: Duration, random: Random) -> Self {
        Self {
            sent: sent.to_vec(),
            interval,
            random,
            has_ended: false,
        }
    }

    /// Nobody answers any more.
    pub const fn end(&mut self) {
        self.has_ended = true;
    }

    /// What arrives because `probe` was sent to `to` at `now`.
    pub fn to(&mut self, now: Moment, to: SocketAddr, probe: &Frame) -> Vec<Hearing> {
        let is_over = self
            .sent
            .last()
            .is_none_or(|last| last.at + self.interval * 4 < now);
        if self.has_ended || is_over || self.random.chance(400_000) {
            return Vec::new();
        }
        let newest = self.sent.partition_point(|sending| sending.at <= now);
        let is_asked = |sending: &&Sending| sending.frame.label == probe.label;
        let Some(last) = self.sent[..newest].iter().rev().find(is_asked).copied() else {
            return Vec::new();
        };
        let frame = self.reply(now, &last, probe);
        let copies = self.random.pick(&[1, 1, 1, 2, 3]);
        (0..copies).map(|_| self.carry(now, to, frame)).collect()
    }

    fn reply(&mut self, now: Moment, last: &Sending, probe: &Frame) -> Frame {
        let promised = last.at + Duration::from_millis(last.frame.next_ms.into());
        let next_ms = promised.since(now).as_millis().min(u32::MAX.into()) as u32;
        let any = self.random.number();
        let session = last.frame.session.as_u64();
        let more = self.random.below(5) as u32;
        Frame {
            kind: Kind::Reply,
            // At times it is forged: only who has seen the probe knows what was asked.
            sent_us: self.random.pick(&[
                probe.sent_us,
                probe.sent_us,
                probe.sent_us,
                probe.sent_us ^ 1,
                any,
            ]),
            session: Session::from_u64(self.random.pick(&[
                session,
                session,
                session,
                session.wrapping_add(1),
            ])),
            seq: Seq::new(last.frame.seq.get().saturating_add(more)),
            next_ms: self.random.pick(&[next_ms, next_ms, 0, any as u32]),
            ..last.frame
        }
    }

    fn carry(&mut self, now: Moment, to: SocketAddr, frame: Frame) -> Hearing {
        let within = self.interval.as_nanos() as u64 * self.random.pick(&[0, 1, 1, 4, 20]) / 4;
        let mut from = to;
        if self.random.chance(100_000) {
            from.set_port(self.random.within(1_024..65_536) as u16);
        }
        Hearing {
            at: now + Duration::from_nanos(self.random.below(within) + 1),
            from,
            frame,
        }
    }
}
