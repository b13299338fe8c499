//! What the tracker says beside what the model says.

use beacon_collector::track::event::{Event, SourceId, State, What};
use beacon_collector::track::reject::Reject;
use beacon_collector::track::transmit::Transmit;
use beacon_common::{Frame, Label, Moment, View};

use super::Player;
use crate::line::Line;
use crate::model::Model;
use crate::model::mass::Turn;

impl Player {
    /// Compares who is asked, and lets those who are answer. What they are asked is the tracker's secret.
    pub(super) fn compare_probes(&mut self, now: Moment) -> Result<(), String> {
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

    /// Asks for the state of one source or of all.
    pub(super) fn compare_states(&mut self, now: Moment) -> Result<(), String> {
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

    pub(super) fn compare_reports(&mut self, now: Moment) -> Result<(), String> {
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

    pub(super) fn compare_polled(&mut self, now: Moment, expected: &mut [Line]) -> Result<(), String> {
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
    pub(super) fn compare_events(
        &mut self,
        mut expected: Vec<Line>,
        over: Option<Turn>,
    ) -> Result<(), String> {
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

    pub(super) fn compare_tick(&self) -> Result<(), String> {
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
    pub(super) fn compare_deadline(&self, now: Moment) -> Result<(), String> {
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

/// Compares what the tracker says with what the model does.
pub(super) fn equal<T: PartialEq + std::fmt::Debug + ?Sized>(
    what: &str,
    tracker: &T,
    model: &T,
) -> Result<(), String> {
    if tracker == model {
        return Ok(());
    }
    Err(format!(
        "{what} differ\n  tracker: {tracker:#?}\n  model: {model:#?}"
    ))
}
