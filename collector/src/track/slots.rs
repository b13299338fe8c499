//! A source's own wheel: 64 slots, one for each of the newest sequence numbers.
//!
//! The wheel tells new, duplicate, reordered and old beats apart, and counts what is lost (docs/protocol.md,
//! section 10). A slot is lost when the source's schedule has turned far enough past it without its beat
//! (RFC 2680: the waiting time is stated by `--reorder-wait`). Losses on the wheel are not stored but read off
//! it at the time of asking: a beat that fills its slot after all takes its loss back by that alone.

use beacon_common::Seq;

use super::stored::stored;

/// How many sequence numbers the wheel holds.
pub const SLOTS: u32 = u64::BITS;

/// What a beat is to its wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// Above every number seen before. So many slots left the wheel empty when it turned.
    Newest(u32),
    /// Below the highest number seen, and its slot was empty (RFC 4737).
    Reordered,
    /// The same, and below the first number that was expected.
    Unexpected,
    /// Its slot was full (RFC 5560).
    Duplicate,
    /// Its slot is off the wheel.
    Old,
}

/// What is known of one slot on the wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Its beat has come.
    Received,
    /// Its beat has not come, and may still come in time.
    Awaited,
    /// Its beat has not come.
    Lost,
    /// Nobody expects anything of it: it lies before the first beat heard.
    Unexpected,
}

/// The wheel of one session.
#[derive(Clone, Copy, Debug)]
pub struct Slots {
    /// Bit `i` is the slot of `highest - i`.
    filled: u64,
    highest: u32,
    /// The lowest number that was expected: what was sent before it is not known, so it is no loss.
    first: u32,
}

impl Slots {
    /// The wheel of a session whose numbers are expected from `first` on, and of which `seq` is the first to
    /// arrive. No more than [`SLOTS`] numbers lie between the two.
    #[must_use]
    pub fn new(first: Seq, seq: Seq) -> Self {
        let (first, highest) = (first.get().min(seq.get()), seq.get());
        debug_assert!(
            highest - first < SLOTS,
            "every slot that is expected is on the wheel"
        );
        Self {
            filled: 1,
            highest,
            first,
        }
    }

    /// Whether it is the wheel of any session: its newest slot is full, and numbers are expected from one on that is no
    /// higher.
    const fn is_sound(&self) -> bool {
        self.filled & 1 != 0 && self.first <= self.highest
    }

    /// The highest number seen.
    #[must_use]
    pub const fn highest(&self) -> Seq {
        Seq::new(self.highest)
    }

    /// The lowest number that was expected.
    #[must_use]
    pub const fn first(&self) -> Seq {
        Seq::new(self.first)
    }

    /// Whether the slot of `number` is on the wheel and full.
    #[must_use]
    pub const fn is_filled(&self, number: u64) -> bool {
        let back = (self.highest as u64).wrapping_sub(number);
        back < SLOTS as u64 && self.filled >> back & 1 != 0
    }

    /// Whether the number before the highest has come too.
    #[must_use]
    pub const fn follows_directly(&self) -> bool {
        self.filled & 0b10 != 0
    }

    /// Takes the beat with this number.
    pub fn fill(&mut self, seq: Seq) -> Filled {
        let seq = seq.get();
        if seq > self.highest {
            return Filled::Newest(self.turn(seq - self.highest));
        }
        let back = self.highest - seq;
        if back >= SLOTS {
            return Filled::Old;
        }
        let slot = 1 << back;
        if self.filled & slot != 0 {
            return Filled::Duplicate;
        }
        self.filled |= slot;
        if seq < self.first {
            Filled::Unexpected
        } else {
            Filled::Reordered
        }
    }

    /// Turns the wheel by `steps` slots and fills the newest. Returns how many slots left it empty, those counted
    /// that never were on it.
    fn turn(&mut self, steps: u32) -> u32 {
        if steps == 1 {
            // As nearly always: one slot leaves, the last one.
            let leaves_empty = self.filled.leading_zeros() > 0 && self.numbers() >= SLOTS.into();
            self.filled = self.filled << 1 | 1;
            self.highest += 1;
            return leaves_empty.into();
        }
        let stay = SLOTS.saturating_sub(steps);
        let leaving = self.expected() & !low_bits(stay) & !self.filled;
        let never_on_it = steps.saturating_sub(SLOTS);
        self.filled = self.filled.checked_shl(steps).unwrap_or(0) | 1;
        self.highest += steps;
        leaving.count_ones() + never_on_it
    }

    /// The slots on the wheel that a beat was expected in.
    const fn expected(&self) -> u64 {
        low_bits((self.highest - self.first).saturating_add(1))
    }

    /// How many numbers were expected in this session, up to the highest.
    #[must_use]
    pub const fn numbers(&self) -> u64 {
        (self.highest - self.first) as u64 + 1
    }

    /// How many slots on the wheel are empty.
    #[must_use]
    pub const fn empty(&self) -> u64 {
        (self.expected() & !self.filled).count_ones() as u64
    }

    /// The slot of the number `back` below the highest, when the schedule has turned as [`Slots::lost`] says.
    #[must_use]
    pub const fn slot(&self, back: u32, past: i64) -> Slot {
        let bit = 1_u64 << (back % SLOTS);
        if self.filled & bit != 0 {
            Slot::Received
        } else if self.expected() & bit == 0 {
            Slot::Unexpected
        } else if (back as i64) < -past {
            Slot::Awaited
        } else {
            Slot::Lost
        }
    }

