//! The sources that are expected (docs/protocol.md, section 9): until they are heard, they wait here.
//!
//! One that was heard is in the table like any other source. What is left of it here is that it is never forgotten, and
//! its group.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use beacon_common::{Label, Moment};

use super::event::{SourceId, State};
use super::rules::Rules;
use super::tell::Before;

/// A source that is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its label.
    pub label: Label,
    /// The group that it belongs to.
    pub group: Option<Arc<str>>,
}

/// Every expected source of one tracker.
#[derive(Default)]
pub struct Inventory {
    /// Where each stands in `entries`.
    places: HashMap<Label, u32>,
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    /// How many of them were never heard.
    unheard: usize,
    /// Those that are not down yet, in the order in which they will be.
    settling: VecDeque<Settling>,
    reading: Reading,
    /// The unheard whose state is asked for; each of them is marked.
    asked: VecDeque<Label>,
    /// How far a snapshot of all of them has come.
    all: Option<usize>,
}

struct Entry {
    expected: Expected,
    /// The last reading that it was in.
    reading: u32,
    /// What there is to know until it is heard.
    unheard: Option<Unheard>,
}

/// What is known of a source that was never heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unheard {
    /// Since when it is expected.
    pub(super) since: Moment,
    /// Since when it is down.
    down_since: Option<Moment>,
    is_asked: bool,
}

/// Sources that are expected since the same moment.
struct Settling {
    since: Moment,
    /// Some may have been heard meanwhile, or are expected no more.
    places: Vec<u32>,
}

/// A list of expected sources that takes the place of the one before, a bounded number at a time.
#[derive(Default)]
struct Reading {
    /// Which one it is.
    number: u32,
    at: Moment,
    /// What is not taken in yet.
    rest: std::vec::IntoIter<Expected>,
    /// How far the search has come for those that are left out.
    swept: usize,
}

/// A step of taking in a new list.
pub(super) enum Step {
    /// The list has this source.
    Listed(Expected),
    /// The list has the source at this place no more.
    LeftOut(u32),
    /// There was nothing to do.
    Kept,
    /// That was all.
    Done,
}

/// Marks the number of a source that was never heard; the others are at most as many as the sources that there may be.
const UNHEARD: u32 = 1 << 31;

impl SourceId {
    /// Of the expected source at `place`, as long as it was never heard.
    pub(super) const fn of_unheard(place: u32) -> Self {
        Self(UNHEARD | place)
    }

    /// The place of an expected source that was not heard when it was given this number.
    pub(super) const fn as_unheard(self) -> Option<u32> {
        if self.0 & UNHEARD == 0 {
            None
        } else {
            Some(self.0 & !UNHEARD)
        }
    }
}

impl Unheard {
    pub(super) const fn state(&self) -> State {
        match self.down_since {
            None => State::Unknown,
            Some(_) => State::Down,
        }
    }

    /// Since when it is in its state.
    pub(super) fn in_state_since(&self) -> Moment {
        self.down_since.unwrap_or(self.since)
    }

    /// What a line tells about the time before `now`.
    pub(super) fn before(&self, now: Moment) -> Before {
        Before {
            state: self.state(),
            since: now.since(self.in_state_since()),
            silent: now.since(self.since),
            addr: None,
            health: None,
        }
    }

    /// How long after it came to be expected it is down: the blind time since does not count.
    pub(super) fn bound(&self, rules: Rules<'_>) -> Duration {
        rules.config.settle + rules.blindness.since(self.since)
    }
}

impl Inventory {
    /// Whether nobody is expected.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether this source is expected, heard or not.
    pub(super) fn expects(&self, label: &Label) -> bool {
        self.places.contains_key(label)
    }

    /// The group of an expected source.
    pub(super) fn group(&self, label: &Label) -> Option<Arc<str>> {
        let entry = self.entry(*self.places.get(label)?)?;
        entry.expected.group.clone()
    }

    /// An expected source is heard. Returns what there was to know of it, if that is the first time.
    pub(super) fn hear(&mut self, label: &Label) -> Option<Unheard> {
        let place = *self.places.get(label)?;
        let unheard = self.entry_mut(place)?.unheard.take()?;
        self.unheard -= 1;
        Some(unheard)
    }

    /// The place of an expected source.
    pub(super) fn place(&self, label: &Label) -> Option<u32> {
        self.places.get(label).copied()
    }

    /// An expected source is forgotten: from `now` on it counts as never heard. Returns whether it was expected.
    pub(super) fn lose(&mut self, label: &Label, now: Moment) -> bool {
        let Some(place) = self.place(label) else {
            return false;
        };
        if let Some(entry) = self.entry_mut(place) {
            entry.unheard = Some(Unheard {
                since: now,
                down_since: None,
                is_asked: false,
            });
        }
        self.unheard += 1;
        self.begin_to_settle(place, now);
        true
    }

    /// The sources at the places from `from` up to `end` that were never heard.
    pub(super) fn unheard_among(&self, from: u32, end: u32) -> impl Iterator<Item = (u32, Label, Unheard)> {
        (from..end.min(self.entries.len() as u32)).filter_map(|place| {
            let (label, unheard) = self.at(place)?;
            Some((place, label, unheard?))
        })
    }

    /// Whether there is a place from `place` on.
    pub(super) fn reaches(&self, place: u32) -> bool {
        (place as usize) < self.entries.len()
    }

