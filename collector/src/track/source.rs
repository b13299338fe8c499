//! One source: its session, its newest beat, its state and its deadlines (docs/protocol.md, section 9).

use std::mem::size_of;
use std::time::Duration;

use beacon_common::wire::{MAX_INTERVAL_MS, MIN_INTERVAL_MS};
use beacon_common::{Frame, Health, Kind, Label, Moment, Reason, Seq, Session};

use super::arrival::{Arrivals, Awaited, Schedule, Spacing};
use super::asked::Asked;
use super::blindness::Grid;
use super::config::Config;
use super::event::{Cause, State};
use super::jitter::Jitter;
use super::origin::Origin;
use super::rules::Rules;
use super::slots::{Filled, SLOTS, Slots};
use super::stored::{numbered, stored};
use super::ways::WayId;

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

/// What silence leads to after the newest beat or bye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// When the slot after the newest is due, which turns the wheel; never before the arrival.
    pub due: Moment,
    /// The late deadline.
    pub late_at: Moment,
    /// The down deadline, never before the late one.
    pub down_at: Moment,
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

    /// Whether a beat of the current session that comes from `origin` and states `kind` changes nothing but numbers.
    #[must_use]
    pub fn is_steady(&self, kind: Kind, origin: Origin) -> bool {
        let is_same_health = matches!(kind, Kind::Beat(health) if self.health == Some(health));
        self.state == State::Up && is_same_health && self.origin == origin
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

    /// Takes what the newest beat of the current session says.
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

    /// What silence leads to; `None` where nothing is awaited after a bye. Deadlines lie whole milliseconds after
    /// the arrival, so that `bound_ms` is exact. All are put off by what the collector could not hear since.
    #[must_use]
    pub fn promise(&self, rules: Rules<'_>) -> Option<Promise> {
        self.promise_with(self.misses, rules)
    }

    /// The same with another detect multiplier.
    fn promise_with(&self, misses: u8, rules: Rules<'_>) -> Option<Promise> {
        let is_awaited = match self.newest {
            Newest::Beat | Newest::Reply => true,
            Newest::Sleep => self.next_ms != 0,
            Newest::End => false,
        };
        is_awaited.then(|| {
            let awaited = self.awaited(rules.config);
            let due = self.arrived.after_us(awaited.slot_us);
            let put_off_ms = self.put_off_ms(due, rules);
            let down_after_ms = self.down_after_ms(awaited, misses, rules.config);
            Promise {
                due: due.after_ms(put_off_ms),
                late_at: self
                    .arrived
                    .after_ms(late_after_ms(awaited).saturating_add(put_off_ms)),
                down_at: self.arrived.after_ms(down_after_ms.saturating_add(put_off_ms)),
            }
        })
    }

    /// By how much is put off what the newest beat sets, where the next one is `due` then.
    fn put_off_ms(&self, due: Moment, rules: Rules<'_>) -> u64 {
        let grid = Grid {
            due,
            interval_ms: self.interval_ms,
        };
        rules.blindness.put_off_ms(self.arrived, grid)
    }

    /// The late deadline after a beat that is just heard, and so before any blindness.
    #[must_use]
    pub fn late_at(&self, config: &Config) -> Moment {
        self.arrived.after_ms(late_after_ms(self.awaited(config)))
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

    fn awaited(&self, config: &Config) -> Awaited {
        self.arrivals.awaited(self.schedule(), config.margin)
    }

    /// How long after the arrival of the newest beat its source is down, in milliseconds.
    fn down_after_ms(&self, awaited: Awaited, misses: u8, config: &Config) -> u64 {
        let schedule = self.schedule();
        let waited_us = schedule.interval_us() * u64::from(misses - 1);
        let patience_us = self.arrivals.patience_us(waited_us, schedule, config.margin);
        awaited.expected_us.saturating_add(patience_us).div_ceil(1_000)
    }

    /// The least detect multiplier that is enough for the silence since the newest beat not to be a death, if it ends
    /// `now`: one more than `most` where that is not enough, and `None` after a bye.
    #[must_use]
    pub fn needed_misses(&self, now: Moment, most: u8, rules: Rules<'_>) -> Option<u8> {
        if self.newest.is_bye() {
            return None;
        }
        let is_enough = |misses: &u8| {
            self.promise_with(*misses, rules)
                .is_none_or(|promise| promise.down_at >= now)
        };
        Some((1..=most).find(is_enough).unwrap_or(most + 1))
    }

    /// Whether its interval, its multiplier and what a reply says are such as it could have been judged by.
    fn is_sound(&self) -> bool {
        let is_interval = (MIN_INTERVAL_MS..=MAX_INTERVAL_MS).contains(&self.interval_ms);
        let is_reply_sound = self.newest != Newest::Reply || self.sent_us <= u32::MAX.into();
        is_interval && is_reply_sound && self.misses >= 1
    }

    /// How many slots beyond the newest the source's schedule has turned, less the waiting time. It stands still
    /// from the down deadline on: a source that is down is not known to send. After a bye there is nothing
    /// beyond the newest, and the wheel turns by the interval. A reply says how many slots have turned by then.
    #[must_use]
    pub fn turned_past(&self, now: Moment, rules: Rules<'_>) -> i64 {
        let promise = self.promise(rules);
        let us = |moment: Moment| moment.as_micros() as i64;
        let until = promise.map_or(now, |promise| now.min(promise.down_at));
        let due = match promise {
            Some(promise) if !self.newest.is_bye() => promise.due,
            _ => {
                let due = self.arrived.after_ms(self.interval_ms.into());
                due.after_ms(self.put_off_ms(due, rules))
            }
        };
        let interval_us = i64::from(self.interval_ms) * 1_000;
        let turned = (us(until) - us(due)).div_euclid(interval_us) + 1;
        let past = turned - i64::from(rules.config.reorder_wait);
        match self.newest {
            Newest::Beat => past,
            Newest::Reply => past + self.sent_us as i64,
            Newest::Sleep | Newest::End => past.min(0),
        }
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

/// How long after the arrival of the newest beat the next one is late, in milliseconds.
const fn late_after_ms(awaited: Awaited) -> u64 {
    awaited
        .expected_us
        .saturating_add(awaited.margin_us)
        .div_ceil(1_000)
}

/// The collector's clock minus the sender's, modulo 2^64: the sender's is whatever it says.
pub(super) const fn offset_us(frame: &Frame, now: Moment) -> i64 {
    now.as_micros().wrapping_sub(frame.sent_us) as i64
}
