//! Plays a history to the tracker and to the model, and compares what they say.

use std::collections::BTreeMap;
use std::time::Duration;

use beacon_collector::track::event::{Cause, Event, SourceId, State, What};
use beacon_collector::track::reject::Reject;
use beacon_collector::track::tracker::Tracker;
use beacon_collector::track::transmit::{Peer, Transmit};
use beacon_common::{FRAME_LEN, Frame, Kind, Label, Moment, View};

use crate::history::{Blindness, History, Listing};
use crate::line::Line;
use crate::model::mass::{Masses, Turn};
use crate::model::{Hearing, Model, Outcome};
use crate::random::Random;
use crate::replies::Replies;

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

    /// Compares who is asked, and lets those who are answer. What they are asked is the tracker's secret.
    fn compare_probes(&mut self, now: Moment) -> Result<(), String> {
        let mut sent = Vec::new();
        while let Some(Transmit { peer, frame }) = self.tracker.poll_transmit() {
            let frame = View::parse(&frame)
                .map_err(|error| format!("no frame is sent: {error}"))?
                .frame();
            sent.push((peer.addr, frame));
        }
        sent.sort_by_key(|(_, frame)| frame.label);
        let nonces = sent.iter().map(|(_, frame)| frame.sent_us);
        let probe = |label, session, nonce| Frame::probe(label, session, nonce);
        let mut expected = Vec::new();
        let asked = self
            .models
            .iter_mut()
            .flat_map(|(&label, model)| model.take_probes().into_iter().map(move |asked| (label, asked)));
        for ((label, (to, session)), nonce) in asked.zip(nonces.chain(std::iter::repeat(0))) {
            expected.push((to, probe(label, session, nonce)));
        }
        equal("probes", &sent, &expected)?;
        for (to, probe) in sent {
            if let Some(model) = self.models.get_mut(&probe.label) {
                model.ask(probe.sent_us);
            }
            for reply in self.replies.to(now, to, &probe) {
                self.arrivals.insert((reply.at, self.carried), reply);
                self.carried += 1;
            }
        }
        Ok(())
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

    /// Asks for the state of one source or of all.
    fn compare_states(&mut self, now: Moment) -> Result<(), String> {
        let known: Vec<(Label, SourceId)> = self.ids.iter().map(|(&label, &id)| (label, id)).collect();
        let asked = if known.is_empty() || self.random.chance(500_000) {
            self.tracker.ask_all_states();
            self.models.keys().copied().collect()
        } else {
            let (label, id) = self.random.pick(&known);
            self.tracker.ask_state(id);
            self.tracker.ask_state(id);
            vec![label]
        };
        let mut expected: Vec<Line> = asked
            .iter()
            .filter_map(|label| self.models.get_mut(label)?.snapshot(now))
            .collect();
        self.compare_polled(now, &mut expected)
    }

    fn compare_reports(&mut self, now: Moment) -> Result<(), String> {
        let Some(period) = self.history.config.report else {
            return Ok(());
        };
        let is_due = self.next_report.is_some_and(|at| at <= now);
        if is_due || self.next_report.is_none() {
            self.next_report = Some(now + period);
        }
        let mut expected = Vec::new();
        if is_due {
            expected.extend(self.models.values_mut().filter_map(|model| model.report(now)));
        }
        self.compare_polled(now, &mut expected)
    }

    fn compare_polled(&mut self, now: Moment, expected: &mut [Line]) -> Result<(), String> {
        let mut polled = Vec::new();
        while let Some(event) = self.tracker.poll_state(now) {
            polled.extend(Line::of(&event));
        }
        for line in &mut polled {
            equal("mark of mass", &take_mark(line), &self.masses.is_mass())?;
        }
        polled
            .iter()
            .for_each(|line| *self.told.entry(line.gist()).or_default() += 1);
        polled.sort_by_key(|line| line.source);
        expected.sort_by_key(|line| line.source);
        equal("lines asked for", polled.as_slice(), expected)
    }

    /// Compares the events told since the last time, source by source: the order of two sources is free.
    /// `over` is that a mass loss has ended by itself before.
    fn compare_events(&mut self, mut expected: Vec<Line>, over: Option<Turn>) -> Result<(), String> {
        let mut told = Vec::new();
        // Each with the number of lines before it.
        let mut turns = Vec::new();
        let mut expected_turns: Vec<_> = over.map(|turn| (0, turn)).into_iter().collect();
        while let Some(event) = self.tracker.poll_event() {
            if let Some(turn) = turn_of(&event) {
                turns.push((told.len(), turn));
                *self.told.entry(gist(turn)).or_default() += 1;
                continue;
            }
            if let What::Source(about) = &event.what {
                self.ids.insert(about.label, about.id);
            }
            let mut line = Line::of(&event).ok_or_else(|| format!("untimely: {event:?}"))?;
            let mark = take_mark(&mut line);
            expected_turns.extend(self.masses.hear(&line).map(|turn| (told.len(), turn)));
            equal("marks of a mass loss", &mark, &self.masses.is_mass())?;
            told.push(line);
        }
        equal("turns of a mass loss", &turns, &expected_turns)?;
        for line in &told {
            *self.told.entry(line.gist()).or_default() += 1;
            if line.event == "forgotten" {
                self.ids.remove(&line.source);
            }
        }
        told.sort_by_key(|line| line.source);
        expected.sort_by_key(|line| line.source);
        equal("events", &told, &expected)
    }

    fn compare_tick(&self) -> Result<(), String> {
        let tick = self.tracker.tick();
        let in_state = |state: State| {
            let is_in = |model: &&Model| model.state() == Some(state.name());
            self.models.values().filter(is_in).count() as u64
        };
        equal("sources by state", &tick.sources, &State::ALL.map(in_state))?;
        equal(
            "refused sessions",
            &tick.rejected.get(Reject::Session),
            &self.refused,
        )?;
        equal(
            "replies that answer nothing",
            &tick.rejected.get(Reject::Kind),
            &self.unasked,
        )?;
        equal(
            "sources kept out",
            &tick.rejected.get(Reject::Full),
            &self.kept_out,
        )
    }

    /// The tracker asks to be woken in time for the next deadline, and not without end before it.
    fn compare_deadline(&self, now: Moment) -> Result<(), String> {
        let (asked, due) = (self.tracker.next_deadline(), self.next_deadline());
        match (asked, due) {
            (None, Some(due)) => Err(format!("at {now:?}: not to be woken, but {due:?} is due")),
            (Some(asked), Some(due)) if asked > due && asked > now => Err(format!(
                "at {now:?}: to be woken at {asked:?}, but {due:?} is due"
            )),
            _ => Ok(()),
        }
    }
}

fn turn_of(event: &Event) -> Option<Turn> {
    match event.what {
        What::MassLoss(mass) => Some(Turn::Loss(mass)),
        What::MassOver(mass) => Some(Turn::Over(mass)),
        _ => None,
    }
}

const fn gist(turn: Turn) -> (&'static str, &'static str) {
    match turn {
        Turn::Loss(_) => ("mass_loss", "-"),
        Turn::Over(_) => ("mass_over", "-"),
    }
}

/// Takes the mark of a mass loss off a line: the models of single sources know nothing of it.
fn take_mark(line: &mut Line) -> bool {
    let marked = line.extra.iter().position(|(key, _)| *key == "mass");
    marked.map(|at| line.extra.remove(at)).is_some()
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

fn equal<T: PartialEq + std::fmt::Debug + ?Sized>(what: &str, tracker: &T, model: &T) -> Result<(), String> {
    if tracker == model {
        return Ok(());
    }
    Err(format!(
        "{what} differ\n  tracker: {tracker:#?}\n  model: {model:#?}"
    ))
}
