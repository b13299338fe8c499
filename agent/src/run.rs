//! The agent at work: wait, act, send.

use beacon_common::wire::FRAME_LEN;
use beacon_common::{DeviceKey, Frame, Moment, Reason, Seq};
use log::{info, warn};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use crate::beat::Beats;
use crate::collector::Collector;
use crate::config::{Config, Purpose};
use crate::failure::Failure;
use crate::inbound::{self, Inbound};
use crate::resolve::Resolver;
use crate::schedule::Schedule;
use crate::signals::Signals;
use crate::socket::{Family, Sockets};
use crate::statistics::Statistics;
use crate::wait::Waiter;
use crate::{clock, random};

/// How long `--once` waits for its ack.
const ONCE_ACK_WITHIN: Duration = Duration::from_secs(1);
/// How long what is sent only once waits for names, which a beat of the schedule never does.
const NAMES_WITHIN: Duration = Duration::from_secs(5);

/// An agent and all that it holds.
#[derive(Debug)]
pub struct Agent {
    purpose: Purpose,
    key: Option<DeviceKey>,
    schedule: Schedule,
    pub(crate) beats: Beats,
    pub(crate) collectors: Vec<Collector>,
    sockets: Sockets,
    waiter: Waiter,
    pub(crate) signals: Signals,
    resolver: Resolver,
    statistics: Statistics,
    /// Slots were skipped since the last beat that was sent.
    has_skipped: bool,
    /// A collector that had no address got one since the last beat.
    is_newly_resolved: bool,
}

impl Agent {
    /// An agent that is ready to begin: its session and its schedule begin now.
    ///
    /// # Errors
    /// [`Failure::System`] where the system does not even let it wait.
    pub fn new(config: Config) -> Result<Self, Failure> {
        let system = |what| move |error| Failure::System { what, error };
        let (waiter, wake) = Waiter::new().map_err(system("open a pipe"))?;
        let signals = Signals::install(&wake).map_err(system("handle signals"))?;
        let Config {
            identity,
            key,
            collectors,
            bind,
            purpose,
        } = config;
        let now = clock::now();
        let collectors = collectors
            .into_iter()
            .map(|destination| Collector::new(destination, bind, identity.misses, now))
            .collect();
        Ok(Self {
            purpose,
            key,
            schedule: Schedule::new(now, identity.interval_ms, random::bits()),
            beats: Beats::begin(identity, random::session(), now),
            collectors,
            sockets: Sockets::new(bind),
            waiter,
            signals,
            resolver: Resolver::new(wake),
            statistics: Statistics::default(),
            has_skipped: false,
            is_newly_resolved: false,
        })
    }

