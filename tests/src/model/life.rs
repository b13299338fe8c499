//! What is known of one source between its first frame and its being forgotten: its counters and the deadlines
//! of its newest frame (docs/protocol.md, sections 9 and 10).

use std::time::Duration;

use beacon_collector::track::config::Config;
use beacon_common::{Kind, Moment, Reason};

use super::asking::Asking;
use super::budget::Budget;
use super::damping::{Damping, STEADY_AFTER};
use super::estimate::Estimate;
use super::measure::Reported;
use super::twins::{self, Refusal};
use super::wheel::{Class, Log};
use super::{Hearing, Past};

const NS_PER_MS: i128 = 1_000_000;

/// What a source's counters say; also their differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) received: i128,
    pub(super) lost: i128,
    pub(super) duplicate: i128,
    pub(super) reordered: i128,
    pub(super) old: i128,
    pub(super) expected: i128,
}

/// A time in which the collector could not listen.
#[derive(Clone, Copy, Debug)]
pub struct Blind {
    /// Up to then it could.
    pub from: Moment,
    /// From then on it could again.
    pub until: Moment,
    /// How much of the time between was blind.
    pub blind: Duration,
}

/// What the newest beat promises, in nanoseconds of the collector's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promise {
    /// When its next slot is.
    pub(super) slot: i128,
    /// The moment of section 10 by which the wheel turns.
    pub(super) due: i128,
    /// The late deadline; `None` for a sleep without an announced end, and after any other bye.
    pub(super) late: Option<i128>,
    /// The down deadline, likewise.
    pub(super) down: Option<i128>,
    /// From when on an older session may take over.
    pub(super) over: i128,
}

/// What is known of a source between its first frame and its being forgotten.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) state: &'static str,
    pub(super) cause: &'static str,
    pub(super) since: Moment,
    pub(super) status: &'static str,
    /// Whether a beat has come yet: before that its status is not known.
    pub(super) has_beaten: bool,
    /// Every session there was; the last one is current.
    pub(super) sessions: Vec<Log>,
    pub(super) newest: Hearing,
    /// The reply that came since the newest frame, if one did.
    pub(super) reply: Option<Hearing>,
    pub(super) asking: Asking,
    /// What the newest frame promised, had the collector listened ever since.
    pub(super) promise: Promise,
    /// When it did not.
    pub(super) blinds: Vec<Blind>,
    pub(super) budget: Option<Budget>,
    pub(super) reported: Counters,
    /// What was refused, in order.
    pub(super) refusals: Vec<Refusal>,
    pub(super) damping: Damping,
    /// What reports told beside the counters.
    pub(super) measured: Reported,
}

impl Life {
    pub(super) fn current(&self) -> &Log {
        &self.sessions[self.sessions.len() - 1]
    }

    pub(super) fn past(&self, now: Moment) -> Past {
        Past {
            was: self.state,
            since: self.since,
            silent: now.since(self.sign().at),
        }
    }

    /// The newest sign of life.
    pub(super) const fn sign(&self) -> &Hearing {
        match &self.reply {
            Some(reply) => reply,
            None => &self.newest,
        }
    }

    /// Whether a frame of the current session has asked for an ack.
    pub(super) fn has_asked(&self) -> bool {
        self.current()
            .newest()
            .any(|heard| heard.hearing.frame.flags.want_ack)
    }

    pub(super) fn enter(&mut self, state: &'static str, cause: &'static str, now: Moment) {
        if state != self.state {
            self.since = now;
        }
        (self.state, self.cause) = (state, cause);
    }

    /// When silence changes its state, unless that lies beyond the end of time or it is never forgotten.
    pub(super) fn deadline_ns(&self, forget: Option<Duration>) -> Option<i128> {
        let awaited = self.awaited();
        match (self.state, awaited.late) {
            ("up", late) => late,
            ("asleep", Some(late)) => Some(late),
            ("late", _) => awaited.down,
            _ => {
                let since = i128::from(self.since.as_nanos());
                Some(since + forget?.as_nanos() as i128 + self.blind_since_ns())
            }
        }
    }

    /// When it is steady if its state does not change, where it flaps.
    pub(super) fn steady_ns(&self) -> Option<i128> {
        let steady = i128::from(self.since.as_nanos()) + STEADY_AFTER.as_nanos() as i128;
        self.damping.is_flapping().then_some(steady)
    }

