//! How many beats are lost in a row: the loss periods of RFC 3357 (docs/protocol.md, section 10).

use super::slots::{SLOTS, Slots};
use beacon_common::Seq;

/// So many classes of length are told apart.
pub const CLASSES: usize = 6;

/// What the classes are called, in beats.
pub const CLASS_NAMES: [&str; CLASSES] = ["1", "2", "3-4", "5-8", "9-16", "17+"];

/// The loss runs of one source.
///
/// Numbers are settled in their order, each once, as received or as lost; a run ends with the first received number
/// after it. A number is settled when a report finds it received or lost, and at the latest when its slot leaves the
/// wheel: what fills it after that takes its loss back, and not its run.
#[derive(Clone, Debug)]
pub struct LossRuns {
    /// The lowest number that is not settled; one more than a sequence number may be.
    next: u64,
    /// How many numbers right before it are lost.
    run: u64,
    /// The runs that ended since they were last taken, by class.
    ended: [u32; CLASSES],
    longest: u32,
}

impl LossRuns {
    /// Those of a source of whose first session `slots` is the wheel.
    #[must_use]
    pub fn new(slots: &Slots) -> Self {
        Self {
            next: slots.first().get().into(),
            run: 0,
            ended: [0; CLASSES],
            longest: 0,
        }
    }

    /// Those of a source that was known before, whose schedule has turned `past` slots: what is settled by now was so then.
    #[must_use]
    pub fn resumed(slots: &Slots, past: i64) -> Self {
        let on_the_wheel = slots.highest().get().saturating_sub(SLOTS - 1);
        let mut runs = Self::new(slots);
        runs.next = runs.next.max(on_the_wheel.into());
        runs.look(slots, past);
        runs.take();
        runs
    }

    /// Settles what leaves the wheel when `seq` comes, before it does.
    pub fn turn(&mut self, slots: &Slots, seq: Seq) {
        let leaving = u64::from(seq.get()).saturating_sub((SLOTS - 1).into());
        self.settle(slots, leaving);
    }

    /// Settles what is received or lost, up to the first number that is waited for, when the schedule has turned
    /// `past` slots beyond the newest beat and the waiting time behind it (see [`Slots::lost`]).
    pub fn look(&mut self, slots: &Slots, past: i64) {
        let end = u64::from(slots.highest().get()) + 1;
        let waited_for = past.min(0).unsigned_abs().min(SLOTS.into());
        let mut until = end.saturating_sub(waited_for).max(self.next);
        while until < end && slots.is_filled(until) {
            until += 1;
        }
        self.settle(slots, until);
    }

    /// Settles the whole session whose wheel was `ended`, and begins that of the wheel `new`.
    pub fn renew(&mut self, ended: &Slots, new: &Slots) {
        self.settle(ended, u64::from(ended.highest().get()) + 1);
        self.next = new.first().get().into();
    }

    /// Settles the numbers below `until`.
    fn settle(&mut self, slots: &Slots, until: u64) {
        let on_the_wheel = until.min(u64::from(slots.highest().get()) + 1);
        while self.next < on_the_wheel {
            if slots.is_filled(self.next) {
                self.end_run();
            } else {
                self.run += 1;
            }
            self.next += 1;
        }
        // A leap: these never were on the wheel.
        self.run += until.saturating_sub(self.next);
        self.next = self.next.max(until);
    }

    fn end_run(&mut self) {
        let length = u32::try_from(std::mem::take(&mut self.run)).unwrap_or(u32::MAX);
        if length > 0 {
            let count = &mut self.ended[class(length)];
            *count = count.saturating_add(1);
            self.longest = self.longest.max(length);
        }
    }

    /// The longest run that has ended since this was last asked, and how many of each class.
    pub fn take(&mut self) -> (u32, [u32; CLASSES]) {
        (std::mem::take(&mut self.longest), std::mem::take(&mut self.ended))
    }
}

/// The class of a run of one or more: each but the first two spans twice as many lengths as the one before it.
fn class(length: u32) -> usize {
    let doublings = (length - 1).checked_ilog2().map_or(0, |bits| bits as usize + 1);
    doublings.min(CLASSES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_fall_into_their_classes() {
        let named = |length| CLASS_NAMES[class(length)];
        let lengths = [1, 2, 3, 4, 5, 8, 9, 16, 17, u32::MAX];
        let names = ["1", "2", "3-4", "3-4", "5-8", "5-8", "9-16", "9-16", "17+", "17+"];
        assert_eq!(lengths.map(named), names);
    }

    /// Feeds a session from number 1 on, and looks at its end with no waiting time.
    fn runs(seqs: &[u32]) -> (u32, [u32; CLASSES]) {
        let mut slots = Slots::new(Seq::FIRST, Seq::FIRST);
        let mut runs = LossRuns::new(&slots);
        for &seq in seqs {
            runs.turn(&slots, Seq::new(seq));
            slots.fill(Seq::new(seq));
        }
        runs.look(&slots, 0);
        runs.take()
    }

    /// Lost are 2; 4, 5; 7 to 9; then 11.
    #[test]
    fn each_run_counts_once_in_the_class_of_its_length() {
        assert_eq!(runs(&[3, 6, 10, 12]), (3, [2, 1, 1, 0, 0, 0]));
    }

    #[test]
    fn a_beat_that_comes_before_its_number_is_settled_parts_the_run() {
        assert_eq!(runs(&[7, 4]), (2, [0, 2, 0, 0, 0, 0]));
    }

    #[test]
    fn a_run_may_be_longer_than_the_wheel_and_lie_across_its_edge() {
        assert_eq!(runs(&[102]), (100, [0, 0, 0, 0, 0, 1]), "never on the wheel");
        let across: Vec<u32> = (31..=100).collect();
        assert_eq!(
            runs(&across),
            (29, [0, 0, 0, 0, 0, 1]),
            "2 to 30 left it one by one"
        );
        assert_eq!(runs(&[u32::MAX]), (u32::MAX - 2, [0, 0, 0, 0, 0, 1]));
    }

    #[test]
    fn what_is_waited_for_is_in_no_run_and_what_fills_a_settled_slot_changes_none() {
        let mut slots = Slots::new(Seq::FIRST, Seq::FIRST);
        let mut runs = LossRuns::new(&slots);
        slots.fill(Seq::new(5));
        runs.look(&slots, -2);
        assert_eq!(
            runs.take(),
            (0, [0; CLASSES]),
            "2 and 3 are lost, 4 is waited for"
        );
        runs.look(&slots, -1);
        assert_eq!(runs.take(), (3, [0, 0, 1, 0, 0, 0]));
        slots.fill(Seq::new(3));
        runs.look(&slots, 0);
        assert_eq!(runs.take(), (0, [0; CLASSES]));
    }

    #[test]
    fn a_session_that_ends_is_settled_and_the_next_begins_with_its_own_numbers() {
        let mut slots = Slots::new(Seq::FIRST, Seq::FIRST);
        let mut runs = LossRuns::new(&slots);
        slots.fill(Seq::new(3));
        let new = Slots::new(Seq::FIRST, Seq::new(4));
        runs.renew(&slots, &new);
        runs.look(&new, 0);
        assert_eq!(runs.take(), (3, [1, 0, 1, 0, 0, 0]), "2, then 1 to 3");
    }
}
