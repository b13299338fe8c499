//! How far beats are reordered: the reordering extent of RFC 4737, section 4.2.
//!
//! The extent of a reordered beat is how many beats arrived since the first of those with a higher number. That
//! first one is always the one that turned the wheel past the beat's slot, so that it is enough to note there how
//! many had arrived by then.

use beacon_common::Seq;

use super::slots::{Filled, SLOTS, Slots};

/// The reordering extent of one source's beats. Duplicates are no arrivals here, as RFC 4737 has it.
#[derive(Clone, Debug)]
pub struct ReorderExtent {
    /// How many had arrived before the one that turned the wheel past a slot: by number modulo 64, and modulo 256.
    /// Between that one and any that is reordered and still on the wheel, no more than 125 can arrive.
    passed_at: [u8; SLOTS as usize],
    /// How many have arrived, modulo 256.
    arrived: u8,
    /// The greatest extent since it was last taken.
    max: u8,
}

impl ReorderExtent {
    /// That of a source whose first beat has arrived.
    #[must_use]
    pub const fn begun() -> Self {
        Self {
            passed_at: [0; SLOTS as usize],
            arrived: 1,
            max: 0,
        }
    }

    /// A session began with an arrival: all numbers below it were passed by that.
    pub const fn renew(&mut self) {
        (self.passed_at, self.arrived) = ([0; SLOTS as usize], 1);
    }

    /// Takes an arrival that is to go onto this wheel and will be `filled`.
    pub fn take(&mut self, slots: &Slots, seq: Seq, filled: Filled) {
        match filled {
            Filled::Newest(_) => {
                let (highest, seq) = (slots.highest().get(), seq.get());
                let passed = (highest + 1).max(seq.saturating_sub(SLOTS - 1))..seq;
                passed.for_each(|number| self.passed_at[place(number)] = self.arrived);
            }
            Filled::Reordered | Filled::Unexpected => {
                let extent = self.arrived.wrapping_sub(self.passed_at[place(seq.get())]);
                self.max = self.max.max(extent);
            }
            Filled::Duplicate | Filled::Old => return,
        }
        self.arrived = self.arrived.wrapping_add(1);
    }

    /// The greatest extent since this was last asked.
    pub const fn take_max(&mut self) -> u32 {
        std::mem::replace(&mut self.max, 0) as u32
    }
}

const fn place(number: u32) -> usize {
    (number % SLOTS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The extents of the reordered ones among `seqs`, the first of which begins the session.
    fn extents(seqs: &[u32]) -> Vec<u32> {
        let mut slots = Slots::new(Seq::new(seqs[0]), Seq::new(seqs[0]));
        let mut extent = ReorderExtent::begun();
        let extent_of = |&seq: &u32| {
            let seq = Seq::new(seq);
            let mut turned = slots;
            extent.take(&slots, seq, turned.fill(seq));
            slots = turned;
            extent.take_max()
        };
        seqs[1..]
            .iter()
            .map(extent_of)
            .filter(|&extent| extent > 0)
            .collect()
    }

    /// The examples of RFC 4737, section 9.
    #[test]
    fn extents_are_those_of_rfc_4737() {
        assert_eq!(extents(&[1, 2, 3, 5, 6, 7, 8, 4, 9, 10]), [4]);
        assert_eq!(extents(&[1, 2, 3, 4, 7, 5, 6, 8, 9, 10]), [1, 2]);
        assert_eq!(extents(&[1, 2, 3, 7, 8, 9, 10, 4, 5, 6, 11]), [4, 5, 6]);
    }

    #[test]
    fn duplicates_and_old_ones_are_no_arrivals() {
        assert_eq!(extents(&[1, 3, 3, 3, 2, 2]), [1]);
        assert_eq!(extents(&[1, 3, 70, 2, 69]), [1], "2 is off the wheel");
    }

    #[test]
    fn what_came_before_the_first_expected_number_was_passed_by_the_first_to_arrive() {
        assert_eq!(extents(&[40, 41, 42, 7]), [3]);
    }

    /// 1002 turns the wheel past 1001; then comes all that has a slot while 1001 has one.
    #[test]
    fn the_greatest_extent_that_can_be_is_told_without_wrapping() {
        let all_others = (939..=1_000).chain(1_003..=1_064);
        let seqs: Vec<u32> = [937, 1_002]
            .into_iter()
            .chain(all_others)
            .chain([1_001])
            .collect();
        assert_eq!(extents(&seqs).last(), Some(&125));
    }
}
