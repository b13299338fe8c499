//! The timing wheel over all sources: who is to be looked at when.
//!
//! A hierarchical wheel (Varghese and Lauck 1987, scheme 7) of eight levels with 256 slots each and a tick of one
//! millisecond, so that every moment there is has a slot. A slot's entries lie side by side in chunks of four cache
//! lines, and each carries its tick; so the wheel reads and writes memory in order, however many sources there are. A
//! bitmap finds the next slot that holds anything.
//!
//! A beat does not touch the wheel. It only changes what its source's deadline is, eight bytes in an array; when the
//! wheel comes to the source's entry and the deadline has moved on, the entry moves on with it, and nobody is told. Only
//! where a deadline moves ahead of the entry is another one made. The one it replaces turns stale and is dropped when the
//! wheel comes to it, or by [`Deadlines::sweep`] before there are too many of them.

use beacon_common::Moment;

const LEVEL_BITS: u32 = 8;
const SLOTS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = u64::BITS.div_ceil(LEVEL_BITS) as usize;
const TICK_NANOS: u64 = 1_000_000;

/// How far ahead an entry stands at most, in ticks: 4.7 hours. What is due later is brought up then, to be armed again, so
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

/// The lower half of a tick. Every tick in use lies between `elapsed` and the horizon, so that the rest is known.
type Tick = u32;

/// When a source is due, and where its entry stands: never later than that.
#[derive(Clone, Copy, Default)]
struct Timer {
    due: Tick,
    /// The tick of its current entry; every other entry of the source is stale. Of a source that is not armed it is a
    /// tick that has passed, which no entry carries.
    entry: Tick,
}

/// A source, and when it is looked at.
#[derive(Clone, Copy)]
struct Entry {
    source: u32,
    tick: Tick,
}

impl Entry {
    const EMPTY: Self = Self { source: 0, tick: 0 };
}

#[derive(Clone)]
struct Chunk {
    entries: [Entry; CHUNK],
    len: u32,
    next: u32,
}

/// The wheel.
pub struct Deadlines {
    /// Every entry due before this tick has been looked at.
    elapsed: u64,
    /// By the number of the source.
    timers: Vec<Timer>,
    chunks: Vec<Chunk>,
    /// Chunks that are not in use.
    free: u32,
    /// The list of each slot, level by level.
    heads: [u32; LEVELS * SLOTS],
    /// A bit for each slot, set where its list is not empty.
    occupied: [u64; LEVELS * SLOTS / u64::BITS as usize],
    /// What is left of a slot whose time has come and which is being moved to lower levels.
    spreading: u32,
    entries: usize,
    stale: usize,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            elapsed: 0,
            timers: Vec::new(),
            chunks: Vec::new(),
            free: NONE,
            heads: [NONE; LEVELS * SLOTS],
            occupied: [0; LEVELS * SLOTS / u64::BITS as usize],
            spreading: NONE,
            entries: 0,
            stale: 0,
        }
    }
}

impl Deadlines {
    /// Room for the sources that one call of [`Deadlines::expire`] brings up.
    pub const NOBODY: [u32; CHUNK] = [0; CHUNK];

    /// Arms a source that is not armed for `at`: it is brought up at the first tick at or after `at`, never before. Where
    /// `at` is beyond the horizon, it is brought up there.
    pub fn arm(&mut self, source: u32, at: Moment) {
        let tick = self.tick_of(at);
        let index = source as usize;
        if index >= self.timers.len() {
            self.timers.resize(index + 1, Timer::default());
        }
        self.move_to(source, tick);
    }

    /// Disarms an armed source: its entry turns stale.
    pub fn disarm(&mut self, source: u32) {
        let passed = (self.elapsed as Tick).wrapping_sub(1);
        self.timers[source as usize].entry = passed;
        self.stale += 1;
    }

    /// The deadline of an armed source is `at` from now on.
    #[inline(always)]
    pub fn set(&mut self, source: u32, at: Moment) {
        let tick = self.tick_of(at);
        let timer = &mut self.timers[source as usize];
        timer.due = tick as Tick;
        if tick < whole(self.elapsed, timer.entry) {
            self.stale += 1;
            self.move_to(source, tick);
        }
    }

    /// Reads the timer of a source, so that it is in the cache when it is needed.
    pub fn fetch(&self, source: u32) {
        std::hint::black_box(self.timers.get(source as usize).map(|timer| timer.due));
    }

