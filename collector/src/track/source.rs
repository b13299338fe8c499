//! One source: its session, its newest beat, its state and its deadlines (docs/protocol.md, section 9).

mod promise;

use std::mem::size_of;
use std::time::Duration;

use beacon_common::wire::{MAX_INTERVAL_MS, MIN_INTERVAL_MS};
use beacon_common::{Frame, Health, Kind, Label, Moment, Reason, Seq, Session, View};

use super::arrival::{Arrivals, Schedule, Spacing};
use super::asked::Asked;
use super::config::Config;
use super::event::{Cause, State};
use super::jitter::Jitter;
use super::origin::Origin;
use super::rules::Rules;
use super::slots::{Filled, SLOTS, Slots};
use super::stored::{numbered, stored};
use super::ways::WayId;

pub use promise::Promise;

/// How long a device that said that it sleeps may go on sending until it does, at least.
const SETTLES_TO_SLEEP_WITHIN_MS: u64 = 10_000;

/// What a beat reads and writes of the record of one sending agent: two cache lines.
#[derive(Clone)]
#[repr(align(64))]
pub struct Source {
    /// Its name.
    pub label: Label,
    /// Its state.
    pub state: State,
    /// The health that its newest beat states; `None` where only byes were heard.
    pub health: Option<Health>,
    /// The current session.
    pub session: Session,
    /// Where its newest beat came from.
    pub origin: Origin,
    /// The way back to it.
    pub way: WayId,
    /// What asking it for a sign of life has come to.
    pub probes: Asked,
    /// When its newest beat or reply came.
    pub arrived: Moment,
    /// The interval that its newest beat or reply states, in milliseconds.
    pub interval_ms: u32,
    /// The wheel of the current session.
    pub slots: Slots,
    /// Interarrival jitter of the current session.
    pub jitter: Jitter,
    arrivals: Arrivals,
    /// When the newest beat was sent, by the sender's clock. A reply does not say that: here stands how many numbers the
    /// sender had used by then that did not come.
    sent_us: u64,
    next_ms: u32,
    uptime_s: u32,
    /// The detect multiplier in force, at least 1.
    pub misses: u8,
    newest: Newest,
}

/// What was the newest to come from a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Newest {
    Beat,
    /// The answer to a probe.
    Reply,
    /// A goodbye for some time.
    Sleep,
    /// A goodbye for good: no more is promised in this session.
    End,
}

impl Newest {
    const fn is_bye(self) -> bool {
        matches!(self, Self::Sleep | Self::End)
    }
}

const _: () = assert!(size_of::<Option<Source>>() == 128);

/// What a frame's session is to the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Succession {
    /// The current one.
    Same,
    /// A newer one, which takes over.
    Newer,
    /// An older one, which takes over because the current one is past its late deadline.
    Older,
    /// One that is not newer than all that is remembered, and has to be proven first.
    Unproven,
    /// An older one while the current one is live.
    Refused,
}

impl Source {
    /// A source at the first sign of it, in the state `unknown`. Its numbers are expected from this frame's on,
    /// because the collector may have begun to listen in the middle of a session.
    #[must_use]
    pub fn first(frame: &Frame, origin: Origin, now: Moment, config: &Config) -> Self {
        let offset_us = offset_us(frame, now);
        let mut source = Self {
            label: frame.label,
            state: State::Unknown,
            health: None,
            session: frame.session,
            origin,
            way: WayId::NONE,
            probes: Asked::NEVER,
            arrived: now,
            interval_ms: frame.interval_ms,
            slots: Slots::new(frame.seq, frame.seq),
            jitter: Jitter::new(offset_us),
            arrivals: Arrivals::new(offset_us, frame.interval_ms),
            sent_us: frame.sent_us,
            next_ms: frame.next_ms,
            uptime_s: frame.uptime_s,
            misses: 1,
            newest: Newest::Beat,
        };
        source.keep(frame, origin, now, config);
        source
    }

    /// Something of each cache line of the record.
    #[must_use]
    pub fn touch(&self) -> u64 {
        self.sent_us ^ u64::from(self.label.as_padded()[0]) ^ self.session.as_u64() ^ u64::from(self.misses)
    }

