//! How often each source has begun a new session, as far as lines told of it.
//!
//! A line that tells that a source is forgotten takes it out. But that line may never be written: it is not asked for
//! (`--events`), or is one of those that a `gap` line stands for. So whoever serves sorts out those who are gone
//! whenever there are many.

use std::collections::HashMap;

use beacon_common::{Label, Moment};

/// How many there may be before anybody looks who is gone.
const FEW: usize = 4_096;

/// The new sessions of the sources.
#[derive(Debug)]
pub(super) struct Restarts {
    by_label: HashMap<Label, Counted>,
    /// With more than so many, it is time to sort out.
    most: usize,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    sessions: u32,
    /// When the last of them was told.
    newest: Moment,
}

impl Default for Restarts {
    fn default() -> Self {
        Self {
            by_label: HashMap::new(),
            most: FEW,
        }
    }
}

impl Restarts {
    /// A line tells of one more.
    pub(super) fn count(&mut self, label: Label, now: Moment) {
        let counted = self.by_label.entry(label).or_insert(Counted {
            sessions: 0,
            newest: now,
        });
        counted.sessions = counted.sessions.saturating_add(1);
        counted.newest = now;
    }

    /// A line tells that the source is gone.
    pub(super) fn forget(&mut self, label: &Label) {
        self.by_label.remove(label);
    }

    /// How many lines told of.
    pub(super) fn of(&self, label: &Label) -> u32 {
        self.by_label.get(label).map_or(0, |counted| counted.sessions)
    }

    /// Whether there are so many that some may be gone.
    pub(super) fn are_many(&self) -> bool {
        self.by_label.len() > self.most
    }

    /// Keeps those of the sources that are `there`, by a look that began at `begun`, and of those that may be newer than
    /// that. Half of what then is too many is there, so it takes as many new ones as are kept before it is done again.
    pub(super) fn sort_out<'a>(&mut self, there: impl Iterator<Item = &'a Label>, begun: Moment) {
        let mut before = std::mem::take(&mut self.by_label);
        let known = there.filter_map(|label| before.remove_entry(label));
        self.by_label = known.collect();
        let newer = before.into_iter().filter(|(_, counted)| counted.newest >= begun);
        self.by_label.extend(newer);
        self.most = FEW + 2 * self.by_label.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(number: usize) -> Label {
        Label::new(&format!("s{number}")).unwrap()
    }

    fn at(s: u64) -> Moment {
        Moment::ORIGIN.after_ms(s * 1_000)
    }

    #[test]
    fn those_who_are_gone_without_a_line_are_sorted_out() {
        let mut restarts = Restarts::default();
        (0..FEW).for_each(|number| restarts.count(label(number), at(1)));
        assert!(!restarts.are_many());
        restarts.count(label(FEW), at(1));
        restarts.count(label(0), at(1));
        assert!(restarts.are_many());
        // This one may have come too late for the look.
        restarts.count(label(FEW + 1), at(2));

        let there: Vec<_> = (0..3).chain([FEW + 5]).map(label).collect();
        restarts.sort_out(there.iter(), at(2));
        assert_eq!(restarts.by_label.len(), 4);
        assert!(!restarts.are_many());
        assert_eq!(
            [0, 1, 2, 3, FEW, FEW + 1].map(|number| restarts.of(&label(number))),
            [2, 1, 1, 0, 0, 1]
        );
        restarts.sort_out(there.iter(), at(3));
        assert_eq!(restarts.by_label.len(), 3);
    }

    #[test]
    fn as_many_as_there_are_come_before_it_is_sorted_out_again() {
        let mut restarts = Restarts::default();
        let labels: Vec<_> = (0..=3 * FEW).map(label).collect();
        labels.iter().for_each(|label| restarts.count(*label, at(1)));
        restarts.sort_out(labels[..FEW].iter(), at(2));
        labels.iter().for_each(|label| restarts.count(*label, at(3)));
        assert!(restarts.are_many());
        labels[..2].iter().for_each(|label| restarts.forget(label));
        assert!(!restarts.are_many());
    }
}
