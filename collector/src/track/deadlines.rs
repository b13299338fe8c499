//! The timing wheel over all sources: who is to be looked at when.
//!
//! A hierarchical wheel (Varghese and Lauck 1987, scheme 7) of eleven levels with 64 slots each and a tick of
//! one millisecond, so that every moment there is has a slot. Its lists run through one packed array, indexed by
//! source; a bitmap a level finds the next slot that holds anything. Arming, moving and disarming take constant
//! time, whatever the number of sources.
//!
//! A beat does not touch the wheel. It only stores a later deadline in its source; when the wheel brings the
//! source up, the tracker looks at the true deadline and arms it again where that has not come.

use beacon_common::Moment;

const LEVEL_BITS: u32 = 6;
const SLOTS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = u64::BITS.div_ceil(LEVEL_BITS) as usize;
const TICK_NANOS: u64 = 1_000_000;

/// Where a list ends, and what stands in an entry that is not armed.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Entry {
    /// The tick at which the entry is due; [`Entry::IDLE`] where it is not armed.
    tick: u64,
    next: u32,
    previous: u32,
}

impl Entry {
    const IDLE: u64 = u64::MAX;
}

/// The wheel.
pub struct Deadlines {
    /// Every entry due before this tick has been brought up.
    elapsed: u64,
    entries: Vec<Entry>,
    heads: [[u32; SLOTS]; LEVELS],
    /// Bit `slot` of word `level` is set where that slot's list is not empty.
    occupied: [u64; LEVELS],
}

/// A slot, and the tick at which it begins.
struct Due {
    level: usize,
    slot: usize,
    tick: u64,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            elapsed: 0,
            entries: Vec::new(),
            heads: [[NONE; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
        }
    }
}

impl Deadlines {
    /// Arms the entry of `source` for `at`, wherever it was armed before. It is brought up at the first tick at
    /// or after `at`, never before.
    pub fn arm(&mut self, source: u32, at: Moment) {
        self.disarm(source);
        let index = source as usize;
        if index >= self.entries.len() {
            self.entries.resize(
                index + 1,
                Entry {
                    tick: Entry::IDLE,
                    next: NONE,
                    previous: NONE,
                },
            );
        }
        let tick = at.as_nanos().div_ceil(TICK_NANOS).max(self.elapsed);
        self.entries[index].tick = tick;
        self.link(source, tick);
    }

    /// Disarms the entry of `source`, if it is armed.
    pub fn disarm(&mut self, source: u32) {
        let Some(entry) = self.entries.get_mut(source as usize) else {
            return;
        };
        let Entry { tick, next, previous } = *entry;
        if tick == Entry::IDLE {
            return;
        }
        entry.tick = Entry::IDLE;
        if next != NONE {
            self.entries[next as usize].previous = previous;
        }
        if previous != NONE {
            self.entries[previous as usize].next = next;
            return;
        }
        let (level, slot) = self.place(tick);
        self.heads[level][slot] = next;
        if next == NONE {
            self.occupied[level] &= !(1 << slot);
        }
    }

    /// The next source that is due at `now`; it is disarmed by that.
    pub fn expire(&mut self, now: Moment) -> Option<u32> {
        let now_tick = now.as_nanos() / TICK_NANOS;
        loop {
            let Some(due) = self.next_slot().filter(|due| due.tick <= now_tick) else {
                self.elapsed = self.elapsed.max(now_tick);
                return None;
            };
            self.elapsed = due.tick;
            if due.level == 0 {
                let source = self.heads[0][due.slot];
                self.disarm(source);
                return Some(source);
            }
            self.spread(&due);
        }
    }

    /// A moment not after the one at which the next entry is due; `None` where none is armed.
    #[must_use]
    pub fn next(&self) -> Option<Moment> {
        self.next_slot()
            .map(|due| Moment::from_nanos(due.tick.saturating_mul(TICK_NANOS)))
    }