    /// A frame of an older session is refused; true where it shows that two senders are live.
    pub(super) fn refuse(&mut self, hearing: Hearing) -> bool {
        let age_us = hearing.at_us() - self.newest.at_us() + i128::from(self.newest.frame.sent_us);
        if self.state != "up" || self.reply.is_some() || age_us < twins::least_age_us(&self.newest) {
            return false;
        }
        let current = self.current().session;
        let current_at = self.newest.at;
        self.refusals.push(Refusal {
            current,
            hearing,
            current_at,
        });
        twins::is_telling(&self.refusals)
    }

    /// Why a new session begins while the old one is live.
    pub(super) fn restart_cause(&self, hearing: &Hearing) -> &'static str {
        let last_of_all = i128::from(u32::MAX);
        if hearing.frame.uptime_s < self.newest.frame.uptime_s {
            "reboot"
        } else if self
            .current()
            .highest()
            .is_some_and(|highest| highest > last_of_all - 64)
        {
            "renewed"
        } else {
            "process"
        }
    }

    /// What the newest frame promises, put off by what was not heard since.
    pub(super) fn awaited(&self) -> Promise {
        let Promise {
            slot,
            due,
            late,
            down,
            over,
        } = self.promise;
        let by = self.put_off_ns(slot);
        let is_over = matches!(self.state, "late" | "down");
        let over = match self.sign().frame.kind {
            _ if is_over => i128::MIN,
            Kind::Bye(Reason::Sleep) => late.map_or(over, |late| self.settled_ns().min(late + by)),
            Kind::Bye(_) => over,
            _ => over + by,
        };
        Promise {
            slot,
            due: due + self.put_off_ns(due),
            late: late.map(|late| late + by),
            down: down.map(|down| down + by),
            over,
        }
    }

    /// When a device that has said that it sleeps does.
    fn settled_ns(&self) -> i128 {
        let interval_ns = self.newest.interval_us() * 1_000;
        self.newest.at_ns() + (interval_ns * 3 / 2).max(10_000 * NS_PER_MS)
    }

    /// By how much what follows from the newest frame is put off, where beats are due from `due` on.
    fn put_off_ns(&self, due: i128) -> i128 {
        let interval = self.sign().interval_us() * 1_000;
        let mut sum = 0;
        for blind in &self.blinds {
            let (from, until) = (
                i128::from(blind.from.as_nanos()).max(self.sign().at_ns()),
                i128::from(blind.until.as_nanos()),
            );
            let time = (blind.blind.as_nanos() as i128).min(until - from);
            if time > 0 {
                // Due before a moment are those with due + k interval < moment.
                let due_before = |moment: i128| (-(due - moment).div_euclid(interval)).max(0);
                let beats = due_before(until) - due_before(from);
                let at_most = -(-time).div_euclid(interval);
                sum += time.max(beats.min(at_most) * interval);
            }
        }
        -(-sum).div_euclid(NS_PER_MS) * NS_PER_MS
    }

    /// The least multiplier that was enough for the silence that `hearing` ends, up to one more than `most`.
    pub(super) fn needed(&self, hearing: &Hearing, most: i128, config: &Config) -> i128 {
        let (sign, is_reply) = (self.sign(), self.reply.is_some());
        let by = self.put_off_ns(self.promise.slot);
        let is_enough = |misses: &i128| {
            let promise = promise_with(self.current(), sign, is_reply, config, *misses);
            promise.down.is_none_or(|down| hearing.at_ns() <= down + by)
        };
        (1..=most).find(is_enough).unwrap_or(most + 1)
    }

    /// Whether the collector could not listen at some time since the newest sign of life.
    pub(super) fn was_blind(&self) -> bool {
        let at = self.sign().at;
        self.blinds
            .iter()
            .any(|blind| blind.until > at && !blind.blind.is_zero())
    }

    /// How much of the time since it is in its state was blind.
    pub(super) fn blind_since_ns(&self) -> i128 {
        let since = |blind: &Blind| blind.blind.min(blind.until.since(blind.from.max(self.since)));
        self.blinds
            .iter()
            .map(|blind| since(blind).as_nanos() as i128)
            .sum()
    }

    pub(super) fn bound(&self) -> Option<Duration> {
        if self.state == "unknown" {
            return None;
        }
        let nanos = self.awaited().down? - self.sign().at_ns();
        Some(Duration::from_nanos(nanos as u64))
    }

    pub(super) fn counters(&self, now: Moment, reorder_wait: u32) -> Counters {
        let sum = |class| self.sessions.iter().map(|log| log.count(class)).sum::<i128>();
        let (new, reordered) = (sum(Class::New), sum(Class::Reordered));
        let ended = &self.sessions[..self.sessions.len() - 1];
        let lost_before: i128 = ended.iter().map(Log::missing).sum();
        let lost_now = self.current().lost(self.turned_past(now, reorder_wait));
        Counters {
            received: new + reordered,
            lost: lost_before + lost_now,
            duplicate: sum(Class::Duplicate),
            reordered,
            old: sum(Class::Old),
            expected: new + reordered + lost_before + lost_now.max(self.current().missing()),
        }
    }

    /// Slot h + k is lost where k is at most this.
    pub(super) fn turned_past(&self, now: Moment, reorder_wait: u32) -> i128 {
        let now = i128::from(now.as_nanos());
        let awaited = self.awaited();
        let until = awaited.down.map_or(now, |down| now.min(down));
        let turned = until.div_euclid(1_000) - awaited.due.div_euclid(1_000);
        let past = turned.div_euclid(self.sign().interval_us()) + 1 - i128::from(reorder_wait);
        match &self.reply {
            Some(reply) => past + (reply.seq() - self.current().highest().unwrap_or(0)).max(0),
            None if self.newest.is_bye() => past.min(0),
            None => past,
        }
    }
}