    /// Begins to take in a list of sources that are expected from `now` on, unless they were already.
    pub(super) fn read(&mut self, expected: Vec<Expected>, now: Moment) {
        self.reading = Reading {
            number: self.reading.number.wrapping_add(1),
            at: now,
            rest: expected.into_iter(),
            swept: 0,
        };
    }

    /// The next step of taking in a list. The search for those left out does not begin before all others are in.
    pub(super) fn step(&mut self) -> Step {
        let reading = &mut self.reading;
        if let Some(expected) = reading.rest.next() {
            return Step::Listed(expected);
        }
        let place = reading.swept;
        let Some(entry) = self.entries.get(place) else {
            return Step::Done;
        };
        reading.swept += 1;
        match entry {
            Some(entry) if entry.reading != reading.number => Step::LeftOut(place as u32),
            _ => Step::Kept,
        }
    }

    fn is_reading(&self) -> bool {
        self.reading.rest.len() > 0 || self.reading.swept < self.entries.len()
    }

    /// Takes in a source that the list has. Returns whether it is one more that was never heard.
    pub(super) fn add(&mut self, expected: Expected, is_heard: bool) -> bool {
        let number = self.reading.number;
        if let Some(&place) = self.places.get(&expected.label) {
            if let Some(entry) = self.entry_mut(place) {
                (entry.expected, entry.reading) = (expected, number);
            }
            return false;
        }
        let unheard = (!is_heard).then_some(Unheard {
            since: self.reading.at,
            down_since: None,
            is_asked: false,
        });
        let place = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            (self.entries.len() - 1) as u32
        });
        self.places.insert(expected.label, place);
        self.entries[place as usize] = Some(Entry {
            expected,
            reading: number,
            unheard,
        });
        if !is_heard {
            self.unheard += 1;
            self.begin_to_settle(place, self.reading.at);
        }
        !is_heard
    }

    fn begin_to_settle(&mut self, place: u32, since: Moment) {
        match self.settling.back_mut() {
            Some(last) if last.since == since => last.places.push(place),
            _ => self.settling.push_back(Settling {
                since,
                places: vec![place],
            }),
        }
    }

    /// The source at this place is expected no more.
    pub(super) fn remove(&mut self, place: u32) {
        if let Some(entry) = self.entries.get_mut(place as usize).and_then(Option::take) {
            self.places.remove(&entry.expected.label);
            self.unheard -= usize::from(entry.unheard.is_some());
            self.free.push(place);
        }
    }

    /// When there is something to do.
    pub(super) fn next(&self, rules: Rules<'_>) -> Option<Moment> {
        if self.is_reading() {
            return Some(Moment::ORIGIN);
        }
        self.next_down(rules)
    }

    /// When those that are expected for the longest time are down.
    pub(super) fn next_down(&self, rules: Rules<'_>) -> Option<Moment> {
        let since = self.settling.front()?.since;
        Some(since + rules.config.settle + rules.blindness.since(since))
    }

    /// Lets one of those go down. `None` where it is heard by now, or expected no more.
    pub(super) fn go_down(&mut self, now: Moment) -> Option<u32> {
        let first = self.settling.front_mut()?;
        let since = first.since;
        let place = first.places.pop();
        if first.places.is_empty() {
            self.settling.pop_front();
        }
        let unheard = self.entry_mut(place?)?.unheard.as_mut()?;
        if unheard.since != since || unheard.down_since.is_some() {
            return None;
        }
        unheard.down_since = Some(now);
        place
    }

    /// The label of the expected source at this place, and what is known of it if it was never heard.
    pub(super) fn at(&self, place: u32) -> Option<(Label, Option<Unheard>)> {
        let entry = self.entry(place)?;
        Some((entry.expected.label, entry.unheard))
    }

    /// Asks for the state of the source at this place, once, if it was never heard. Else its label is returned.
    pub(super) fn ask(&mut self, place: u32) -> Option<Label> {
        let entry = self.entry_mut(place)?;
        let label = entry.expected.label;
        let Some(unheard) = &mut entry.unheard else {
            return Some(label);
        };
        if !std::mem::replace(&mut unheard.is_asked, true) {
            self.asked.push_back(label);
        }
        None
    }

    /// Asks for the state of every source that was never heard.
    pub(super) const fn ask_all(&mut self) {
        self.all = Some(0);
    }

    /// The next label whose state was asked for while it was not heard, with its place if it still was not.
    pub(super) fn next_asked(&mut self) -> Option<(Label, Option<u32>)> {
        if let Some(label) = self.asked.pop_front() {
            let place = self.places.get(&label).copied();
            let unheard = place.and_then(|place| self.entry_mut(place)?.unheard.as_mut());
            let is_unheard = unheard.map(|unheard| unheard.is_asked = false).is_some();
            return Some((label, place.filter(|_| is_unheard)));
        }
        let from = self.all.take().filter(|_| self.unheard > 0)?;
        let mut rest = self.entries.iter().enumerate().skip(from);
        let (place, label) = rest.find_map(|(place, entry)| {
            let entry = entry.as_ref().filter(|entry| entry.unheard.is_some())?;
            Some((place, entry.expected.label))
        })?;
        self.all = Some(place + 1);
        Some((label, Some(place as u32)))
    }

    fn entry(&self, place: u32) -> Option<&Entry> {
        self.entries.get(place as usize)?.as_ref()
    }

    fn entry_mut(&mut self, place: u32) -> Option<&mut Entry> {
        self.entries.get_mut(place as usize)?.as_mut()
    }
}