    /// The first slot that holds anything. Whatever stands on a lower level comes before all that stands on a
    /// higher one, because it shares more of its upper bits with `elapsed`.
    fn next_slot(&self) -> Option<Due> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        let slot = self.occupied[level].trailing_zeros() as usize;
        let shift = LEVEL_BITS * level as u32;
        let above = u64::MAX.checked_shl(shift + LEVEL_BITS).unwrap_or(0);
        Some(Due {
            level,
            slot,
            tick: self.elapsed & above | (slot as u64) << shift,
        })
    }

    /// Moves the entries of a slot whose time has come to lower levels.
    fn spread(&mut self, due: &Due) {
        let mut source = std::mem::replace(&mut self.heads[due.level][due.slot], NONE);
        self.occupied[due.level] &= !(1 << due.slot);
        while source != NONE {
            let Entry { tick, next, .. } = self.entries[source as usize];
            self.link(source, tick);
            source = next;
        }
    }

    /// Puts an entry at the head of the list in which `tick` belongs.
    fn link(&mut self, source: u32, tick: u64) {
        let (level, slot) = self.place(tick);
        let head = std::mem::replace(&mut self.heads[level][slot], source);
        let entry = &mut self.entries[source as usize];
        (entry.next, entry.previous) = (head, NONE);
        if head != NONE {
            self.entries[head as usize].previous = source;
        }
        self.occupied[level] |= 1 << slot;
    }

    /// Where `tick` belongs: the level is that of the highest bit in which it differs from `elapsed`. This stays
    /// true while `elapsed` advances, because a slot is spread when `elapsed` enters it.
    const fn place(&self, tick: u64) -> (usize, usize) {
        let differing = (tick ^ self.elapsed) | 1;
        let level = differing.ilog2() / LEVEL_BITS;
        (level as usize, (tick >> (level * LEVEL_BITS)) as usize % SLOTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn ms(ms: u64) -> Moment {
        Moment::from_nanos(ms * TICK_NANOS)
    }

    fn expired(wheel: &mut Deadlines, now: Moment) -> Vec<u32> {
        let mut sources: Vec<_> = std::iter::from_fn(|| wheel.expire(now)).collect();
        sources.sort_unstable();
        sources
    }

    #[test]
    fn nothing_is_brought_up_before_its_time() {
        let mut wheel = Deadlines::default();
        wheel.arm(3, Moment::from_nanos(5 * TICK_NANOS + 1));
        assert!(expired(&mut wheel, Moment::from_nanos(6 * TICK_NANOS - 1)).is_empty());
        assert_eq!(wheel.next(), Some(ms(6)));
        assert_eq!(expired(&mut wheel, ms(6)), [3]);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn a_moment_that_has_passed_is_due_at_once() {
        let mut wheel = Deadlines::default();
        assert!(expired(&mut wheel, ms(1_000_000)).is_empty());
        wheel.arm(0, ms(5));
        assert_eq!(expired(&mut wheel, ms(1_000_000)), [0]);
    }

    #[test]
    fn the_end_of_time_has_a_slot() {
        let mut wheel = Deadlines::default();
        wheel.arm(0, Moment::NEVER);
        assert!(expired(&mut wheel, ms(1 << 40)).is_empty());
        assert!(expired(&mut wheel, Moment::NEVER).is_empty());
        wheel.disarm(0);
        assert_eq!(wheel.next(), None);
    }

    #[derive(Clone, Debug)]
    enum Operation {
        Arm(u32, u64),
        Disarm(u32),
        Expire(u64),
    }

    fn operations() -> impl Strategy<Value = Vec<Operation>> {
        let ahead = (0..44u32).prop_flat_map(|bits| 0..1u64 << bits);
        let operation = prop_oneof![
            4 => (0..40u32, ahead.clone()).prop_map(|(source, ahead)| Operation::Arm(source, ahead)),
            1 => (0..40u32).prop_map(Operation::Disarm),
            3 => ahead.prop_map(Operation::Expire),
        ];
        prop::collection::vec(operation, 1..200)
    }

    proptest! {
        /// The naive rival: a map from source to deadline.
        #[test]
        fn the_wheel_does_what_a_map_does(operations in operations()) {
            let mut wheel = Deadlines::default();
            let mut map = BTreeMap::new();
            let mut now = 0;
            for operation in operations {
                match operation {
                    Operation::Arm(source, ahead) => {
                        wheel.arm(source, Moment::from_nanos(now + ahead));
                        map.insert(source, now + ahead);
                    }
                    Operation::Disarm(source) => {
                        wheel.disarm(source);
                        map.remove(&source);
                    }
                    Operation::Expire(ahead) => {
                        now += ahead;
                        let tick = now / TICK_NANOS;
                        let due = |at: u64| at.div_ceil(TICK_NANOS) <= tick;
                        let expected: Vec<u32> = map.iter().filter(|&(_, &at)| due(at)).map(|(&s, _)| s).collect();
                        map.retain(|_, at| !due(*at));
                        prop_assert_eq!(expired(&mut wheel, Moment::from_nanos(now)), expected);
                    }
                }
                let earliest = map.values().map(|at| at.div_ceil(TICK_NANOS)).min();
                prop_assert_eq!(wheel.next().is_some(), earliest.is_some());
                if let (Some(next), Some(earliest)) = (wheel.next(), earliest) {
                    prop_assert!(next <= ms(earliest.max(now / TICK_NANOS)));
                }
            }
        }
    }
}
