//! One source: its session, its newest beat, its state and its deadlines (docs/protocol.md, section 9).

use std::time::Duration;

use beacon_common::{Frame, Health, Kind, Label, Moment, Reason, Seq, Session};

use super::arrival::{Arrivals, Spacing};
use super::config::Config;
use super::event::{Cause, State};
use super::jitter::Jitter;
use super::slots::{Filled, SLOTS, Slots};
use super::transmit::Peer;

/// How long a device that said that it sleeps may go on sending until it does, at least.
const SETTLES_TO_SLEEP_WITHIN: Duration = Duration::from_secs(10);

/// All that the collector knows of one sending agent.
pub struct Source {
    /// Its name.
    pub label: Label,
    /// Its state.
    pub state: State,
    /// Why it is in its state.
    pub cause: Cause,
    /// Since when it is in its state.
    pub since: Moment,
    /// The health that its newest beat states; `None` where only byes were heard.
    pub health: Option<Health>,
    /// When the timing wheel looks at it next.
    pub armed: Moment,
    /// Whether its `state` line is asked for.
    pub asked: bool,
    /// What is known since its first beat; `None` until then.
    pub heard: Option<Heard>,
}

/// What is known of a source that was heard.
pub struct Heard {
    /// The current session.
    pub session: Session,
    /// Where its newest beat came from.
    pub peer: Peer,
    /// When its newest beat came.
    pub arrived: Moment,
    /// The interval that its newest beat states, in milliseconds.
    pub interval_ms: u32,
    /// Its newest beat's late deadline; [`Moment::NEVER`] where nothing is awaited after a bye.
    pub late_at: Moment,
    /// The wheel of the current session.
    pub slots: Slots,
    /// Interarrival jitter of the current session.
    pub jitter: Jitter,
    /// The detect multiplier in force.
    misses: u8,
    /// The goodbye that the newest datagram was: no more is promised in this session.
    bye: Option<Reason>,
    uptime_s: u32,
    next_ms: u32,
    sent_us: u64,
    /// When the slot after the newest is due, which turns the wheel; never before `arrived`.
    due: Moment,
    arrivals: Arrivals,
    counts: Counts,
}

/// The counters that only grow, over all sessions.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    received: u64,
    duplicate: u64,
    reordered: u64,
    old: u64,
    /// Lost in the sessions before the current one.
    lost_before: u64,
}

/// A source's counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Beats and byes, each counted once.
    pub received: u64,
    /// Slots that no beat has filled in time; negative in a difference in which more losses were taken back than
    /// new ones counted.
    pub lost: i64,
    /// Slots filled again.
    pub duplicate: u64,
    /// Beats below the highest number seen before them.
    pub reordered: u64,
    /// Beats whose slot was off the wheel.
    pub old: u64,
    /// Received, lost, and still waited for.
    pub expected: i64,
}

impl Tally {
    /// What has come on top of an `earlier` tally of the same source.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            received: self.received - earlier.received,
            lost: self.lost - earlier.lost,
            duplicate: self.duplicate - earlier.duplicate,
            reordered: self.reordered - earlier.reordered,
            old: self.old - earlier.old,
            expected: self.expected - earlier.expected,
        }
    }
}

/// What a frame's session is to the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Succession {
    /// The current one.
    Same,
    /// A newer one, which takes over.
    Newer,
    /// An older one, which takes over because the current one is past its late deadline.
    Older,
    /// An older one while the current one is live.
    Refused,
}

impl Source {
    /// A source of which nothing is known but its name.
    #[must_use]
    pub const fn unheard(label: Label, now: Moment) -> Self {
        Self {
            label,
            state: State::Unknown,
            cause: Cause::New,
            since: now,
            health: None,
            armed: Moment::NEVER,
            asked: false,
            heard: None,
        }
    }

    /// When its state changes if nothing is heard: its late or down deadline, or the end of its being kept.
    #[must_use]
    pub fn deadline(&self, forget: Duration) -> Moment {
        let Some(heard) = &self.heard else {
            return Moment::NEVER;
        };
        match self.state {
            State::Unknown => Moment::NEVER,
            State::Up => heard.late_at,
            State::Asleep if heard.late_at != Moment::NEVER => heard.late_at,
            State::Late => heard.down_at(),
            State::Down | State::Stopped | State::Asleep => self.since + forget,
        }
    }

