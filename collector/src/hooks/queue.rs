//! What waits for its hook.
//!
//! The hooks of one source run one after the other, in the order of its events, so that what puts a server back is never
//! overtaken by what has taken it out. Of what a source has told again meanwhile only the last waits: the queue holds
//! no more than the present takes, and the state that a source is left in is always run.
//!
//! Falls during a mass loss are held until it is over: where most of a fleet fell silent at once, it is the network that
//! needs help.

use std::collections::{HashMap, VecDeque};

use beacon_common::{Label, Moment};

use super::counts::{Counts, Outcome};
use crate::output::events::{EventName, EventSet};
use crate::track::event::{Event, Happening, Mass, SourceEvent, What};

/// An event that a hook is to be run for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    /// The number of the event, among those that were handed over.
    pub(super) id: u64,
    /// Microseconds since the Unix epoch, UTC.
    pub(super) time_us: u64,
    pub(super) event: Box<Event>,
}

/// Whom an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Collector,
    Source(Label),
}

/// What an event tells. A later one of the same topic makes an earlier one that still waits pointless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    /// The state that a source is in.
    State,
    /// Whether there is a mass loss.
    Mass,
    Other(EventName),
}

/// The hooks of one subject.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Call>,
    is_running: bool,
}

/// All that waits.
#[derive(Debug)]
pub(super) struct Queue {
    /// The events that hooks are run for.
    events: EventSet,
    /// How many events may wait.
    bound: usize,
    counts: Counts,
    lanes: HashMap<Subject, Lane>,
    /// The subjects of which something waits and nothing runs, in the order in which their turn comes.
    ready: VecDeque<Subject>,
    /// How many events wait in the lanes.
    in_lanes: usize,
    /// The falls during a mass loss.
    held: HashMap<Label, Call>,
    /// When the last mass loss was over.
    mass_over_at: Moment,
}

impl Queue {
    /// An empty one, in which up to `bound` events may wait.
    pub(super) fn new(events: EventSet, bound: usize, counts: Counts) -> Self {
        Self {
            events,
            bound,
            counts,
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            in_lanes: 0,
            held: HashMap::new(),
            mass_over_at: Moment::ORIGIN,
        }
    }

    /// How many events wait.
    pub(super) fn len(&self) -> usize {
        self.in_lanes + self.held.len()
    }

    /// Takes an event, which becomes a call sooner or later, or is counted as what has become of it.
    pub(super) fn offer(&mut self, call: Call) {
        match &call.event.what {
            What::Source(source) if source.marks.silenced => {
                self.counts.add(Outcome::Withheld, 1);
                return self.silence(source.label);
            }
            What::Source(source) if self.is_mass_fall(source, call.event.at) => {
                return self.hold(source.label, call);
            }
            What::Source(source) if topic(&call.event.what) == Topic::State => self.let_go(source.label),
            What::MassOver(mass) => self.end_mass(*mass, call.event.at),
            _ => {}
        }
        if self.events.contains(EventName::of(&call.event.what)) {
            self.enter(call);
        }
    }

    /// Nothing is run for a silenced source, nor what has waited when it was silenced.
    pub(super) fn silence(&mut self, label: Label) {
        self.let_go(label);
        let subject = Subject::Source(label);
        let Some(lane) = self.lanes.get_mut(&subject) else {
            return;
        };
        let withheld = lane.waiting.len();
        lane.waiting.clear();
        self.in_lanes -= withheld;
        self.counts.add(Outcome::Withheld, withheld as u64);
        if !lane.is_running {
            self.lanes.remove(&subject);
            self.ready.retain(|&ready| ready != subject);
        }
    }

    /// Takes out all that waits, and says how much it was.
    pub(super) fn clear(&mut self) -> usize {
        let waited = self.len();
        self.lanes.clear();
        self.ready.clear();
        self.held.clear();
        self.in_lanes = 0;
        waited
    }

    /// The next call, whose subject has no other until [`Queue::done`].
    pub(super) fn next(&mut self) -> Option<Call> {
        let subject = self.ready.pop_front()?;
        let lane = self.lanes.get_mut(&subject)?;
        lane.is_running = true;
        self.in_lanes -= 1;
        lane.waiting.pop_front()
    }

    /// The hook of `subject` has ended.
    pub(super) fn done(&mut self, subject: Subject) {
        let Some(lane) = self.lanes.get_mut(&subject) else {
            return;
        };
        lane.is_running = false;
        if lane.waiting.is_empty() {
            self.lanes.remove(&subject);
        } else {
            self.ready.push_back(subject);
        }
    }

    fn enter(&mut self, call: Call) {
        let (subject, topic_now) = (subject(&call.event.what), topic(&call.event.what));
        let is_full = self.len() >= self.bound;
        let lane = self.lanes.entry(subject).or_default();
        let before = lane.waiting.len();
        lane.waiting
            .retain(|waiting| topic(&waiting.event.what) != topic_now);
        if lane.waiting.len() < before {
            self.in_lanes -= 1;
            self.counts.add(Outcome::Replaced, 1);
        } else if is_full {
            if before == 0 && !lane.is_running {
                self.lanes.remove(&subject);
            }
            return self.counts.add(Outcome::Dropped, 1);
        }
        if before == 0 && !lane.is_running {
            self.ready.push_back(subject);
        }
        lane.waiting.push_back(call);
        self.in_lanes += 1;
    }

    /// Whether a fall is to be held: not one that is told late of a mass loss that is over.
    fn is_mass_fall(&self, source: &SourceEvent, at: Moment) -> bool {
        let is_fall = matches!(source.happening, Happening::Late | Happening::Down);
        is_fall && source.marks.mass && at > self.mass_over_at
    }

    fn hold(&mut self, label: Label, call: Call) {
        let is_full = self.len() >= self.bound;
        match self.held.get_mut(&label) {
            Some(held) => {
                *held = call;
                self.counts.add(Outcome::Replaced, 1);
            }
            None if is_full => self.counts.add(Outcome::Dropped, 1),
            None => {
                self.held.insert(label, call);
            }
        }
    }

    /// The source is not where it fell to any more.
    fn let_go(&mut self, label: Label) {
        if self.held.remove(&label).is_some() {
            self.counts.add(Outcome::Withheld, 1);
        }
    }

    /// Those who are still silent when fewer than half are have a fault of their own. Where it is half or more, the mass
    /// loss has only lasted too long to be called one, and nobody is helped by as many hooks.
    fn end_mass(&mut self, mass: Mass, at: Moment) {
        self.mass_over_at = at;
        let of_this_one = self.held.extract_if(|_, call| call.event.at <= at);
        let mut calls: Vec<_> = of_this_one.map(|(_, call)| call).collect();
        if mass.count * 2 >= mass.total {
            return self.counts.add(Outcome::Withheld, calls.len() as u64);
        }
        calls.sort_by_key(|call| call.id);
        calls.into_iter().for_each(|call| self.enter(call));
    }
}

/// Whom an event is about.
pub(super) const fn subject(what: &What) -> Subject {
    match what {
        What::Source(source) => Subject::Source(source.label),
        _ => Subject::Collector,
    }
}

const fn topic(what: &What) -> Topic {
    match EventName::of(what) {
        EventName::Source(
            Happening::Up
            | Happening::Late
            | Happening::Down
            | Happening::Stopped
            | Happening::Asleep
            | Happening::Steady,
        ) => Topic::State,
        EventName::MassLoss | EventName::MassOver => Topic::Mass,
        other => Topic::Other(other),
    }
}

#[cfg(test)]
mod tests;