    /// Brings up sources that are due at the first tick that anything stands at, no later than `now`: as many of them as
    /// `due` has room for. They are not armed any more. `None` once there are no more; none at all in between says that
    /// there was work to do, of which each call does a bounded amount.
    pub fn expire<'a>(&mut self, now: Moment, due: &'a mut [u32; CHUNK]) -> Option<&'a [u32]> {
        let now_tick = now.as_nanos() / TICK_NANOS;
        if self.spreading != NONE {
            self.spread();
            return Some(&[]);
        }
        let Some((place, tick)) = self.next_slot().filter(|&(_, tick)| tick <= now_tick) else {
            self.elapsed = self.elapsed.max(now_tick);
            return None;
        };
        self.elapsed = tick;
        if place >= SLOTS {
            self.spreading = self.take_slot(place);
            self.spread();
            return Some(&[]);
        }
        let (entries, next) = self.take_chunk(self.heads[place]);
        self.heads[place] = next;
        if next == NONE {
            self.take_slot(place);
        }
        let entries = &entries.0[..entries.1];
        // Their timers lie anywhere: read one after the other, each would be waited for.
        entries.iter().for_each(|entry| self.fetch(entry.source));
        let mut count = 0;
        for entry in entries {
            if self.is_due(entry) {
                due[count] = entry.source;
                count += 1;
            }
        }
        Some(&due[..count])
    }

    /// Looks at an entry whose time has come: whether its source is due. Where the deadline is a later one by now, the
    /// entry moves there.
    fn is_due(&mut self, entry: &Entry) -> bool {
        let timer = &mut self.timers[entry.source as usize];
        if timer.entry != entry.tick {
            self.stale = self.stale.saturating_sub(1);
            return false;
        }
        if timer.due == entry.tick {
            timer.entry = entry.tick.wrapping_sub(1);
            return true;
        }
        timer.entry = timer.due;
        let tick = whole(self.elapsed, timer.due);
        self.push(entry.source, tick);
        false
    }

    /// Drops the stale entries where there are more than twice as many as others, and all but one of those of a source that
    /// carry the same tick. A fleet that comes back from the dead makes one for each source, which is not enough; it takes
    /// sources whose promises go to and fro. Takes time for every entry of the wheel.
    pub fn sweep(&mut self) {
        if self.stale <= STALE_KEPT + 2 * self.entries.saturating_sub(self.stale) {
            return;
        }
        let mut lists = vec![std::mem::replace(&mut self.spreading, NONE)];
        lists.extend((0..LEVELS * SLOTS).map(|place| self.take_slot(place)));
        self.stale = 0;
        let mut kept = Vec::new();
        for mut list in lists {
            while list != NONE {
                let ((entries, len), next) = self.take_chunk(list);
                for entry in &entries[..len] {
                    let is_current = self.timers[entry.source as usize].entry == entry.tick;
                    if is_current && mark(&mut kept, entry.source) {
                        self.push(entry.source, whole(self.elapsed, entry.tick));
                    }
                }
                list = next;
            }
        }
    }

    /// A moment not after the one at which the next source is due; `None` where none is armed.
    #[must_use]
    pub fn next(&self) -> Option<Moment> {
        let tick = if self.spreading == NONE {
            self.next_slot()?.1
        } else {
            self.elapsed
        };
        Some(Moment::from_nanos(tick.saturating_mul(TICK_NANOS)))
    }

    /// The first tick at or after `at`, no earlier than now and no later than the horizon.
    fn tick_of(&self, at: Moment) -> u64 {
        let tick = at.as_nanos().div_ceil(TICK_NANOS);
        tick.max(self.elapsed).min(self.elapsed + HORIZON)
    }

    /// The first slot that holds anything, and the tick at which it begins. Whatever stands on a lower level comes before
    /// all that stands on a higher one, because it shares more of its upper bits with `elapsed`.
    fn next_slot(&self) -> Option<(usize, u64)> {
        let word = self.occupied.iter().position(|&slots| slots != 0)?;
        let place = word * u64::BITS as usize + self.occupied[word].trailing_zeros() as usize;
        let shift = LEVEL_BITS * (place / SLOTS) as u32;
        let above = u64::MAX.checked_shl(shift + LEVEL_BITS).unwrap_or(0);
        Some((place, self.elapsed & above | ((place % SLOTS) as u64) << shift))
    }

    /// Moves some of the entries of a slot whose time has come to lower levels.
    fn spread(&mut self) {
        for _ in 0..SPREAD_AT_ONCE {
            if self.spreading == NONE {
                return;
            }
            let ((entries, len), next) = self.take_chunk(self.spreading);
            self.spreading = next;
            for entry in &entries[..len] {
                self.push(entry.source, whole(self.elapsed, entry.tick));
            }
        }
    }

    /// Makes the current entry of a source that is due at `tick`.
    fn move_to(&mut self, source: u32, tick: u64) {
        self.timers[source as usize] = Timer {
            due: tick as Tick,
            entry: tick as Tick,
        };
        self.push(source, tick);
    }

    fn push(&mut self, source: u32, tick: u64) {
        let place = self.place(tick);
        let mut head = self.heads[place];
        if head == NONE || self.chunks[head as usize].len as usize == CHUNK {
            head = self.new_chunk(head);
            self.heads[place] = head;
            self.occupied[place / u64::BITS as usize] |= 1 << (place % u64::BITS as usize);
        }
        let chunk = &mut self.chunks[head as usize];
        let tick = tick as Tick;
        chunk.entries[chunk.len as usize] = Entry { source, tick };
        chunk.len += 1;
        self.entries += 1;
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
        let len = chunk.len as usize;
        self.entries -= len;
        ((chunk.entries, len), next)
    }

    /// Empties the list of a slot, which is returned.
    fn take_slot(&mut self, place: usize) -> u32 {
        self.occupied[place / u64::BITS as usize] &= !(1 << (place % u64::BITS as usize));
        std::mem::replace(&mut self.heads[place], NONE)
    }

    /// The slot that `tick` belongs to: the level is that of the highest bit in which it differs from `elapsed`. This stays
    /// true while `elapsed` advances, because a slot is spread when `elapsed` enters it.
    const fn place(&self, tick: u64) -> usize {
        let differing = (tick ^ self.elapsed) | 1;
        let level = differing.ilog2() / LEVEL_BITS;
        level as usize * SLOTS + (tick >> (level * LEVEL_BITS)) as usize % SLOTS
    }
}

/// The tick with this lower half: the first one from `elapsed` on.
const fn whole(elapsed: u64, tick: Tick) -> u64 {
    elapsed + tick.wrapping_sub(elapsed as Tick) as u64
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
