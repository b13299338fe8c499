//! The timing wheel over all sources: who is to be looked at when.
//!
//! A hierarchical wheel (Varghese and Lauck 1987, scheme 7) of eleven levels with 64 slots each and a tick of
//! one millisecond, so that every moment there is has a slot. A slot's entries stand one behind the other in
//! chunks of four cache lines, and each carries its tick; so the wheel reads and writes memory in order and never
//! asks a source, however many there are. A bitmap a level finds the next slot that holds anything.
//!
//! A beat does not touch the wheel. It only changes what its source's deadline is; when the wheel brings the source
//! up, the tracker looks at the true deadline and arms it again where that has not come. Only where a deadline moves
//! ahead of what the wheel holds is another entry made. The one it replaces turns stale and is dropped when it is
//! brought up, or by [`Deadlines::sweep`] before there are too many of them.

use beacon_common::Moment;

const LEVEL_BITS: u32 = 6;
const SLOTS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = u64::BITS.div_ceil(LEVEL_BITS) as usize;
const TICK_NANOS: u64 = 1_000_000;

/// How far ahead an entry stands at most, in ticks: 4.7 hours. What is due later is looked at then and armed again, so
/// that no stale entry stays for longer.
const HORIZON: u64 = 1 << 24;

/// Entries in a chunk, which is four cache lines long.
const CHUNK: usize = 31;

/// How many chunks of a slot are moved to lower levels at a time.
const SPREAD_AT_ONCE: usize = 32;

/// So many stale entries are never too many.
const STALE_KEPT: usize = 65_536;

/// Where a list of chunks ends.
const NONE: u32 = u32::MAX;

/// When a source is brought up: the tick, modulo 2^32. It is kept with the source, and the one entry that carries
/// the same tick is the current one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarm(u32);

/// A source that is brought up, if `alarm` is still its alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The number of the source.
    pub source: u32,
    /// What its alarm was when the entry was made.
    pub alarm: Alarm,
}

impl Entry {
    const EMPTY: Self = Self {
        source: 0,
        alarm: Alarm(0),
    };
}

#[derive(Clone)]
struct Chunk {
    entries: [Entry; CHUNK],
    len: u32,
    next: u32,
}

/// The wheel.
pub struct Deadlines {
    /// Every entry due before this tick has been brought up.
    elapsed: u64,
    chunks: Vec<Chunk>,
    /// Chunks that are not in use.
    free: u32,
    heads: [[u32; SLOTS]; LEVELS],
    /// Bit `slot` of word `level` is set where that slot's list is not empty.
    occupied: [u64; LEVELS],
    /// What is left of a slot whose time has come and which is being moved to lower levels.
    spreading: u32,
    entries: usize,
    stale: usize,
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
            chunks: Vec::new(),
            free: NONE,
            heads: [[NONE; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            spreading: NONE,
            entries: 0,
            stale: 0,
        }
    }
}

impl Deadlines {
    /// Room for the sources that one call of [`Deadlines::expire`] brings up.
    pub const NOBODY: [Entry; CHUNK] = [Entry::EMPTY; CHUNK];

    /// Arms a source that has no current entry for `at`: it is brought up at the first tick at or after `at`, never
    /// before. Where `at` is beyond the horizon, it is brought up there.
    pub fn arm(&mut self, source: u32, at: Moment) -> Alarm {
        let tick = self.tick_of(at);
        self.push(source, tick)
    }

    /// Brings the alarm of a source forward where `at` is earlier; else there is nothing to do.
    pub fn advance(&mut self, source: u32, alarm: Alarm, at: Moment) -> Alarm {
        let tick = self.tick_of(at);
        if tick >= self.whole_tick(alarm) {
            return alarm;
        }
        self.stale += 1;
        self.push(source, tick)
    }

    /// A stale entry was brought up.
    pub const fn pass_stale(&mut self) {
        self.stale = self.stale.saturating_sub(1);
    }