    /// Does what it is there for, and says how it went.
    #[must_use]
    pub fn perform(mut self) -> ExitCode {
        let is_done = match self.purpose {
            Purpose::Beat { count, bye } => {
                self.beat_until_stopped(count);
                self.say_goodbye(bye, 0);
                true
            }
            Purpose::Once => self.beat_once(),
            Purpose::Sleep { sleep_ms } => {
                self.resolve_names();
                self.say_goodbye(Reason::Sleep, sleep_ms)
            }
        };
        if is_done {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn beat_until_stopped(&mut self, count: Option<u64>) {
        let identity = self.beats.identity();
        info!(
            "label {}, session {}, every {} ms",
            identity.label,
            self.beats.session(),
            identity.interval_ms
        );
        while !self.signals.stop() && count.is_none_or(|count| self.statistics.beats < count) {
            self.turn();
        }
    }

    /// One turn of the schedule's loop: sends the beat that is due, or waits for it and takes in what comes.
    pub fn turn(&mut self) {
        let due = self.schedule.due();
        if clock::now() >= due || self.is_first_beat_possible() {
            self.beat();
        } else {
            self.wait(due);
        }
    }

    /// How many beats the network has taken.
    #[must_use]
    pub const fn beats_sent(&self) -> u64 {
        self.statistics.beats
    }

    /// How many acks have come.
    #[must_use]
    pub fn acks_received(&self) -> u64 {
        self.collectors
            .iter()
            .map(|collector| collector.link().acks())
            .sum()
    }

    /// The first beat is sent at once. Where that had to wait for a name, at once means now.
    fn is_first_beat_possible(&self) -> bool {
        self.is_newly_resolved && self.beats.last_sent() == Seq::NONE
    }

    fn beat(&mut self) {
        self.is_newly_resolved = false;
        let now = clock::now();
        let skipped = self.schedule.take(now);
        self.has_skipped |= skipped != 0;
        let frame = self.beats.beat(now, self.schedule.due(), self.has_skipped);
        let is_sent = self.send(&frame, now);
        // All that could take time comes after the send.
        self.collectors.iter_mut().for_each(Collector::judge);
        self.ask(&frame);
        if is_sent {
            self.statistics.beats += 1;
            self.has_skipped = false;
            self.advance();
        } else {
            self.statistics.unsent += 1;
        }
        self.tell_skipped(skipped, now);
    }

    fn tell_skipped(&mut self, skipped: u64, now: Moment) {
        if skipped == 0 {
            return;
        }
        self.statistics.skipped += skipped;
        if let Some(held_back) = self.statistics.skips.count(now) {
            warn!("skipped {skipped} beats: the device slept, or this process got no time{held_back}");
        }
    }

    /// Sends one beat, and waits for what it asks.
    fn beat_once(&mut self) -> bool {
        self.resolve_names();
        let now = clock::now();
        let frame = self
            .beats
            .beat(now, now + self.beats.identity().interval(), false);
        let is_sent = self.send(&frame, now);
        self.ask(&frame);
        let until = now + ONCE_ACK_WITHIN;
        while is_sent && frame.flags.want_ack && !self.is_answered_by_any() && self.may_wait(until) {
            self.wait(until);
        }
        is_sent && (!frame.flags.want_ack || self.is_answered_by_any())
    }

    /// Waits for every name's first answer, and for as long as there is nowhere to send to, but not for long.
    fn resolve_names(&mut self) {
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

    /// Whether there is time left, and nobody wants to stop.
    fn may_wait(&self, until: Moment) -> bool {
        clock::now() < until && !self.signals.stop()
    }

    fn is_answered_by_any(&self) -> bool {
        self.collectors
            .iter()
            .any(|collector| collector.link().is_answered())
    }

    fn send(&mut self, frame: &Frame, now: Moment) -> bool {
        self.send_to(frame, now, |_| true)
    }

    /// Hands a frame to the network for every collector that is `meant`. False where it took none of them.
    pub(crate) fn send_to(&mut self, frame: &Frame, now: Moment, meant: impl Fn(&Collector) -> bool) -> bool {
        let mut bytes = [0; FRAME_LEN];
        frame.emit(self.key.as_ref(), &mut bytes);
        let mut is_sent = false;
        for collector in self.collectors.iter_mut().filter(|collector| meant(collector)) {
            is_sent |= collector.send(&bytes, &mut self.sockets, now);
        }
        is_sent
    }

    pub(crate) fn ask(&mut self, frame: &Frame) {
        if frame.flags.want_ack {
            for collector in &mut self.collectors {
                collector.ask(frame.seq, frame.sent_us);
            }
        }
    }

    /// Counts the frame that was sent, and begins a new session where its numbers have run out.
    fn advance(&mut self) {
        if !self.beats.advance() {
            self.beats = Beats::begin(*self.beats.identity(), random::session(), clock::now());
            self.collectors.iter_mut().for_each(Collector::begin_session);
        }
    }

    /// Waits until `until` or until something happens, and takes that in.
    pub(crate) fn wait(&mut self, until: Moment) {
        let now = clock::now();
        for (index, collector) in self.collectors.iter_mut().enumerate() {
            collector.resolve(index, &self.resolver, now);
        }
        let resolve_due = self.collectors.iter().map(Collector::resolve_due).min();
        let until = resolve_due.map_or(until, |due| due.min(until));
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

    fn take_calls(&mut self) {
        if self.signals.take_statistics() {
            self.statistics.log(&self.collectors);
        }
        while let Some(answer) = self.resolver.answer() {
            if let Some(collector) = self.collectors.get_mut(answer.collector) {
                let had_none = collector.address().is_none();
                collector.resolved(answer, clock::now());
                self.is_newly_resolved |= had_none && collector.address().is_some();
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

    /// Gives an ack to the collector that it comes from. A multicast group or a collector with several
    /// addresses answers from one that it was not sent to; where there is but one collector, it is that one.
    fn answer(&mut self, from: SocketAddr, seq: Seq, sent_us: u64, now: Moment) -> bool {
        let now_us = self.beats.elapsed_us(now);
        let is_only = self.collectors.len() == 1;
        self.collectors
            .iter_mut()
            .any(|collector| (is_only || collector.is_at(from)) && collector.answer(seq, sent_us, now_us))
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
