//! The sources that are expected (docs/protocol.md, section 9): until they are heard, they wait here.
//!
//! One that was heard is in the table like any other source. What is left of it here is that it is never forgotten, and
//! its group.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use beacon_common::{Label, Moment};

use super::event::{SourceId, State};
use super::rules::Rules;
use super::stored::stored;
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
    /// Those that are not down yet, by the moment since which they are expected: in the order in which they will be. Some
    /// may have been heard meanwhile, or are expected no more.
    settling: BTreeMap<Moment, Vec<u32>>,
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
pub struct Unheard {
    /// Since when it is expected.
    pub(super) since: Moment,
    /// Since when it is down.
    down_since: Option<Moment>,
    is_asked: bool,
}

stored!(Unheard { since, down_since; is_asked: false } where |unheard: &Unheard| {
    unheard.down_since.is_none_or(|down_since| unheard.since <= down_since)
});

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
    pub(crate) const fn of_unheard(place: u32) -> Self {
        Self(UNHEARD | place)
    }

    /// The place of an expected source that was not heard when it was given this number.
    pub(crate) const fn as_unheard(self) -> Option<u32> {
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

    /// The same where no moment lies behind `now`.
    pub(super) fn until(self, now: Moment) -> Self {
        Self {
            since: self.since.min(now),
            down_since: self.down_since.map(|down_since| down_since.min(now)),
            ..self
        }
    }

    /// What a line tells about the time before `now`.
    pub(super) fn before(&self, now: Moment) -> Before {
        Before {
            state: self.state(),
            is_new: false,
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

    /// The state of an expected source that was never heard.
    pub(super) fn unheard_state(&self, label: &Label) -> Option<State> {
        let unheard = self.entry(self.place(label)?)?.unheard.as_ref();
        unheard.map(Unheard::state)
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
        self.settling.entry(now).or_default().push(place);
        true
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

    /// Whether no list was read yet: whoever is expected was so before the collector was restarted.
    pub(super) const fn is_unread(&self) -> bool {
        self.reading.number == 0
    }

    /// Whether not all of a list is taken in.
    pub(super) fn is_listing(&self) -> bool {
        self.reading.rest.len() > 0
    }

    fn is_reading(&self) -> bool {
        self.is_listing() || self.reading.swept < self.entries.len()
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
        self.put(expected, unheard);
        !is_heard
    }

    /// Takes in a source that was never heard as it was known before the collector was restarted: it is expected until a
    /// list leaves it out. Returns whether it was not there yet.
    pub(super) fn restore(&mut self, label: Label, unheard: Unheard) -> bool {
        let is_new = !self.expects(&label);
        if is_new {
            self.put(Expected { label, group: None }, Some(unheard));
        }
        is_new
    }

    fn put(&mut self, expected: Expected, unheard: Option<Unheard>) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            (self.entries.len() - 1) as u32
        });
        self.places.insert(expected.label, place);
        self.entries[place as usize] = Some(Entry {
            expected,
            reading: self.reading.number,
            unheard,
        });
        let Some(unheard) = unheard else { return };
        self.unheard += 1;
        if unheard.down_since.is_none() {
            self.settling.entry(unheard.since).or_default().push(place);
        }
    }

    /// Those of the expected sources at the places from `from` to before `end` that were never heard.
    pub(super) fn unheard(&self, from: u32, end: u32) -> impl Iterator<Item = (u32, Label, Unheard)> {
        let unheard = move |place: u32| {
            let (label, unheard) = self.at(place)?;
            Some((place, label, unheard?))
        };
        (from..end).filter_map(unheard)
    }

    /// Whether there is a place from `from` on.
    pub(super) const fn reaches(&self, from: u32) -> bool {
        (from as usize) < self.entries.len()
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
        let (&since, _) = self.settling.first_key_value()?;
        Some(since + rules.config.settle + rules.blindness.since(since))
    }

    /// Lets one of those go down. `None` where it is heard by now, or expected no more.
    pub(super) fn go_down(&mut self, now: Moment) -> Option<u32> {
        let mut first = self.settling.first_entry()?;
        let since = *first.key();
        let place = first.get_mut().pop();
        if first.get().is_empty() {
            first.remove();
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