    /// Whether a frame that comes from `origin` is the newest beat of a source that is up, and changes nothing but numbers.
    #[must_use]
    pub fn is_routine(&self, view: &View<'_>, origin: Origin) -> bool {
        matches!(view.kind(), Kind::Beat(health) if self.health == Some(health))
            && self.state == State::Up
            && self.session == view.session()
            && self.slots.highest() < view.seq()
            && self.origin == origin
    }

    /// What `session` is to the current one, at `now`.
    #[must_use]
    pub fn succession(&self, session: Session, now: Moment, rules: Rules<'_>) -> Succession {
        if session == self.session {
            Succession::Same
        } else if session > self.session {
            Succession::Newer
        } else if self.is_over(now, rules) {
            Succession::Older
        } else {
            Succession::Refused
        }
    }

    /// Whether its late deadline has passed and nothing came since: none that is put off later brings it back.
    const fn is_past_late_deadline(&self) -> bool {
        matches!(self.state, State::Late | State::Down)
    }

    /// How long ago the current session began, by the sender's own word; `None` after a reply, which does not say.
    #[must_use]
    pub fn session_age(&self, now: Moment) -> Option<Duration> {
        let sent = Duration::from_micros(self.sent_us);
        (self.newest != Newest::Reply).then(|| now.since(self.arrived).saturating_add(sent))
    }

    /// Whether an older session takes over from the current one.
    #[must_use]
    pub fn is_over(&self, now: Moment, rules: Rules<'_>) -> bool {
        self.is_past_late_deadline() || now >= self.session_over_at(rules)
    }

    /// From when on an older session takes over: when the current one is past its late deadline, and at once where
    /// it has ended by a goodbye. A device that says that it sleeps may still be sending in an older session, and
    /// may come back in one before it said it would.
    fn session_over_at(&self, rules: Rules<'_>) -> Moment {
        let late_at = self
            .promise(rules)
            .map_or(Moment::NEVER, |promise| promise.late_at);
        match self.newest {
            Newest::Beat | Newest::Reply => late_at,
            Newest::Sleep => {
                let settles_ms = (u64::from(self.interval_ms) * 3 / 2).max(SETTLES_TO_SLEEP_WITHIN_MS);
                late_at.min(self.arrived.after_ms(settles_ms))
            }
            Newest::End => self.arrived,
        }
    }

    /// Begins a session with its first frame to arrive. Returns the wheel of the one that ends.
    ///
    /// A newer session began after the current one was seen, so that whatever it sent before this frame is
    /// lost; an older one that comes back was sending unheard, which is no loss.
    pub fn begin_session(&mut self, frame: &Frame, succession: Succession) -> Slots {
        let is_whole = succession == Succession::Newer && frame.seq.get() <= SLOTS;
        let first = if is_whole { Seq::FIRST } else { frame.seq };
        self.session = frame.session;
        std::mem::replace(&mut self.slots, Slots::new(first, frame.seq))
    }

    /// Why a new session began while the old one was live; to be asked before [`Source::begin_session`].
    #[must_use]
    pub fn restart_cause(&self, frame: &Frame) -> Cause {
        if frame.uptime_s < self.uptime_s {
            Cause::Reboot
        } else if self.slots.highest().get() > Seq::LAST.get() - SLOTS {
            Cause::Renewed
        } else {
            Cause::Process
        }
    }

    /// Takes a frame of the current session into its slot.
    pub fn fill(&mut self, frame: &Frame, now: Moment) -> Filled {
        let filled = self.slots.fill(frame.seq);
        if matches!(filled, Filled::Reordered | Filled::Unexpected) {
            self.jitter.observe(offset_us(frame, now));
        }
        filled
    }

    /// Takes what a routine beat says, whose slot is filled. Returns the late deadline. It stands alone, because two functions
    /// need fewer registers than one: a tenth of the instructions of a beat went into keeping what was not at hand.
    #[inline(never)]
    pub fn take_routine(&mut self, frame: &Frame, now: Moment, rules: Rules<'_>) -> Moment {
        self.take_newest(frame, self.origin, now, rules);
        self.late_at(rules.config)
    }

    /// Takes what the newest beat of the current session says.
    #[inline(always)]
    pub fn take_newest(&mut self, frame: &Frame, origin: Origin, now: Moment, rules: Rules<'_>) {
        let offset_us = offset_us(frame, now);
        let spacing = self.spacing(frame, now, rules);
        self.arrivals.observe(offset_us, spacing, frame.interval_ms);
        self.jitter.observe(offset_us);
        self.keep(frame, origin, now, rules.config);
    }

