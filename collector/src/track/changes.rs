//! The sources of which something has changed that is worth saving at once: a list for whoever keeps a journal
//! (docs/operations.md).

use std::collections::VecDeque;

use beacon_common::Label;

/// How many are listed at most; where more change before anybody asks, everything has to be saved anew.
pub const MAX_CHANGES: usize = 1 << 16;

/// Labels of sources that have changed since they were last asked for, oldest first.
#[derive(Default)]
pub struct Changes {
    labels: VecDeque<Label>,
    /// How many there is room for; none where nobody asks.
    most: usize,
    has_news: bool,
    has_overflowed: bool,
}

impl Changes {
    /// Makes room for `most` of them.
    pub const fn make_room(&mut self, most: usize) {
        self.most = most;
    }

    /// Something of this source has changed. Returns whether it could be listed.
    pub fn note(&mut self, label: Label) -> bool {
        self.has_news = true;
        let has_room = self.labels.len() < self.most;
        if has_room {
            self.labels.push_back(label);
        } else {
            self.has_overflowed = true;
        }
        has_room
    }

    /// Whether anything has changed since this was last asked.
    pub const fn take_news(&mut self) -> bool {
        std::mem::replace(&mut self.has_news, false)
    }

    /// Whether there was no room for some since this was last asked.
    pub const fn take_overflow(&mut self) -> bool {
        std::mem::replace(&mut self.has_overflowed, false)
    }

    /// The next source. The memory of a great many is given back with the last of them.
    pub fn take(&mut self) -> Option<Label> {
        let label = self.labels.pop_front();
        if self.labels.is_empty() {
            self.labels.shrink_to(MAX_CHANGES / 64);
        }
        label
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_room_for_is_told_once() {
        let mut changes = Changes::default();
        let label = |text| Label::new(text).unwrap();
        assert!(!changes.note(label("a")) && changes.take_news() && changes.take_overflow());
        changes.make_room(2);
        let noted = ["a", "b", "c"].map(|text| changes.note(label(text)));
        assert_eq!(noted, [true, true, false]);
        assert!(changes.take_overflow() && !changes.take_overflow());
        assert!(changes.take_news() && !changes.take_news());
        assert_eq!(
            [(); 3].map(|()| changes.take()),
            [Some(label("a")), Some(label("b")), None]
        );
        assert!(changes.is_empty() && changes.note(label("c")));
    }
}
