//! What the agent sends: the next frame, without the clock that says when (docs/protocol.md, sections 4, 5).

use beacon_common::{Flags, Frame, Health, Kind, Label, Moment, Reason, Seq, Session};
use std::time::Duration;

/// What is the same in all frames of this agent.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Who it is.
    pub label: Label,
    /// Its nominal schedule.
    pub interval_ms: u32,
    /// How many beats in a row may be missing before a collector calls it down, and how many acks before
    /// it calls a collector lost.
    pub misses: u8,
    /// The first of every so many frames asks for an ack; none does for 0.
    pub ack_every: u32,
}

impl Identity {
    /// The schedule as a duration.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms as u64)
    }
}

/// One session: the frame that comes next in it.
#[derive(Clone, Debug)]
pub struct Beats {
    identity: Identity,
    session: Session,
    began: Moment,
    /// The number that the next frame carries. It stays until that frame is in the network's hands.
    upcoming: Seq,
}

impl Beats {
    /// A session that begins now.
    #[must_use]
    pub const fn begin(identity: Identity, session: Session, now: Moment) -> Self {
        Self {
            identity,
            session,
            began: now,
            upcoming: Seq::FIRST,
        }
    }

    /// This session's number.
    #[must_use]
    pub const fn session(&self) -> Session {
        self.session
    }

    /// What all its frames share.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The highest number that was handed to the network.
    #[must_use]
    pub const fn last_sent(&self) -> Seq {
        Seq::new(self.upcoming.get() - 1)
    }

    /// Microseconds since the session began, as in `sent_us`.
    #[must_use]
    pub fn elapsed_us(&self, now: Moment) -> u64 {
        u64::try_from(now.since(self.began).as_micros()).unwrap_or(u64::MAX)
    }

    /// The next beat, if it is sent right now and the one after it at `next_slot`.
    #[must_use]
    pub fn beat(&self, now: Moment, next_slot: Moment, skipped: bool, health: Health) -> Frame {
        Frame {
            kind: Kind::Beat(health),
            flags: Flags {
                want_ack: self.wants_ack(),
                skipped,
            },
            next_ms: round_to_ms(next_slot.since(now)),
            ..self.frame(now)
        }
    }

    /// A goodbye; `sleep_ms` is the announced sleep, or 0 for good.
    #[must_use]
    pub fn bye(&self, now: Moment, reason: Reason, sleep_ms: u32) -> Frame {
        Frame {
            kind: Kind::Bye(reason),
            flags: Flags {
                want_ack: self.identity.ack_every != 0,
                skipped: false,
            },
            next_ms: sleep_ms,
            ..self.frame(now)
        }
    }

    /// The answer to a probe: its nonce, and where this agent stands.
    #[must_use]
    pub fn reply(&self, now: Moment, next_slot: Moment, nonce: u64) -> Frame {
        Frame {
            kind: Kind::Reply,
            sent_us: nonce,
            seq: self.last_sent(),
            next_ms: round_to_ms(next_slot.since(now)),
            ..self.frame(now)
        }
    }

    /// Counts the frame that the network has just taken. False where the numbers have run out: the
    /// next frame needs a new session.
    #[must_use]
    pub fn advance(&mut self) -> bool {
        let next = self.upcoming.next();
        self.upcoming = next.unwrap_or(self.upcoming);
        next.is_some()
    }

    fn wants_ack(&self) -> bool {
        (self.upcoming.get() - 1).checked_rem(self.identity.ack_every) == Some(0)
    }

    fn frame(&self, now: Moment) -> Frame {
        Frame {
            kind: Kind::Beat(Health::Ok),
            flags: Flags::default(),
            misses: self.identity.misses,
            label: self.identity.label,
            session: self.session,
            sent_us: self.elapsed_us(now),
            seq: self.upcoming,
            interval_ms: self.identity.interval_ms,
            next_ms: 0,
            // The clock's origin is the boot.
            uptime_s: u32::try_from(now.since(Moment::ORIGIN).as_secs()).unwrap_or(u32::MAX),
        }
    }
}