    /// Takes what the first beat of a session says, whose clock is a new one.
    pub fn take_first(&mut self, frame: &Frame, origin: Origin, now: Moment, config: &Config) {
        let offset_us = offset_us(frame, now);
        self.arrivals = Arrivals::new(offset_us, frame.interval_ms);
        self.jitter = Jitter::new(offset_us);
        self.keep(frame, origin, now, config);
    }

    /// Takes what the answer to a probe says, in the current session. When it was sent is not said, so it counts as
    /// having come with the typical offset.
    pub fn take_reply(&mut self, reply: &Frame, now: Moment) {
        self.arrived = now;
        self.interval_ms = reply.interval_ms;
        self.next_ms = reply.next_ms;
        self.sent_us = u64::from(reply.seq.get().saturating_sub(self.slots.highest().get()));
        self.newest = Newest::Reply;
    }

    /// What the newest sign of life let expect, and what lies between it and this beat; after a reply, nothing
    /// remarkable.
    #[inline(always)]
    fn spacing(&self, frame: &Frame, now: Moment, rules: Rules<'_>) -> Spacing {
        let sent_us = match self.newest {
            Newest::Reply => 0,
            _ => frame.sent_us.saturating_sub(self.sent_us),
        };
        Spacing {
            schedule: self.schedule(),
            margin: rules.config.margin,
            sent_us,
            arrived_us: now.as_micros().saturating_sub(self.arrived.as_micros()),
            is_next: self.slots.follows_directly() && !frame.flags.skipped && self.newest == Newest::Beat,
            is_awaited: !self.newest.is_bye() && !rules.blindness.was_since(self.arrived),
            beats: self.slots.numbers(),
        }
    }

    /// What the newest sign of life says of the next beat.
    const fn schedule(&self) -> Schedule {
        Schedule {
            offset_us: self.offset_us(),
            next_us: self.next_ms as u64 * 1_000,
            interval_ms: self.interval_ms,
        }
    }

    fn keep(&mut self, frame: &Frame, origin: Origin, now: Moment, config: &Config) {
        let asked_for = if frame.misses == 0 {
            config.misses
        } else {
            frame.misses
        };
        self.misses = config.misses_override.unwrap_or(asked_for).max(1);
        self.origin = origin;
        self.arrived = now;
        self.interval_ms = frame.interval_ms;
        self.uptime_s = frame.uptime_s;
        self.next_ms = frame.next_ms;
        self.sent_us = frame.sent_us;
        self.newest = match frame.kind {
            Kind::Bye(Reason::Sleep) => Newest::Sleep,
            Kind::Bye(_) => Newest::End,
            Kind::Beat(_) | Kind::Ack | Kind::Probe | Kind::Reply => Newest::Beat,
        };
    }

    /// The offset between the two clocks at the newest beat, in microseconds modulo 2^64; after a reply, which does not
    /// say when it was sent, the typical one.
    #[must_use]
    pub const fn offset_us(&self) -> i64 {
        match self.newest {
            Newest::Reply => self.arrivals.typical_us(),
            _ => self.arrived.as_micros().wrapping_sub(self.sent_us) as i64,
        }
    }

    /// Whether its interval, its multiplier and what a reply says are such as it could have been judged by.
    fn is_sound(&self) -> bool {
        let is_interval = (MIN_INTERVAL_MS..=MAX_INTERVAL_MS).contains(&self.interval_ms);
        let is_reply_sound = self.newest != Newest::Reply || self.sent_us <= u32::MAX.into();
        is_interval && is_reply_sound && self.misses >= 1
    }
}

numbered!(Newest {
    Beat = 0,
    Reply = 1,
    Sleep = 2,
    End = 3,
});

stored!(Source {
    label, state, health, session, origin, arrived, interval_ms, slots, jitter, arrivals, sent_us, next_ms, uptime_s,
    misses, newest; way: WayId::NONE, probes: Asked::NEVER
} where Source::is_sound);

/// The collector's clock minus the sender's, modulo 2^64: the sender's is whatever it says.
pub(super) const fn offset_us(frame: &Frame, now: Moment) -> i64 {
    now.as_micros().wrapping_sub(frame.sent_us) as i64
}
