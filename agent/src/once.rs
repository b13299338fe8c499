//! The one beat of `--once`, which may wait for what a beat of the schedule never waits for.

use beacon_common::Moment;
use log::warn;
use std::time::Duration;

use crate::clock;
use crate::collector::Collector;
use crate::route::{Mode, Targets};
use crate::run::Agent;

/// How long it waits for its ack; with failover, for that of each collector.
const ACK_WITHIN: Duration = Duration::from_secs(1);
/// How long what is sent only once waits for names.
const NAMES_WITHIN: Duration = Duration::from_secs(5);

impl Agent {
    /// Sends one beat with the health that the checks find, and waits for what it asks. With failover it goes
    /// to one collector after another until one answers.
    pub(crate) fn beat_once(&mut self) -> bool {
        self.resolve_names();
        self.finish_checks();
        let health = self.monitor.health();
        let now = clock::now();
        let next_slot = now + self.beats.identity().interval();
        let frame = self.beats.beat(now, next_slot, false, health);
        self.monitor.tell();
        let tries = match self.route.mode() {
            Mode::All => 1,
            Mode::Failover => self.collectors.len(),
        };
        let mut is_any_sent = false;
        for place in 0..tries {
            let targets = match self.route.mode() {
                Mode::All => Targets::All,
                Mode::Failover => Targets::First(place),
            };
            let now = clock::now();
            let is_sent = self.send_to(&frame, now, |place, _| targets.include(place));
            self.ask(&frame, targets);
            is_any_sent |= is_sent;
            let until = now + ACK_WITHIN;
            while is_sent && frame.flags.want_ack && !self.is_answered_by_any() && self.may_wait(until) {
                self.wait(until);
            }
            if self.is_answered_by_any() {
                break;
            }
        }
        let is_done = is_any_sent && (!frame.flags.want_ack || self.is_answered_by_any());
        match (is_done, is_any_sent) {
            (true, _) => {}
            (false, true) => warn!("no collector has acked the beat"),
            (false, false) => warn!("the beat was not sent: there is no collector that it could go to"),
        }
        is_done
    }

    /// Waits for every name's first answer, and for as long as there is nowhere to send to, but not for long.
    pub(crate) fn resolve_names(&mut self) {
        let until = clock::now() + NAMES_WITHIN;
        while self.is_resolving() && self.may_wait(until) {
            self.wait(until);
        }
    }

    fn is_resolving(&self) -> bool {
        let has_nowhere = self
            .collectors
            .iter()
            .all(|collector| collector.address().is_none());
        has_nowhere || self.collectors.iter().any(Collector::is_unresolved_yet)
    }

    /// Waits until every check has said something; at its timeout that is that it cannot tell.
    fn finish_checks(&mut self) {
        while self.monitor.is_pending() && self.may_wait(Moment::NEVER) {
            self.wait(Moment::NEVER);
        }
    }

    /// Whether there is time left, and nobody wants to stop.
    fn may_wait(&self, until: Moment) -> bool {
        clock::now() < until && !self.signals.stop()
    }
}
