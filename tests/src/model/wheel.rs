//! One session, as the list of all frames that were heard in it (docs/protocol.md, section 10).
//!
//! Where the tracker keeps 64 bits, this keeps every number in a set and counts it again whenever it is asked.

use std::collections::BTreeSet;

use super::Hearing;
use beacon_common::Session;

/// How many numbers a wheel holds.
const WHEEL: i128 = 64;

/// What a frame was when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    New,
    Reordered,
    Duplicate,
    Old,
}

/// A frame, and what it was when it came.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    class: Class,
    pub(super) hearing: Hearing,
    /// The reply that was the newest sign of life before it, if one was.
    pub(super) reply: Option<Hearing>,
    /// Whether the collector could not listen at some time since the newest sign of life.
    pub(super) is_after_blindness: bool,
}

/// One session of a source.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) session: Session,
    /// The lowest number that a frame was expected of.
    pub(super) expected_from: i128,
    heard: Vec<Heard>,
    /// The numbers that were received.
    filled: BTreeSet<i128>,
    /// The numbers that were received when they were settled: for the runs of lost ones, a beat that comes later
    /// comes too late.
    pub(super) settled: BTreeSet<i128>,
    /// The lowest number that is not settled.
    settled_to: i128,
}

impl Log {
    /// A session that began unheard: what came before its first frame here is not expected.
    pub(super) fn joined(first: &Hearing) -> Self {
        let (session, expected_from) = (first.frame.session, first.seq());
        Self {
            session,
            expected_from,
            heard: Vec::new(),
            filled: BTreeSet::new(),
            settled: BTreeSet::new(),
            settled_to: expected_from,
        }
    }

    /// A session that took over from an older one: expected from its first number on, if the wheel holds that.
    pub(super) fn taken_over(first: &Hearing) -> Self {
        let mut log = Self::joined(first);
        if first.seq() <= WHEEL {
            (log.expected_from, log.settled_to) = (1, 1);
        }
        log
    }

    pub(super) fn highest(&self) -> Option<i128> {
        self.filled.last().copied()
    }

    /// Takes a frame down, and says what it was.
    pub(super) fn take(
        &mut self,
        hearing: Hearing,
        reply: Option<Hearing>,
        is_after_blindness: bool,
    ) -> Class {
        let seq = hearing.seq();
        let class = match self.highest() {
            None => Class::New,
            Some(highest) if seq > highest => Class::New,
            Some(highest) if seq <= highest - WHEEL => Class::Old,
            Some(_) if self.filled.contains(&seq) => Class::Duplicate,
            Some(_) => Class::Reordered,
        };
        if class == Class::New {
            self.settle(seq - WHEEL + 1);
        }
        if matches!(class, Class::New | Class::Reordered) {
            self.filled.insert(seq);
        }
        self.heard.push(Heard {
            class,
            hearing,
            reply,
            is_after_blindness,
        });
        class
    }

    fn settle(&mut self, until: i128) {
        if until > self.settled_to {
            self.settled.extend(self.filled.range(self.settled_to..until));
            self.settled_to = until;
        }
    }

    /// Settles all, because the session ends.
    pub(super) fn settle_all(&mut self) {
        self.settle(self.highest().map_or(0, |highest| highest + 1));
    }

    /// Settles what is received or lost, up to the first number that is waited for, when those up to `past` beyond
    /// the highest are lost.
    pub(super) fn settle_lost(&mut self, past: i128) {
        let Some(highest) = self.highest() else { return };
        let mut until = ((highest + past.min(0)).max(highest - WHEEL) + 1).max(self.settled_to);
        while self.filled.contains(&until) {
            until += 1;
        }
        self.settle(until);
    }

    /// What was received, in the order of arrival.
    pub(super) fn received(&self) -> Vec<&Hearing> {
        let received = self
            .heard
            .iter()
            .filter(|heard| matches!(heard.class, Class::New | Class::Reordered));
        received.map(|heard| &heard.hearing).collect()
    }

    pub(super) fn count(&self, class: Class) -> i128 {
        self.heard.iter().filter(|heard| heard.class == class).count() as i128
    }

    /// The frames that were the newest when they came, in order.
    pub(super) fn newest(&self) -> impl DoubleEndedIterator<Item = &Heard> + Clone {
        self.heard.iter().filter(|heard| heard.class == Class::New)
    }

    /// The numbers that were expected and not received, up to `top`.
    fn empty_up_to(&self, top: i128) -> i128 {
        if top < self.expected_from {
            return 0;
        }
        let numbers = top - self.expected_from + 1;
        numbers - self.filled.range(self.expected_from..=top).count() as i128
    }

    /// The numbers lost when those up to `past` beyond the highest are.
    pub(super) fn lost(&self, past: i128) -> i128 {
        let Some(highest) = self.highest() else { return 0 };
        let off_the_wheel = highest - WHEEL;
        self.empty_up_to(off_the_wheel.max(highest + past.min(0))) + past.max(0)
    }

    /// The numbers below the highest that are missing, lost or still waited for.
    pub(super) fn missing(&self) -> i128 {
        self.highest().map_or(0, |highest| self.empty_up_to(highest))
    }

    /// The interarrival jitter of RFC 3550, appendix A.8, in its integer form: sixteen times the jitter is kept,
    /// and all is of 32 bits.
    pub(super) fn jitter_us(&self) -> i128 {
        let offsets: Vec<i128> = self.received().into_iter().map(Hearing::offset_us).collect();
        let mut sixteenfold: i128 = 0;
        for pair in offsets.windows(2) {
            let change = ((pair[1] - pair[0] + (1 << 31)).rem_euclid(1 << 32) - (1 << 31)).abs();
            let fading = (sixteenfold + 8).min((1 << 32) - 1) >> 4;
            sixteenfold = (sixteenfold - fading + change).min((1 << 32) - 1);
        }
        sixteenfold >> 4
    }
}
