//! What the agent sees to while it waits for the next beat: datagrams, names, checks, hooks and signals.

use beacon_common::wire::FRAME_LEN;
use beacon_common::{Moment, Seq};
use std::net::SocketAddr;

use crate::clock;
use crate::collector::Collector;
use crate::helper::Answer;
use crate::hooks::Change;
use crate::inbound::{self, Inbound};
use crate::link;
use crate::resolve::{self, Resolved};
use crate::run::Agent;
use crate::shell::{Ended, Purpose};
use crate::socket::Family;

impl Agent {
    /// Waits until `until` or until something happens, and takes that in.
    pub(crate) fn wait(&mut self, until: Moment) {
        let now = clock::now();
        self.begin_what_is_due(now);
        let until = until.min(self.something_due());
        let ready = self.waiter.wait(&self.sockets, now, until);
        if ready.is_called {
            self.take_calls();
        }
        for family in Family::ALL {
            if ready.has_input(family) {
                self.receive(family);
            }
        }
    }

    fn begin_what_is_due(&mut self, now: Moment) {
        for (place, collector) in self.collectors.iter_mut().enumerate() {
            if let Some((name, port)) = collector.question(now) {
                resolve::ask(place, name, port, &self.helpers);
            }
        }
        self.monitor.attend(&self.helpers, now);
        self.hooks.attend(now);
        if let Some(notifier) = &mut self.notifier {
            notifier.attend(now);
        }
    }

    /// When there is something to do besides beats.
    fn something_due(&self) -> Moment {
        let resolve_due = self.collectors.iter().map(Collector::resolve_due).min();
        let notifier = self.notifier.as_ref();
        resolve_due
            .unwrap_or(Moment::NEVER)
            .min(self.monitor.due())
            .min(self.hooks.due())
            .min(notifier.map_or(Moment::NEVER, |notifier| notifier.due()))
    }

    fn take_calls(&mut self) {
        if self.signals.take_statistics() {
            self.statistics.log(&self.collectors);
        }
        while let Some(answer) = self.helpers.answer() {
            match answer {
                Answer::Resolved(resolved) => self.resolved(resolved),
                Answer::Ended(ended) => self.ended(ended),
            }
        }
    }

    fn resolved(&mut self, resolved: Resolved) {
        let collector = &mut self.collectors[resolved.collector];
        let had_none = collector.address().is_none();
        collector.resolved(resolved, clock::now());
        self.is_newly_resolved |= had_none && collector.address().is_some();
    }

    fn ended(&mut self, Ended { purpose, outcome }: Ended) {
        let now = clock::now();
        match purpose {
            Purpose::Check(place) => self.monitor.ended(place, outcome, now),
            Purpose::Hook(place) => {
                let collector = (place, self.collectors[place].as_ref());
                self.hooks.ended(collector, outcome, &self.helpers, now);
            }
        }
    }

    /// Takes one datagram. Where more have come, the next wait tells: a flood of them never holds up a beat.
    fn receive(&mut self, family: Family) {
        // A byte more than a frame, so that what is longer shows.
        let mut bytes = [0; FRAME_LEN + 1];
        let Some((len, from)) = self.sockets.receive(family, &mut bytes) else {
            return;
        };
        let now = clock::now();
        let label = self.beats.identity().label;
        match inbound::read(&bytes[..len], label, self.beats.session(), self.key.as_ref()) {
            Some(Inbound::Ack { seq, sent_us }) if self.answer(from, seq, sent_us, now) => {}
            Some(Inbound::Probe { nonce }) => self.reply(from, nonce, now),
            _ => self.statistics.ignored += 1,
        }
    }

    /// Gives an ack to the collector that it comes from, and says whether it answers something. Those behind
    /// a multicast group or a broadcast answer from addresses that were not sent to, and so may a collector
    /// with several; where there is but one collector, it is that one.
    fn answer(&mut self, from: SocketAddr, seq: Seq, sent_us: u64, now: Moment) -> bool {
        let now_us = self.beats.elapsed_us(now);
        let is_only = self.collectors.len() == 1;
        let is_nobody = !self.collectors.iter().any(|collector| collector.is_at(from));
        let collectors = self.collectors.iter_mut().enumerate();
        let found = collectors
            .filter(|(_, collector)| is_only || collector.is_at(from) || (is_nobody && collector.is_group()))
            .find_map(|(place, collector)| {
                let answer = collector.answer(seq, sent_us, now_us, from)?;
                Some((place, answer))
            });
        if let Some((place, link::Answer::Found { unanswered })) = found {
            let collector = (place, self.collectors[place].as_ref());
            let change = (Change::Found, unanswered);
            self.hooks.call(collector, change, &self.helpers, now);
        }
        found.is_some()
    }

    fn reply(&mut self, to: SocketAddr, nonce: u64, now: Moment) {
        let frame = self.beats.reply(now, self.schedule.due(), nonce);
        let mut bytes = [0; FRAME_LEN];
        frame.emit(self.key.as_ref(), &mut bytes);
        // A prober that gets no reply probes again.
        if self.sockets.send(&bytes, to).is_ok() {
            self.statistics.probes += 1;
        }
    }
}
