//! Plays a history to the tracker and to the model, and compares what they say.

mod compare;

use std::collections::BTreeMap;
use std::time::Duration;

use beacon_collector::track::event::{Cause, Event, SourceId, What};
use beacon_collector::track::tracker::Tracker;
use beacon_collector::track::transmit::{Peer, Transmit};
use beacon_common::{FRAME_LEN, Kind, Label, Moment};

use crate::history::{Blindness, History, Listing};
use crate::model::mass::Masses;
use crate::model::{Hearing, Model, Outcome};
use crate::random::Random;
use crate::replies::Replies;
use compare::equal;

const NS_PER_MS: u64 = 1_000_000;

/// One play.
pub struct Player {
    tracker: Tracker,
    /// A model for each label that was ever heard.
    models: BTreeMap<Label, Model>,
    masses: Masses,
    ids: BTreeMap<Label, SourceId>,
    history: History,
    /// What is to arrive, in order; those at the same moment by the number after it.
    arrivals: BTreeMap<(Moment, usize), Hearing>,
    /// How many arrivals there were.
    carried: usize,
    replies: Replies,
    random: Random,
    now: Moment,
    /// What the tracker should have refused until now, and what it should have kept out.
    refused: u64,
    /// The replies that it should have dropped until now.
    unasked: u64,
    kept_out: u64,
    /// Until when the collector is too busy to judge; it takes what arrives.
    busy_until: Moment,
    next_report: Option<Moment>,
    /// How often a reply was believed.
    pub believed: u64,
    /// How often each event was told, with its cause.
    pub told: BTreeMap<(&'static str, &'static str), u64>,
}