    /// The time from its newest beat to its down deadline; `None` where silence does not lead to `down`.
    #[must_use]
    pub fn bound(&self) -> Option<Duration> {
        let heard = self.heard.as_ref()?;
        match self.state {
            State::Unknown | State::Stopped => None,
            State::Asleep if heard.late_at == Moment::NEVER => None,
            State::Up | State::Late | State::Down | State::Asleep => {
                Some(heard.down_at().since(heard.arrived))
            }
        }
    }
}

impl Heard {
    /// The first sign of a source: its numbers are expected from this frame's on, because the collector may
    /// have begun to listen in the middle of a session.
    #[must_use]
    pub fn first(frame: &Frame, peer: Peer, now: Moment, config: &Config) -> Self {
        let offset_us = offset_us(frame, now);
        let mut heard = Self {
            session: frame.session,
            peer,
            arrived: now,
            interval_ms: frame.interval_ms,
            late_at: now,
            slots: Slots::new(frame.seq, frame.seq),
            jitter: Jitter::new(offset_us),
            misses: 1,
            bye: None,
            uptime_s: frame.uptime_s,
            next_ms: frame.next_ms,
            sent_us: frame.sent_us,
            due: now,
            arrivals: Arrivals::new(offset_us, interval(frame)),
            counts: Counts::default(),
        };
        heard.counts.received = 1;
        heard.renew_deadlines(frame, now, config);
        heard
    }

    /// What `session` is to the current one, at `now`.
    #[must_use]
    pub fn succession(&self, session: Session, now: Moment) -> Succession {
        if session == self.session {
            Succession::Same
        } else if session > self.session {
            Succession::Newer
        } else if now >= self.session_over_at() {
            Succession::Older
        } else {
            Succession::Refused
        }
    }

    /// From when on an older session takes over: when the current one is past its late deadline, and at once where
    /// it has ended by a goodbye. A device that says that it sleeps may still be sending in an older session, and
    /// may come back in one before it said it would.
    fn session_over_at(&self) -> Moment {
        match self.bye {
            None => self.late_at,
            Some(Reason::Sleep) => {
                let settled = self.arrived + (self.interval() * 3 / 2).max(SETTLES_TO_SLEEP_WITHIN);
                self.late_at.min(settled)
            }
            Some(Reason::Stop | Reason::Reboot | Reason::Upgrade) => self.arrived,
        }
    }

    /// Begins a session with its first frame to arrive.
    ///
    /// A newer session began after the current one was seen, so that whatever it sent before this frame is
    /// lost; an older one that comes back was sending unheard, which is no loss.
    pub fn begin_session(&mut self, frame: &Frame, succession: Succession) {
        let is_whole = succession == Succession::Newer && frame.seq.get() <= SLOTS;
        let first = if is_whole { Seq::FIRST } else { frame.seq };
        self.counts.lost_before += self.slots.lost_in_all();
        self.session = frame.session;
        self.slots = Slots::new(first, frame.seq);
    }

