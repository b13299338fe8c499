//! A naive model of one source, from docs/protocol.md alone.
//!
//! It is as unlike the tracker as it can be: it keeps everything it ever heard, works in 128-bit integers and
//! counts anew whenever it is asked. It is slow and takes as much memory as it likes.

mod asking;
mod budget;
mod damping;
mod estimate;
mod expected;
mod hearing;
mod life;
pub mod mass;
mod measure;
mod silence;
mod telling;
mod twins;
mod wheel;

use std::net::SocketAddr;
use std::time::Duration;

use beacon_collector::track::config::Config;
use beacon_common::{Frame, Kind, Moment, Reason, Session};

use crate::line::Line;
use asking::Asking;
use budget::Budget;
use damping::Damping;
use expected::Listing;
pub use hearing::Hearing;
pub use life::Blind;
use life::{Counters, Life, asked_misses, promise};
use measure::Reported;
use wheel::{Class, Log};

/// The model of one source at one collector.
#[derive(Clone, Debug)]
pub struct Model {
    config: Config,
    life: Option<Life>,
    probes: Vec<(SocketAddr, Session)>,
    /// What the inventory has of it, while that has it.
    listing: Option<Listing>,
}

/// What a frame leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is taken, and these lines are told.
    Taken(Vec<Line>),
    /// Its session is older than the current one, which is live; these lines are told.
    Refused(Vec<Line>),
    /// It is a reply, and answers nothing that was asked.
    Unasked,
    /// It is not expected, and no others are let in.
    Unexpected,
}

/// What a line tells of the time before its moment.
#[derive(Clone, Copy)]
struct Past {
    was: &'static str,
    since: Moment,
    silent: Duration,
}