impl Player {
    /// A player that will play the history of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::of(History::new(seed), seed)
    }

    /// A player that will play `history`, and makes its own choices by `seed`.
    #[must_use]
    pub fn of(mut history: History, seed: u64) -> Self {
        let arrivals = std::mem::take(&mut history.arrivals);
        let replies = Replies::new(&history.sent, history.interval, Random::new(seed.rotate_left(32)));
        let carried = arrivals.len();
        let numbered = arrivals.into_iter().enumerate();
        Self {
            arrivals: numbered
                .map(|(number, hearing)| ((hearing.at, number), hearing))
                .collect(),
            carried,
            replies,
            tracker: Tracker::new(history.config.clone()),
            models: BTreeMap::new(),
            masses: Masses::default(),
            ids: BTreeMap::new(),
            history,
            random: Random::new(!seed),
            now: Moment::ORIGIN,
            refused: 0,
            unasked: 0,
            kept_out: 0,
            busy_until: Moment::ORIGIN,
            next_report: None,
            believed: 0,
            told: BTreeMap::new(),
        }
    }

    /// Plays to the end, until nothing more is to happen.
    ///
    /// # Errors
    /// The first difference between the tracker and the model.
    pub fn play(&mut self) -> Result<(), String> {
        for blindness in std::mem::take(&mut self.history.blinds) {
            self.run_until(blindness.blind.from)?;
            while let Some(hearing) = self.next_arrival(blindness.blind.until) {
                if hearing.at < blindness.deaf_from {
                    self.hear(hearing)?;
                }
            }
            self.be_blind(blindness)?;
        }
        while let Some(&(at, _)) = self.arrivals.keys().next_back() {
            self.run_until(at + Duration::from_nanos(1))?;
        }
        while let Some(listing) = self.history.listings.front() {
            self.run_until(listing.at)?;
        }
        self.wait_to_the_end()
    }

    /// Takes out the next one to arrive before `until`.
    fn next_arrival(&mut self, until: Moment) -> Option<Hearing> {
        let first = self.arrivals.first_entry()?;
        (first.key().0 < until).then(|| first.remove())
    }

    /// Takes all that arrives before `until`, and judges every deadline up to then.
    fn run_until(&mut self, until: Moment) -> Result<(), String> {
        loop {
            let arrival = self.arrivals.keys().next().map_or(until, |&(at, _)| at);
            let listed = self
                .history
                .listings
                .front()
                .map_or(Moment::NEVER, |listing| listing.at);
            let next = arrival.min(until).min(listed);
            if let Some(next) = self.next_wake().filter(|&wake| wake <= next) {
                self.wake(next)?;
            } else if let Some(listing) = self.history.listings.pop_front_if(|_| listed <= next) {
                self.read_inventory(listing)?;
            } else if let Some(hearing) = self.next_arrival(until) {
                self.hear(hearing)?;
                self.at_random_moments(hearing.at)?;
            } else {
                return Ok(());
            }
        }
    }

    fn read_inventory(&mut self, Listing { at, expected }: Listing) -> Result<(), String> {
        // The tracker judges in whole milliseconds.
        let now = whole_ms(at).max(self.now);
        self.judge(now)?;
        let config = &self.history.config;
        for source in &expected {
            let new = || Model::new(config.clone());
            self.models.entry(source.label).or_insert_with(new);
        }
        let mut lines = Vec::new();
        for (&label, model) in &mut self.models {
            let listed = expected.iter().find(|source| source.label == label);
            let group = listed.map(|source| source.group.as_deref().map(str::to_owned));
            lines.extend(model.list(label, group, now));
        }
        self.tracker.expect(expected, now);
        self.run_tracker(now);
        lines.extend(self.models.values_mut().flat_map(|model| model.judge(now)));
        self.compare_events(lines, None)?;
        self.compare_tick()?;
        self.compare_deadline(now)
    }

    /// Each call does a bounded amount of work.
    fn run_tracker(&mut self, now: Moment) {
        self.tracker.on_time(now);
        while self.tracker.next_deadline().is_some_and(|next| next <= now) {
            self.tracker.on_time(now);
        }
    }

    /// The collector listens again.
    fn be_blind(&mut self, Blindness { blind, .. }: Blindness) -> Result<(), String> {
        self.tracker
            .on_blind(blind.from, blind.until, blind.blind, Cause::Stalled);
        self.models.values_mut().for_each(|model| model.blind(blind));
        let expected = Event {
            at: blind.until,
            what: What::Blind {
                blind: blind.blind,
                cause: Cause::Stalled,
            },
        };
        equal("blindness", &self.tracker.poll_event(), &Some(expected))?;
        *self.told.entry(("blind", "stalled")).or_default() += 1;
        self.judge(whole_ms(blind.until).max(self.now))
    }

    /// Judges every deadline up to `next`, as the collector's loop does. At times it wakes where the tracker asks
    /// for it although nothing is due.
    fn wake(&mut self, next: Moment) -> Result<(), String> {
        let is_idle = |&asked: &Moment| asked > self.now && asked > self.busy_until && asked < next;
        match self.tracker.next_deadline().map(whole_ms).filter(is_idle) {
            Some(asked) if self.random.chance(500_000) => self.judge(asked),
            _ => self.judge(next),
        }
    }

    /// Nobody answers any more, so that all fall silent.
    fn wait_to_the_end(&mut self) -> Result<(), String> {
        self.replies.end();
        while let Some(next) = self.next_deadline() {
            self.judge(next.max(whole_ms(self.busy_until)))?;
        }
        Ok(())
    }

    /// The next deadline of any model. The tracker decides in whole milliseconds of its clock.
    fn next_deadline(&self) -> Option<Moment> {
        let sources = self.models.values().filter_map(Model::deadline);
        sources.chain(self.masses.deadline()).min().map(whole_ms)
    }

    fn next_wake(&self) -> Option<Moment> {
        let report = self.next_report.map(whole_ms);
        let wake = self.next_deadline().into_iter().chain(report).min()?;
        Some(wake.max(whole_ms(self.busy_until)))
    }

    fn hear(&mut self, hearing: Hearing) -> Result<(), String> {
        self.now = hearing.at;
        let mut bytes = [0; FRAME_LEN];
        hearing.frame.emit(None, &mut bytes);
        self.tracker.on_datagram(
            hearing.at,
            Peer {
                addr: hearing.from,
                socket: 0,
                local: None,
            },
            &bytes,
        );
        let label = hearing.frame.label;
        let config = &self.history.config;
        let model = self
            .models
            .entry(label)
            .or_insert_with(|| Model::new(config.clone()));
        let mut acks = Vec::new();
        let expected = match model.hear(hearing) {
            Outcome::Taken(lines) => {
                let is_answered = hearing.frame.flags.want_ack && hearing.frame.kind != Kind::Reply;
                self.believed += u64::from(hearing.frame.kind == Kind::Reply);
                acks.extend(is_answered.then(|| ack(&hearing)));
                lines
            }
            Outcome::Refused(lines) => {
                self.refused += 1;
                lines
            }
            Outcome::Unasked => {
                self.unasked += 1;
                Vec::new()
            }
            Outcome::Unexpected => {
                self.kept_out += 1;
                Vec::new()
            }
        };
        self.compare_events(expected, None)?;
        let sent: Vec<Transmit> = std::iter::from_fn(|| self.tracker.poll_transmit()).collect();
        equal("acks", &sent, &acks)?;
        self.compare_tick()?;
        self.compare_deadline(hearing.at)
    }

    fn judge(&mut self, now: Moment) -> Result<(), String> {
        self.now = now;
        self.run_tracker(now);
        let expected = self
            .models
            .values_mut()
            .flat_map(|model| model.judge(now))
            .collect();
        let over = self.masses.judge(now);
        self.compare_events(expected, over)?;
        self.compare_probes(now)?;
        self.compare_reports(now)?;
        self.compare_tick()?;
        self.compare_deadline(now)
    }

    /// After an arrival: looks at the counters, or gets too busy to judge.
    fn at_random_moments(&mut self, from: Moment) -> Result<(), String> {
        let span = (self.history.interval * 3).as_nanos() as u64;
        if self.random.chance(20_000) {
            self.busy_until = from + Duration::from_nanos(self.random.below(span));
        }
        if self.random.chance(200_000) {
            self.compare_states(from)
        } else {
            Ok(())
        }
    }
}

/// The answer to a frame, to where it came from.
fn ack(hearing: &Hearing) -> Transmit {
    let mut frame = [0; FRAME_LEN];
    hearing.frame.ack().emit(None, &mut frame);
    Transmit {
        peer: Peer {
            addr: hearing.from,
            socket: 0,
            local: None,
        },
        frame,
    }
}

/// The first whole millisecond that is not before `at`.
const fn whole_ms(at: Moment) -> Moment {
    Moment::from_nanos(at.as_nanos().next_multiple_of(NS_PER_MS))
}
