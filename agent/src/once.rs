//! The one beat of `--once`, which may wait for what a beat of the schedule never waits for.

use beacon_common::{Frame, Moment};
use log::warn;
use std::time::Duration;

use crate::clock;
use crate::collector::Collector;
use crate::route::{Mode, Targets};
use crate::run::Agent;

/// How long it waits for its ack at each address; with failover, at those of each collector.
const ACK_WITHIN: Duration = Duration::from_secs(1);
/// How long what is sent only once waits for names.
const NAMES_WITHIN: Duration = Duration::from_secs(5);

/// How far the beat has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// There was nowhere to send it.
    Nowhere,
    /// The network took it, and the ack that it asked for has not come.
    Network,
    /// As far as it is to.
    Goal,
}

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
        let reach = match self.route.mode() {
            Mode::All => self.try_addresses(&frame, Targets::All),
            Mode::Failover => {
                let mut reach = Reach::Nowhere;
                for place in 0..self.collectors.len() {
                    reach = reach.max(self.try_addresses(&frame, Targets::First(place)));
                    if reach == Reach::Goal {
                        break;
                    }
                }
                reach
            }
        };
        match reach {
            Reach::Nowhere => warn!("the beat was not sent: there is no collector that it could go to"),
            Reach::Network => warn!("no collector has acked the beat"),
            Reach::Goal => {}
        }
        reach == Reach::Goal
    }

    /// Sends it to those collectors, to one address of their names after another, until it has come as far as it
    /// is to.
    fn try_addresses(&mut self, frame: &Frame, targets: Targets) -> Reach {
        self.ask(frame, targets);
        let mut reach = Reach::Nowhere;
        let collectors = self.collectors.iter().enumerate();
        let meant = collectors.filter(|&(place, _)| targets.include(place));
        let most = meant.map(|(_, collector)| collector.addresses().len()).max();
        for tried in 0..most.unwrap_or(0) {
            let now = clock::now();
            let is_sent = self.send_to(frame, now, |place, collector| {
                targets.include(place) && tried < collector.addresses().len()
            });
            let until = now + ACK_WITHIN;
            while is_sent && frame.flags.want_ack && !self.is_answered_by_any() && self.may_wait(until) {
                self.wait(until);
            }
            if self.is_answered_by_any() || is_sent && !frame.flags.want_ack {
                return Reach::Goal;
            }
            if is_sent {
                reach = Reach::Network;
            }
            self.turn_to_next_addresses(targets);
        }
        reach
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
