//! The sources that the operator has silenced: for a time, and with a reason for whoever wonders.
//!
//! They are judged and told of like any others; only that each line about them says so, for those who would ring somebody
//! up.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use beacon_common::{Label, Moment};

use super::stored::Stored;

/// How many sources are silenced at most, by all trackers together: what a state file is given in one piece.
pub const MAX_SILENCES: usize = 4_096;

/// How many bytes a reason may have.
pub const MAX_REASON: usize = 200;

/// Why a source is silenced: a line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(Arc<str>);

impl Reason {
    /// `text`, if it is short enough and has no control characters.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let is_sound = text.len() <= MAX_REASON && !text.chars().any(char::is_control);
        is_sound.then(|| Self(text.into()))
    }

    /// The text; empty where none was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A source that is silenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Its label.
    pub label: Label,
    /// Until when.
    pub until: Moment,
    /// Why.
    pub reason: Reason,
}

/// How many sources are silenced by all trackers together.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<AtomicUsize>);

impl Places {
    /// Takes one, if there is one.
    fn take(&self) -> bool {
        let more = |taken| (taken < MAX_SILENCES).then_some(taken + 1);
        // The number alone is shared, nothing is published by it.
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
    }

    fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Every silence of one tracker.
#[derive(Debug, Default)]
pub struct Silences {
    places: Places,
    by_label: HashMap<Label, Silence>,
    /// The same, in the order in which they end.
    ends: BTreeSet<(Moment, Label)>,
}

impl Silences {
    /// None yet, with these `places` for them.
    #[must_use]
    pub fn sharing(places: Places) -> Self {
        Self {
            places,
            ..Self::default()
        }
    }

    /// The silence of the source called `label`, if there is one.
    #[must_use]
    pub fn of(&self, label: &Label) -> Option<&Silence> {
        // Nearly always there is none, and then nothing is hashed.
        if self.ends.is_empty() {
            return None;
        }
        self.by_label.get(label)
    }

    /// Begins a silence, in place of one that the source may have. Returns whether there was room.
    pub fn begin(&mut self, silence: Silence) -> bool {
        match self.by_label.get(&silence.label) {
            // Its place is kept: it might be another's at once.
            Some(before) => _ = self.ends.remove(&(before.until, before.label)),
            None if !self.places.take() => return false,
            None => {}
        }
        self.ends.insert((silence.until, silence.label));
        self.by_label.insert(silence.label, silence);
        true
    }

    /// Ends the silence of a source. Returns whether there was one.
    pub fn end(&mut self, label: &Label) -> bool {
        let Some(silence) = self.by_label.remove(label) else {
            return false;
        };
        self.places.leave();
        self.ends.remove(&(silence.until, *label))
    }

    /// When the first of them ends.
    #[must_use]
    pub fn next(&self) -> Option<Moment> {
        self.ends.first().map(|&(until, _)| until)
    }

    /// Ends the first silence that lasts no longer than `now`. Returns whose it was.
    pub fn expire(&mut self, now: Moment) -> Option<Label> {
        let &(_, label) = self.ends.first().filter(|(until, _)| *until <= now)?;
        self.end(&label);
        Some(label)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.by_label.values()
    }
}

impl Stored for Reason {
    fn store(&self, bytes: &mut Vec<u8>) {
        let len = u8::try_from(self.0.len()).expect("a reason is at most 200 bytes long");
        len.store(bytes);
        bytes.extend_from_slice(self.0.as_bytes());
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        let len = u8::restore(bytes)?;
        let (text, rest) = bytes.split_at_checked(len.into())?;
        *bytes = rest;
        Self::new(str::from_utf8(text).ok()?)
    }
}

impl Stored for Silence {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.label.store(bytes);
        self.until.store(bytes);
        self.reason.store(bytes);
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self {
            label: Label::restore(bytes)?,
            until: Moment::restore(bytes)?,
            reason: Reason::restore(bytes)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(label: &str, until_s: u64, reason: &str) -> Silence {
        Silence {
            label: Label::new(label).unwrap(),
            until: Moment::ORIGIN.after_ms(until_s * 1_000),
            reason: Reason::new(reason).unwrap(),
        }
    }

    #[test]
    fn silences_end_in_order_and_the_last_word_counts() {
        let mut silences = Silences::default();
        for (label, until_s) in [("a", 9), ("b", 5), ("a", 3)] {
            assert!(silences.begin(silence(label, until_s, "")));
        }
        let at = |s: u64| Moment::ORIGIN.after_ms(s * 1_000);
        let label = |text| Label::new(text).unwrap();
        assert_eq!(silences.of(&label("a")).unwrap().until, at(3));
        assert_eq!((silences.next(), silences.expire(at(2))), (Some(at(3)), None));
        assert_eq!(silences.expire(at(9)), Some(label("a")));
        assert_eq!(silences.expire(at(9)), Some(label("b")));
        assert_eq!((silences.expire(at(9)), silences.next()), (None, None));
        assert!(silences.of(&label("a")).is_none() && !silences.end(&label("a")));
    }

    #[test]
    fn there_is_room_for_so_many_by_all_together_and_for_another_word_on_each() {
        let places = Places::default();
        let mut all = [(); 2].map(|()| Silences::sharing(places.clone()));
        for number in 0..MAX_SILENCES {
            assert!(all[number % 2].begin(silence(&format!("s{number}"), 1, "")));
        }
        let [even, odd] = &mut all;
        assert!(!even.begin(silence("one-more", 1, "")) && !odd.begin(silence("one-more", 1, "")));
        assert!(odd.begin(silence("s7", 2, "")));
        assert!(even.end(&Label::new("s8").unwrap()));
        assert!(odd.begin(silence("one-more", 1, "")) && !even.begin(silence("s8", 1, "")));
        assert_eq!(even.iter().count() + odd.iter().count(), MAX_SILENCES);
    }

    #[test]
    fn a_silence_is_read_as_it_was_written_and_nothing_else_is() {
        let written = |silence: &Silence| {
            let mut bytes = Vec::new();
            silence.store(&mut bytes);
            bytes
        };
        for reason in ["", "für Ann", &"x".repeat(MAX_REASON)] {
            let silence = silence("fridge-7", 7, reason);
            let bytes = written(&silence);
            let mut rest = &bytes[..];
            assert_eq!(Silence::restore(&mut rest), Some(silence));
            assert_eq!(rest, [0; 0]);
            for len in 0..bytes.len() {
                assert_eq!(Silence::restore(&mut &bytes[..len]), None, "{len}");
            }
        }
        let mut bytes = written(&silence("fridge-7", 7, "a"));
        *bytes.last_mut().unwrap() = b'\n';
        assert_eq!(Silence::restore(&mut &bytes[..]), None);
        assert!(Reason::new("two\nlines").is_none() && Reason::new(&"x".repeat(201)).is_none());
    }
}