/// The multiplier that holds for a frame where none is learned.
pub(super) fn asked_misses(newest: &Hearing, config: &Config) -> i128 {
    let asked = match newest.frame.misses {
        0 => config.misses,
        misses => misses,
    };
    config.misses_override.unwrap_or(asked).into()
}

/// The detect multiplier in force after `newest`.
fn misses(newest: &Hearing, config: &Config, budget: Option<&Budget>) -> i128 {
    let asked = asked_misses(newest, config);
    budget.map_or(asked, |budget| budget.misses.max(asked))
}

/// The deadlines that the newest frame of a session sets, or the reply after it.
pub(super) fn promise(
    log: &Log,
    (newest, reply): (&Hearing, Option<&Hearing>),
    config: &Config,
    budget: Option<&Budget>,
) -> Promise {
    let misses = misses(newest, config, budget);
    promise_with(log, reply.unwrap_or(newest), reply.is_some(), config, misses)
}

/// The deadlines that a sign of life sets, with this multiplier.
pub(super) fn promise_with(
    log: &Log,
    sign: &Hearing,
    is_reply: bool,
    config: &Config,
    misses: i128,
) -> Promise {
    let estimate = Estimate::from(log, config.margin).expect("the newest frame is in its session's log");
    let slot = sign.at_ns() + estimate.slot_us(sign, is_reply) * 1_000;
    let after_ms = |after_us: i128| sign.at_ns() + (after_us + 999).div_euclid(1_000) * NS_PER_MS;
    let late = after_ms(estimate.late_us(sign, is_reply));
    let down = after_ms(estimate.down_us(sign, is_reply, misses));
    let is_endless = match sign.frame.kind {
        Kind::Bye(Reason::Sleep) => sign.frame.next_ms == 0,
        Kind::Bye(_) => true,
        _ => false,
    };
    let interval_ns = sign.interval_us() * 1_000;
    Promise {
        slot,
        due: if sign.is_bye() {
            sign.at_ns() + interval_ns
        } else {
            slot
        },
        late: (!is_endless).then_some(late),
        down: (!is_endless).then_some(down),
        over: match sign.frame.kind {
            Kind::Bye(Reason::Sleep) => {
                let settled = sign.at_ns() + (interval_ns * 3 / 2).max(10_000 * NS_PER_MS);
                if is_endless { settled } else { late.min(settled) }
            }
            Kind::Bye(_) => sign.at_ns(),
            _ => late,
        },
    }
}