    /// How many slots, those not counted that have left the wheel, are lost when the schedule has turned `past`
    /// slots beyond the newest beat and the waiting time behind it: negative where slots below the newest are still
    /// waited for, positive where slots above it are overdue already.
    #[must_use]
    pub fn lost(&self, past: i64) -> u64 {
        let waited_for = past.min(0).unsigned_abs().min(u64::from(SLOTS)) as u32;
        let empty = self.expected() & !self.filled & !low_bits(waited_for);
        u64::from(empty.count_ones()) + past.max(0).unsigned_abs()
    }
}

stored!(Slots { filled, highest, first } where Slots::is_sound);

/// A word whose `count` lowest bits are set; all of them where it has no more.
const fn low_bits(count: u32) -> u64 {
    if count >= u64::BITS {
        u64::MAX
    } else {
        (1 << count) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::Filled::{Duplicate, Newest, Old, Reordered, Unexpected};
    use super::*;

    fn filled(slots: &mut Slots, seqs: &[u32]) -> Vec<Filled> {
        seqs.iter().map(|&seq| slots.fill(Seq::new(seq))).collect()
    }

    fn from_one() -> Slots {
        Slots::new(Seq::FIRST, Seq::FIRST)
    }

    /// The example of RFC 4737: in 1, 2, 5, 3, 4, 6 two are reordered and none is lost.
    #[test]
    fn reordering_is_counted_as_in_rfc_4737() {
        let mut slots = from_one();
        let seen = filled(&mut slots, &[2, 5, 3, 4, 6]);
        assert_eq!(seen, [Newest(0), Newest(0), Reordered, Reordered, Newest(0)]);
        assert_eq!(slots.empty(), 0);
        assert_eq!(slots.numbers(), 6);
    }

    #[test]
    fn a_slot_is_filled_once() {
        let mut slots = from_one();
        assert_eq!(
            filled(&mut slots, &[1, 3, 2, 2, 3]),
            [Duplicate, Newest(0), Reordered, Duplicate, Duplicate]
        );
    }

    #[test]
    fn a_slot_that_left_the_wheel_is_old_and_stays_lost() {
        let mut slots = from_one();
        assert_eq!(filled(&mut slots, &[3, 65, 2]), [Newest(0), Newest(0), Reordered]);
        let mut slots = from_one();
        assert_eq!(
            filled(&mut slots, &[3, 66, 2, 1]),
            [Newest(0), Newest(1), Old, Old]
        );
        assert_eq!(slots.empty(), 62);
    }

    #[test]
    fn an_empty_slot_leaves_at_the_sixty_fourth_number_after_it() {
        let mut slots = from_one();
        slots.fill(Seq::new(3));
        for seq in 4..200 {
            let left_empty = u32::from(seq == 2 + SLOTS);
            assert_eq!(slots.fill(Seq::new(seq)), Newest(left_empty), "{seq}");
        }
        let mut slots = Slots::new(Seq::FIRST, Seq::new(4));
        let left_empty = (5..=70).filter(|&seq| slots.fill(Seq::new(seq)) == Newest(1));
        assert!(left_empty.eq([65, 66, 67]), "1, 2 and 3 never came");
        let mut slots = Slots::new(Seq::new(100), Seq::new(100));
        assert!((101..300).all(|seq| slots.fill(Seq::new(seq)) == Newest(0)));
    }

    #[test]
    fn a_leap_over_the_whole_wheel_loses_every_number_between() {
        let mut slots = from_one();
        assert_eq!(slots.fill(Seq::new(1_000)), Newest(998 - 63));
        assert_eq!(slots.empty(), 63);
        assert_eq!(slots.fill(Seq::LAST), Newest(u32::MAX - 1_000 - 64 + 63));
        assert_eq!(slots.empty(), 63);
    }

    #[test]
    fn numbers_before_the_first_are_neither_lost_nor_refused() {
        let mut slots = Slots::new(Seq::new(100), Seq::new(100));
        assert_eq!(
            filled(&mut slots, &[101, 98, 98]),
            [Newest(0), Unexpected, Duplicate]
        );
        assert_eq!(slots.fill(Seq::new(300)), Newest(198 - 63));
        assert_eq!(slots.numbers(), 201);
    }

    #[test]
    fn a_session_known_from_its_first_number_has_lost_what_did_not_come() {
        assert_eq!(Slots::new(Seq::FIRST, Seq::new(4)).empty(), 3);
        assert_eq!(Slots::new(Seq::FIRST, Seq::new(64)).empty(), 63);
    }

    #[test]
    fn each_slot_is_shown_as_it_is_counted() {
        let mut slots = from_one();
        filled(&mut slots, &[2, 5]);
        for past in -4..3 {
            let shown = |wanted| {
                (0..SLOTS)
                    .filter(|&back| slots.slot(back, past) == wanted)
                    .count()
            };
            assert_eq!(shown(Slot::Lost) as i64 + past.max(0), slots.lost(past) as i64);
            assert_eq!((shown(Slot::Received), shown(Slot::Unexpected)), (3, 59));
            assert_eq!(shown(Slot::Awaited) + shown(Slot::Lost), 2);
        }
    }

    #[test]
    fn a_slot_is_lost_only_when_it_was_waited_for_and_a_late_beat_takes_the_loss_back() {
        let mut slots = from_one();
        filled(&mut slots, &[2, 5]);
        assert_eq!(slots.lost(-3), 0);
        assert_eq!(slots.lost(-2), 1, "3 is two slots below 5");
        assert_eq!(slots.lost(-1), 2);
        assert_eq!(slots.lost(4), 6, "3, 4 and the four numbers after 5");
        slots.fill(Seq::new(3));
        assert_eq!(slots.lost(-1), 1);
        assert_eq!(slots.lost(i64::MIN), 0);
    }
}