    /// Why a new session began while the old one was live; to be asked before [`Heard::begin_session`].
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
        match filled {
            Filled::Newest => {}
            Filled::Reordered => {
                self.counts.received += 1;
                self.counts.reordered += 1;
                self.jitter.observe(offset_us(frame, now));
            }
            Filled::Duplicate => self.counts.duplicate += 1,
            Filled::Old => self.counts.old += 1,
        }
        filled
    }

    /// Takes what the newest beat says, and sets its deadlines; `is_new_session` where its clock is a new one.
    pub fn take_newest(
        &mut self,
        frame: &Frame,
        peer: Peer,
        now: Moment,
        config: &Config,
        is_new_session: bool,
    ) {
        let offset_us = offset_us(frame, now);
        self.counts.received += 1;
        if is_new_session {
            self.arrivals = Arrivals::new(offset_us, interval(frame));
            self.jitter = Jitter::new(offset_us);
        } else {
            let spacing = self.spacing(frame, now);
            self.arrivals.observe(offset_us, spacing, interval(frame));
            self.jitter.observe(offset_us);
        }
        self.peer = peer;
        self.renew_deadlines(frame, now, config);
    }

    /// What lies between the newest beat so far and this one.
    fn spacing(&self, frame: &Frame, now: Moment) -> Spacing {
        let sent_us = frame.sent_us.saturating_sub(self.sent_us);
        let is_next = self.slots.follows_directly() && !frame.flags.skipped && self.bye.is_none();
        let promised_us = if is_next {
            u64::from(self.next_ms) * 1_000
        } else {
            u64::MAX
        };
        Spacing {
            sent_us,
            arrived_us: now.as_micros().saturating_sub(self.arrived.as_micros()),
            sender_late_us: sent_us.saturating_sub(promised_us),
        }
    }

    fn renew_deadlines(&mut self, frame: &Frame, now: Moment, config: &Config) {
        let interval = interval(frame);
        let margin = self.arrivals.margin(config.margin, interval);
        let asked_for = if frame.misses == 0 {
            config.misses
        } else {
            frame.misses
        };
        self.misses = config.misses_override.unwrap_or(asked_for).max(1);
        self.arrived = now;
        self.interval_ms = frame.interval_ms;
        self.uptime_s = frame.uptime_s;
        self.next_ms = frame.next_ms;
        self.sent_us = frame.sent_us;
        self.bye = match frame.kind {
            Kind::Bye(reason) => Some(reason),
            Kind::Beat(_) | Kind::Ack | Kind::Probe | Kind::Reply => None,
        };
        let promised = Duration::from_millis(frame.next_ms.into());
        let expected_after = self
            .arrivals
            .expected_after(offset_us(frame, now), promised, margin);
        self.due = now
            + if self.bye.is_some() {
                interval
            } else {
                expected_after
            };
        let is_awaited = match self.bye {
            None => true,
            Some(Reason::Sleep) => frame.next_ms != 0,
            Some(Reason::Stop | Reason::Reboot | Reason::Upgrade) => false,
        };
        self.late_at = if is_awaited {
            now + up_to_whole_ms(expected_after + margin)
        } else {
            Moment::NEVER
        };
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms.into())
    }

    /// The down deadline: M - 1 intervals after the late one.
    #[must_use]
    pub fn down_at(&self) -> Moment {
        self.late_at + self.interval() * u32::from(self.misses - 1)
    }

    /// The counters at `now`, with what is lost by `reorder_wait` intervals of waiting.
    #[must_use]
    pub fn tally(&self, now: Moment, reorder_wait: u32) -> Tally {
        let Counts {
            received,
            duplicate,
            reordered,
            old,
            lost_before,
        } = self.counts;
        let in_session = self.slots.lost(self.turned_past(now, reorder_wait));
        let lost = (lost_before + in_session) as i64;
        let expected = (received + lost_before + in_session.max(self.slots.lost_in_all())) as i64;
        Tally {
            received,
            lost,
            duplicate,
            reordered,
            old,
            expected,
        }
    }

    /// How many slots beyond the newest the source's schedule has turned, less the waiting time. It stands still
    /// from the down deadline on: a source that is down is not known to send. After a bye there is nothing
    /// beyond the newest.
    fn turned_past(&self, now: Moment, reorder_wait: u32) -> i64 {
        let interval_us = i64::from(self.interval_ms) * 1_000;
        let us = |moment: Moment| moment.as_micros() as i64;
        let turned = (us(now.min(self.down_at())) - us(self.due)).div_euclid(interval_us) + 1;
        let past = turned - i64::from(reorder_wait);
        if self.bye.is_some() { past.min(0) } else { past }
    }
}

/// The collector's clock minus the sender's, modulo 2^64: the sender's is whatever it says.
const fn offset_us(frame: &Frame, now: Moment) -> i64 {
    now.as_micros().wrapping_sub(frame.sent_us) as i64
}

fn interval(frame: &Frame) -> Duration {
    Duration::from_millis(frame.interval_ms.into())
}

/// Deadlines lie whole milliseconds after the arrival, so that `bound_ms` is exact.
fn up_to_whole_ms(duration: Duration) -> Duration {
    Duration::from_millis(duration.as_nanos().div_ceil(1_000_000) as u64)
}