    /// Brings up sources that are due at the first tick that anything is due at, no later than `now`: as many of
    /// them as `due` has room for. `None` once there are no more; none at all in between says that there was work to
    /// do, of which each call does a bounded amount.
    pub fn expire<'a>(&mut self, now: Moment, due: &'a mut [Entry; CHUNK]) -> Option<&'a [Entry]> {
        let now_tick = now.as_nanos() / TICK_NANOS;
        if self.spreading != NONE {
            self.spread();
            return Some(&[]);
        }
        let Some(first) = self.next_slot().filter(|first| first.tick <= now_tick) else {
            self.elapsed = self.elapsed.max(now_tick);
            return None;
        };
        self.elapsed = first.tick;
        if first.level > 0 {
            self.spreading = self.take_slot(first.level, first.slot);
            self.spread();
            return Some(&[]);
        }
        let (entries, next) = self.take_chunk(self.heads[0][first.slot]);
        self.heads[0][first.slot] = next;
        if next == NONE {
            self.occupied[0] &= !(1 << first.slot);
        }
        self.entries -= entries.1;
        *due = entries.0;
        Some(&due[..entries.1])
    }

    /// Drops the stale entries where there are more than twice as many as others: those for which `is_current` is false,
    /// and all but one of a source. A fleet that comes back from the dead makes one for each source, which is not
    /// enough; it takes sources whose promises go to and fro. Takes time for every entry of the wheel.
    pub fn sweep(&mut self, is_current: impl Fn(Entry) -> bool) {
        if self.stale <= STALE_KEPT + 2 * self.entries.saturating_sub(self.stale) {
            return;
        }
        let mut lists = vec![std::mem::replace(&mut self.spreading, NONE)];
        for level in 0..LEVELS {
            lists.extend((0..SLOTS).map(|slot| self.take_slot(level, slot)));
        }
        (self.entries, self.stale) = (0, 0);
        let mut kept = Vec::new();
        for mut list in lists {
            while list != NONE {
                let ((entries, len), next) = self.take_chunk(list);
                for &entry in entries[..len].iter().filter(|&&entry| is_current(entry)) {
                    if mark(&mut kept, entry.source) {
                        self.push(entry.source, self.whole_tick(entry.alarm));
                    }
                }
                list = next;
            }
        }
    }

    /// A moment not after the one at which the next entry is due; `None` where none is armed.
    #[must_use]
    pub fn next(&self) -> Option<Moment> {
        let tick = if self.spreading == NONE {
            self.next_slot()?.tick
        } else {
            self.elapsed
        };
        Some(Moment::from_nanos(tick.saturating_mul(TICK_NANOS)))
    }

    /// The first tick at or after `at`, no earlier than now and no later than the horizon.
    fn tick_of(&self, at: Moment) -> u64 {
        at.as_nanos()
            .div_ceil(TICK_NANOS)
            .clamp(self.elapsed, self.elapsed + HORIZON)
    }

    /// The tick that an alarm means: the first one from now on with its lower half.
    const fn whole_tick(&self, alarm: Alarm) -> u64 {
        self.elapsed + alarm.0.wrapping_sub(self.elapsed as u32) as u64
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

    /// Moves some of the entries of a slot whose time has come to lower levels.
    fn spread(&mut self) {
        for _ in 0..SPREAD_AT_ONCE {
            if self.spreading == NONE {
                return;
            }
            let ((entries, len), next) = self.take_chunk(self.spreading);
            self.spreading = next;
            self.entries -= len;
            for entry in &entries[..len] {
                self.push(entry.source, self.whole_tick(entry.alarm));
            }
        }
    }

    fn push(&mut self, source: u32, tick: u64) -> Alarm {
        let (level, slot) = self.place(tick);
        let mut head = self.heads[level][slot];
        if head == NONE || self.chunks[head as usize].len as usize == CHUNK {
            head = self.new_chunk(head);
            self.heads[level][slot] = head;
            self.occupied[level] |= 1 << slot;
        }
        let chunk = &mut self.chunks[head as usize];
        let alarm = Alarm(tick as u32);
        chunk.entries[chunk.len as usize] = Entry { source, alarm };
        chunk.len += 1;
        self.entries += 1;
        alarm
    }

    /// An empty chunk before the one at `next`.
    fn new_chunk(&mut self, next: u32) -> u32 {
        if self.free == NONE {
            self.chunks.push(Chunk {
                entries: [Entry::EMPTY; CHUNK],
                len: 0,
                next,
            });
            return self.chunks.len() as u32 - 1;
        }
        let index = self.free;
        let chunk = &mut self.chunks[index as usize];
        self.free = std::mem::replace(&mut chunk.next, next);
        chunk.len = 0;
        index
    }

    /// Frees a chunk. Returns its entries, how many they are, and the chunk behind it.
    fn take_chunk(&mut self, index: u32) -> (([Entry; CHUNK], usize), u32) {
        let chunk = &mut self.chunks[index as usize];
        let next = std::mem::replace(&mut chunk.next, self.free);
        self.free = index;
        ((chunk.entries, chunk.len as usize), next)
    }

    fn take_slot(&mut self, level: usize, slot: usize) -> u32 {
        self.occupied[level] &= !(1 << slot);
        std::mem::replace(&mut self.heads[level][slot], NONE)
    }

    /// Where `tick` belongs: the level is that of the highest bit in which it differs from `elapsed`. This stays
    /// true while `elapsed` advances, because a slot is spread when `elapsed` enters it.
    const fn place(&self, tick: u64) -> (usize, usize) {
        let differing = (tick ^ self.elapsed) | 1;
        let level = differing.ilog2() / LEVEL_BITS;
        (level as usize, (tick >> (level * LEVEL_BITS)) as usize % SLOTS)
    }
}

/// Sets a source's bit, and says whether it was not set before.
fn mark(bits: &mut Vec<u64>, source: u32) -> bool {
    let (word, bit) = (source as usize / 64, 1 << (source % 64));
    if word >= bits.len() {
        bits.resize(word + 1, 0);
    }
    let is_new = bits[word] & bit == 0;
    bits[word] |= bit;
    is_new
}

#[cfg(test)]
mod tests;
