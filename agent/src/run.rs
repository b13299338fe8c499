//! The agent at work: wait, act, send.

use beacon_common::wire::FRAME_LEN;
use beacon_common::{DeviceKey, Frame, Health, Moment, Reason, Seq};
use log::{info, warn};
use std::process::ExitCode;

use crate::beat::Beats;
use crate::collector::Collector;
use crate::config::{Config, Purpose};
use crate::failure::Failure;
use crate::health::{Monitor, Sources};
use crate::helper::Helpers;
use crate::hooks::{Change, Hooks};
use crate::link::{Link, State};
use crate::notify::{Notifier, Status};
use crate::route::{Route, Targets};
use crate::schedule::Schedule;
use crate::signals::Signals;
use crate::socket::Sockets;
use crate::statistics::Statistics;
use crate::wait::Waiter;
use crate::{clock, random};

/// An agent and all that it holds.
#[derive(Debug)]
pub struct Agent {
    purpose: Purpose,
    pub(crate) key: Option<DeviceKey>,
    pub(crate) schedule: Schedule,
    pub(crate) beats: Beats,
    pub(crate) route: Route,
    pub(crate) collectors: Vec<Collector>,
    pub(crate) monitor: Monitor,
    pub(crate) hooks: Hooks,
    pub(crate) sockets: Sockets,
    pub(crate) waiter: Waiter,
    pub(crate) signals: Signals,
    pub(crate) helpers: Helpers,
    pub(crate) notifier: Option<Notifier>,
    pub(crate) statistics: Statistics,
    /// Slots were skipped since the last beat that was sent.
    has_skipped: bool,
    /// A collector that had no address got one since the last beat.
    pub(crate) is_newly_resolved: bool,
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
            mode,
            egress,
            health,
            hooks,
            purpose,
        } = config;
        let now = clock::now();
        let collectors: Vec<_> = collectors
            .into_iter()
            .map(|destination| Collector::new(destination, egress.bind, identity.misses, now))
            .collect();
        // A goodbye carries no health.
        let health = match purpose {
            Purpose::Sleep { .. } => Sources::default(),
            Purpose::Beat { .. } | Purpose::Once => health,
        };
        Ok(Self {
            purpose,
            key,
            schedule: Schedule::new(now, identity.interval_ms, random::bits()),
            beats: Beats::begin(identity, random::session(), now),
            route: Route::new(mode, identity.misses),
            monitor: Monitor::new(health, now),
            hooks: Hooks::new(hooks, identity.label, collectors.len()),
            collectors,
            sockets: Sockets::new(egress),
            waiter,
            signals,
            helpers: Helpers::new(wake),
            notifier: Notifier::from_environment(now),
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
                if let Some(notifier) = &self.notifier {
                    notifier.stopping();
                }
                self.say_goodbye(bye, 0);
                true
            }
            Purpose::Once => self.beat_once(),
            Purpose::Sleep { sleep_ms } => {
                self.resolve_names();
                self.say_goodbye(Reason::Sleep, sleep_ms)
            }
        };
        self.monitor.stop();
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
        self.collectors.iter_mut().for_each(Collector::judge);
        let health = self.monitor.health();
        let now = clock::now();
        let skipped = self.schedule.take(now);
        self.has_skipped |= skipped != 0;
        let next_slot = self.schedule.due();
        let frame = self.beats.beat(now, next_slot, self.has_skipped, health);
        let targets = self.next_targets(frame.flags.want_ack);
        let is_sent = self.send_to(&frame, now, |place, _| targets.include(place));
        // All that could take time comes after the send.
        self.ask(&frame, targets);
        if is_sent {
            self.statistics.beats += 1;
            self.has_skipped = false;
            self.advance();
        } else {
            self.statistics.unsent += 1;
        }
        self.tell_skipped(skipped, now);
        self.tell_lost(now);
        self.monitor.tell();
        self.tell_manager(health);
    }

    pub(crate) fn next_targets(&mut self, is_ask: bool) -> Targets {
        let standings = self.collectors.iter().map(Collector::standing);
        self.route.next(is_ask, standings)
    }

    fn tell_lost(&mut self, now: Moment) {
        for (place, collector) in self.collectors.iter_mut().enumerate() {
            if let Some(unacked) = collector.tell_lost() {
                let collector = (place, collector.as_ref());
                let change = (Change::Lost, unacked);
                self.hooks.call(collector, change, &self.helpers, now);
            }
        }
    }

    fn tell_manager(&mut self, health: Health) {
        let Some(notifier) = &mut self.notifier else {
            return;
        };
        let states = self.collectors.iter().map(|collector| collector.link().state());
        notifier.tell(Status {
            answering: states.filter(|&state| state == State::Answering).count(),
            collectors: self.collectors.len(),
            health,
        });
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

    pub(crate) fn is_answered_by_any(&self) -> bool {
        let mut links = self.collectors.iter().map(Collector::link);
        links.any(Link::is_answered)
    }

    /// Hands a frame to the network for every collector that is `meant`. False where it took none of them.
    pub(crate) fn send_to(
        &mut self,
        frame: &Frame,
        now: Moment,
        meant: impl Fn(usize, &Collector) -> bool,
    ) -> bool {
        let mut bytes = [0; FRAME_LEN];
        frame.emit(self.key.as_ref(), &mut bytes);
        let mut is_sent = false;
        for (place, collector) in self.collectors.iter_mut().enumerate() {
            if meant(place, collector) {
                is_sent |= collector.send(&bytes, &mut self.sockets, now);
            }
        }
        is_sent
    }

    /// Expects acks of a frame from those that it was meant for, where it asks for them.
    pub(crate) fn ask(&mut self, frame: &Frame, targets: Targets) {
        if frame.flags.want_ack {
            for (place, collector) in self.collectors.iter_mut().enumerate() {
                if targets.include(place) {
                    collector.ask(frame.seq, frame.sent_us);
                }
            }
        }
    }

    /// From now on those that were sent a frame and have not acked it are sent to the next addresses of their names.
    pub(crate) fn turn_to_next_addresses(&mut self, sent_to: Targets) {
        for (place, collector) in self.collectors.iter_mut().enumerate() {
            if sent_to.include(place) && !collector.link().is_answered() {
                collector.turn_to_next_address();
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
}