fn round_to_ms(duration: Duration) -> u32 {
    let millis = duration.as_nanos().saturating_add(500_000) / 1_000_000;
    u32::try_from(millis).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT_TO_START_NS: u64 = 86_000_000_000;

    fn beats(ack_every: u32) -> Beats {
        let identity = Identity {
            label: Label::new("fridge-7").unwrap(),
            interval_ms: 10_000,
            misses: 3,
            ack_every,
        };
        let session = Session::new(0x691f_3c2e, 0x5b0a_9d11);
        Beats::begin(identity, session, Moment::from_nanos(BOOT_TO_START_NS))
    }

    fn after_start_us(micros: u64) -> Moment {
        Moment::from_nanos(BOOT_TO_START_NS) + Duration::from_micros(micros)
    }

    #[test]
    fn the_golden_beat_of_the_protocol_is_made() {
        let mut beats = beats(1);
        for _ in 1..0x731 {
            assert!(beats.advance());
        }
        let now = after_start_us(0x4_48b9_b87b);
        let frame = beats.beat(now, now + Duration::from_millis(9_998), false, Health::Warning);
        let mut bytes = [0xff; 64];
        frame.emit(None, &mut bytes);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // The uptime is this test's own: 86 s to the start of the session, and 18,400 s since.
        assert_eq!(
            hex,
            "beac0101010100036672696467652d370000000000000000691f3c2e5b0a9d11000000\
             0448b9b87b00000731000027100000270e00004836\
             0000000000000000"
        );
    }

    #[test]
    fn the_promise_is_rounded_to_the_millisecond() {
        let now = after_start_us(0);
        let promise = |micros| {
            beats(1)
                .beat(now, now + Duration::from_micros(micros), false, Health::Ok)
                .next_ms
        };
        assert_eq!(promise(1_499), 1);
        assert_eq!(promise(1_500), 2);
        assert_eq!(promise(499), 0);
        let overdue = beats(1).beat(after_start_us(1), after_start_us(0), false, Health::Ok);
        assert_eq!(overdue.next_ms, 0);
    }

    #[test]
    fn the_first_frame_asks_for_an_ack_and_then_every_nth() {
        let asking = |ack_every| {
            let mut beats = beats(ack_every);
            let mut asking = Vec::new();
            while beats.last_sent().get() < 7 {
                let frame = beats.beat(after_start_us(0), after_start_us(1), false, Health::Ok);
                asking.extend(frame.flags.want_ack.then_some(frame.seq.get()));
                assert!(beats.advance());
            }
            asking
        };
        assert_eq!(asking(1), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(asking(3), [1, 4, 7]);
        assert_eq!(asking(0), []);
        let bye = |ack_every| beats(ack_every).bye(after_start_us(0), Reason::Stop, 0);
        assert!(bye(3).flags.want_ack);
        assert!(!bye(0).flags.want_ack);
    }

    #[test]
    fn a_frame_that_was_not_sent_is_offered_again_with_its_number() {
        let mut beats = beats(1);
        let seq = |beats: &Beats| {
            beats
                .beat(after_start_us(0), after_start_us(1), false, Health::Ok)
                .seq
                .get()
        };
        assert_eq!(seq(&beats), 1);
        assert_eq!(seq(&beats), 1);
        assert!(beats.advance());
        assert_eq!(seq(&beats), 2);
        assert_eq!(
            beats.bye(after_start_us(9), Reason::Sleep, 8).seq,
            Seq::new(2),
            "a goodbye is numbered like a beat"
        );
    }

    #[test]
    fn the_last_number_asks_for_a_new_session() {
        let mut beats = Beats {
            upcoming: Seq::new(u32::MAX - 1),
            ..beats(1)
        };
        assert!(beats.advance());
        assert_eq!(beats.upcoming, Seq::LAST);
        assert!(!beats.advance());
    }

    #[test]
    fn a_reply_carries_the_nonce_and_the_highest_number_sent() {
        let mut beats = beats(1);
        let now = after_start_us(5);
        let before = beats.reply(now, now + Duration::from_millis(70), 0xdead);
        assert_eq!(
            (before.seq, before.sent_us, before.next_ms),
            (Seq::NONE, 0xdead, 70)
        );
        assert!(beats.advance());
        let after = beats.reply(now, now, 1);
        assert_eq!((after.kind, after.seq), (Kind::Reply, Seq::FIRST));
        assert_eq!(after.interval_ms, 10_000);
    }
}