impl Model {
    /// A source that was never heard, at a collector with these options.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            life: None,
            probes: Vec::new(),
            listing: None,
        }
    }

    /// Its state, if it is known.
    #[must_use]
    pub fn state(&self) -> Option<&'static str> {
        let heard = self.life.as_ref().map(|life| life.state);
        heard.or_else(|| Some(self.listing.as_ref()?.state()))
    }

    /// The collector could not listen.
    pub fn blind(&mut self, blind: Blind) {
        if let Some(life) = &mut self.life {
            life.blinds.push(blind);
        }
        if let Some(listing) = &mut self.listing {
            listing.blinds.push(blind);
        }
    }

    /// Takes a frame of this source.
    pub fn hear(&mut self, hearing: Hearing) -> Outcome {
        if hearing.frame.kind == Kind::Reply {
            return self.hear_reply(hearing);
        }
        let Some(life) = &self.life else {
            if self.listing.is_none() && self.config.inventory_only {
                return Outcome::Unexpected;
            }
            return Outcome::Taken(self.meet(hearing));
        };
        let current = life.current().session;
        if hearing.frame.session < current && hearing.at_ns() < life.awaited().over {
            return Outcome::Refused(self.refuse(hearing));
        }
        Outcome::Taken(self.hear_again(hearing))
    }

    fn refuse(&mut self, hearing: Hearing) -> Vec<Line> {
        let Some(life) = &mut self.life else {
            return Vec::new();
        };
        if !life.refuse(hearing) {
            return Vec::new();
        }
        let addrs = format!("{},{}", life.newest.from, hearing.from);
        let past = life.past(hearing.at);
        let extra = vec![("addrs", addrs)];
        let line = self.tell(hearing.at, "duplicate_label", None, past, extra);
        line.into_iter().collect()
    }

    fn meet(&mut self, hearing: Hearing) -> Vec<Line> {
        let mut log = Log::joined(&hearing);
        log.take(hearing, None, false);
        let allowance = self
            .config
            .false_alarms
            .filter(|_| self.config.misses_override.is_none());
        let budget = allowance.map(Budget::new);
        let past = self.listing.as_ref().map(|listing| listing.past(hearing.at));
        self.life = Some(Life {
            state: past.map_or("unknown", |past| past.was),
            cause: "new",
            since: hearing.at,
            status: "unknown",
            has_beaten: false,
            promise: promise(&log, (&hearing, None), &self.config, budget.as_ref()),
            budget,
            blinds: Vec::new(),
            sessions: vec![log],
            newest: hearing,
            reply: None,
            asking: Asking::default(),
            reported: Counters::default(),
            refusals: Vec::new(),
            damping: Damping::default(),
            measured: Reported::default(),
        });
        self.react(hearing, None, None, past)
    }

    fn hear_again(&mut self, hearing: Hearing) -> Vec<Line> {
        let Some(life) = &mut self.life else {
            return Vec::new();
        };
        let (before, sign) = (life.newest, *life.sign());
        let most = self
            .config
            .false_alarms
            .map_or(0, |allowance| allowance.misses_max.into());
        let needed = life.needed(&hearing, most, &self.config);
        let was_blind = life.was_blind();
        let current = life.current().session;
        let restart = (hearing.frame.session != current).then(|| life.restart_cause(&hearing));
        if let Some(ended) = life.sessions.last_mut().filter(|_| restart.is_some()) {
            ended.settle_all();
        }
        if hearing.frame.session > current {
            life.sessions.push(Log::taken_over(&hearing));
        } else if hearing.frame.session < current {
            life.sessions.push(Log::joined(&hearing));
        }
        let Some(log) = life.sessions.last_mut() else {
            return Vec::new();
        };
        if log.take(hearing, life.reply, was_blind) != Class::New {
            return Vec::new();
        }
        if let Some(budget) = life
            .budget
            .as_mut()
            .filter(|_| restart.is_none() && !sign.is_bye())
        {
            let silence_us = (hearing.at_ns() - sign.at_ns()) / 1_000;
            budget.take(silence_us, needed, asked_misses(&hearing, &self.config));
        }
        life.promise = promise(log, (&hearing, None), &self.config, life.budget.as_ref());
        life.newest = hearing;
        life.reply = None;
        life.asking.end_silence();
        if before.from != hearing.from {
            let received = life.counters(hearing.at, self.config.reorder_wait).received;
            life.asking.begin_address(received - 1);
        }
        let silence_before = Hearing {
            at: sign.at,
            ..before
        };
        self.react(hearing, Some(silence_before), restart, None)
    }

    /// A reply is a sign of life where it answers what was asked in this silence, in the current session.
    fn hear_reply(&mut self, reply: Hearing) -> Outcome {
        let Some(life) = &mut self.life else {
            return Outcome::Unasked;
        };
        let is_of_session = reply.frame.session == life.current().session;
        let is_silent = matches!(life.state, "late" | "down");
        if !(is_of_session && is_silent && life.asking.has_asked(reply.frame.sent_us)) {
            return Outcome::Unasked;
        }
        let past = life.past(reply.at);
        let signs = (&life.newest, Some(&reply));
        life.promise = promise(life.current(), signs, &self.config, life.budget.as_ref());
        life.reply = Some(reply);
        life.asking.end_silence();
        life.asking.trust();
        life.enter("up", "back", reply.at);
        let extra = vec![("by", "reply".to_owned())];
        let line = self.tell(reply.at, "up", Some("back"), past, extra);
        Outcome::Taken(line.into_iter().collect())
    }

    /// What is asked since the last time: to which address, and in which session.
    pub fn take_probes(&mut self) -> Vec<(SocketAddr, Session)> {
        std::mem::take(&mut self.probes)
    }

    /// The nonce of the newest probe.
    pub fn ask(&mut self, nonce: u64) {
        if let Some(life) = &mut self.life {
            life.asking.ask(nonce);
        }
    }

    /// What the newest frame changes; `before` is the newest one before it, or `waited` is how it was expected.
    fn react(
        &mut self,
        hearing: Hearing,
        before: Option<Hearing>,
        restart: Option<&'static str>,
        waited: Option<Past>,
    ) -> Vec<Line> {
        let Some(life) = &mut self.life else {
            return Vec::new();
        };
        let silent = before.map_or(Duration::ZERO, |before| hearing.at.since(before.at));
        let past = waited.unwrap_or(Past {
            was: life.state,
            since: life.since,
            silent,
        });
        let status_before = life.status;
        let is_beat = matches!(hearing.frame.kind, Kind::Beat(_));
        if let Kind::Beat(health) = hearing.frame.kind {
            life.status = health.name();
        }
        let status = life.status;
        let known = if before.is_none() { "unknown" } else { past.was };
        let edge = edge(&hearing.frame, known, restart);
        let mut lines = Vec::new();
        if let Some((event, state, cause, extra)) = edge {
            life.enter(state, cause, hearing.at);
            lines.extend(self.tell(hearing.at, event, Some(cause), past, extra));
            if state != "up" {
                lines.extend(self.end_flapping(hearing.at));
            }
        }
        let Some(life) = &mut self.life else { return lines };
        let had_beaten = life.has_beaten;
        life.has_beaten |= is_beat;
        let now_past = Past {
            was: life.state,
            since: life.since,
            ..past
        };
        if let Some(before) = before {
            let (from, to) = (before.from, hearing.from);
            if from.ip() != to.ip() || (restart.is_none() && from.port() != to.port()) {
                let extra = vec![("from", from.to_string()), ("to", to.to_string())];
                lines.extend(self.tell(hearing.at, "moved", None, now_past, extra));
            }
            if had_beaten && status_before != status {
                let extra = vec![("from", status_before.to_string()), ("to", status.to_string())];
                lines.extend(self.tell(hearing.at, "status", None, now_past, extra));
            }
        }
        lines
    }
}

/// The edge that a frame takes from the state it finds, as event, state, cause and further keys.
type Edge = (
    &'static str,
    &'static str,
    &'static str,
    Vec<(&'static str, String)>,
);

fn edge(frame: &Frame, was: &str, restart: Option<&'static str>) -> Option<Edge> {
    let (event, state, cause) = match (frame.kind, was, restart) {
        (Kind::Bye(Reason::Stop), ..) => ("stopped", "stopped", "stop"),
        (Kind::Bye(Reason::Reboot), ..) => ("stopped", "stopped", "reboot"),
        (Kind::Bye(Reason::Upgrade), ..) => ("stopped", "stopped", "upgrade"),
        (Kind::Bye(Reason::Sleep), ..) => {
            let wake = vec![("wake_ms", frame.next_ms.to_string())];
            return Some(("asleep", "asleep", "sleep", wake));
        }
        (_, "unknown", _) => ("up", "up", "new"),
        (_, "asleep", _) => ("up", "up", "awake"),
        (_, "up" | "late", Some(cause)) => ("restarted", "up", cause),
        (_, _, Some(_)) => ("up", "up", "restart"),
        (_, "up", None) => return None,
        (_, _, None) => ("up", "up", "back"),
    };
    Some((event, state, cause, Vec::new()))
}
