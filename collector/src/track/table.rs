//! The table of sources: label to record. How many there may be is for others to say.
//!
//! It grows without a pause: records stand in chunks that never move, and the index is split into segments by
//! the hash of the label, so that only one segment's few thousand places move at once. What a beat touches of a
//! record stands apart from what it does not.

use std::ops::{Index, IndexMut};

use beacon_common::Label;
use hashbrown::HashTable;

use super::event::SourceId;
use super::hash::{HashKey, LabelHash};
use super::history::History;
use super::source::Source;

/// As many as makes them nearly full at a million sources.
const SEGMENTS: usize = 288;

/// Every source that the collector knows, by number and by label.
pub struct Table {
    records: Records,
    /// Numbers by label.
    segments: Vec<HashTable<u32>>,
    hash_key: HashKey,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            records: Records::default(),
            segments: (0..SEGMENTS).map(|_| HashTable::new()).collect(),
            hash_key: HashKey::random(),
        }
    }
}

impl Table {
    /// The keyed hash of `label`.
    #[must_use]
    pub const fn hash(&self, label: &Label) -> LabelHash {
        self.hash_padded(*label.as_padded())
    }

    /// The keyed hash of what stands in a label's place.
    #[must_use]
    pub const fn hash_padded(&self, padded_label: [u8; Label::MAX_LEN]) -> LabelHash {
        self.hash_key.hash(padded_label)
    }

    /// The number that the source with this hash has in all likelihood, read off the index alone.
    #[must_use]
    pub fn guess(&self, hash: LabelHash) -> Option<SourceId> {
        self.segments[segment(hash)]
            .find(hash.as_u64(), |_| true)
            .map(|&id| SourceId(id))
    }

    /// Reads the record of a source that is needed soon, so that it is in the cache by then.
    pub fn fetch(&self, id: SourceId) {
        std::hint::black_box(self.get(id).map(Source::touch));
    }

    /// The number of the source called `label`.
    #[must_use]
    pub fn find(&self, label: &Label, hash: LabelHash) -> Option<SourceId> {
        let is_called_so = |id: &u32| self.records.get(*id).is_some_and(|source| source.label == *label);
        self.segments[segment(hash)]
            .find(hash.as_u64(), is_called_so)
            .map(|&id| SourceId(id))
    }

    /// Takes in a source that is not in the table yet.
    pub fn admit(&mut self, hash: LabelHash, record: (Source, History)) -> SourceId {
        let id = self.records.vacant();
        self.records.put(id, record);
        let (records, key) = (&self.records, &self.hash_key);
        let hash_of = |&id: &u32| {
            records
                .get(id)
                .map_or(0, |source| key.hash(*source.label.as_padded()).as_u64())
        };
        self.segments[segment(hash)].insert_unique(hash.as_u64(), id, hash_of);
        SourceId(id)
    }

    /// Removes a source. Its number is free for another one from now on.
    pub fn remove(&mut self, id: SourceId) {
        let Some(source) = self.records.remove(id.0) else {
            return;
        };
        let hash = self.hash(&source.label);
        if let Ok(place) = self.segments[segment(hash)].find_entry(hash.as_u64(), |&other| other == id.0) {
            place.remove();
        }
    }

    /// The source with this number, if there is one.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.records.get(id.0)
    }

    /// The whole record of the source with this number, if there is one.
    pub fn record_mut(&mut self, id: SourceId) -> Option<(&mut Source, &mut History)> {
        let place = Place::of(id.0);
        let chunk = self.records.chunks.get_mut(place.chunk)?;
        let source = chunk.sources.get_mut(place.index)?.as_mut()?;
        Some((source, chunk.histories.get_mut(place.index)?))
    }

    /// The history of the source with this number.
    ///
    /// Panics where there never was such a source: see [`Index`].
    #[must_use]
    pub fn history(&self, id: SourceId) -> &History {
        let place = Place::of(id.0);
        &self.records.chunks[place.chunk].histories[place.index]
    }

    /// Whether the number `from` or a higher one was ever given out.
    #[must_use]
    pub const fn reaches(&self, from: SourceId) -> bool {
        from.0 < self.records.end
    }

    /// The first source in the order of the numbers, from `from` on.
    #[must_use]
    pub fn first_from(&self, from: SourceId) -> Option<SourceId> {
        (from.0..self.records.end)
            .find(|&id| self.records.get(id).is_some())
            .map(SourceId)
    }
}

/// Which segment a hash belongs to, by bits that the segments themselves do not look at: they take the bucket from the
/// lowest bits and a check from the highest.
const fn segment(hash: LabelHash) -> usize {
    let middle = hash.as_u64() >> 24 & u32::MAX as u64;
    ((middle * SEGMENTS as u64) >> 32) as usize
}

/// The records, by number. Numbers are given out from 0 on; those of removed records are used again.
#[derive(Default)]
struct Records {
    chunks: Vec<Chunk>,
    free: Vec<u32>,
    /// The first number that was never given out.
    end: u32,
}

struct Chunk {
    sources: Vec<Option<Source>>,
    histories: Vec<History>,
}

/// Where the record with a number stands.
struct Place {
    chunk: usize,
    index: usize,
}

impl Place {
    const CHUNK: usize = 16_384;

    const fn of(id: u32) -> Self {
        Self {
            chunk: id as usize / Self::CHUNK,
            index: id as usize % Self::CHUNK,
        }
    }
}

impl Records {
    fn get(&self, id: u32) -> Option<&Source> {
        let place = Place::of(id);
        self.chunks.get(place.chunk)?.sources.get(place.index)?.as_ref()
    }

    fn get_mut(&mut self, id: u32) -> Option<&mut Source> {
        let place = Place::of(id);
        self.chunks
            .get_mut(place.chunk)?
            .sources
            .get_mut(place.index)?
            .as_mut()
    }

    /// A number that is not in use.
    fn vacant(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.end += 1;
            self.end - 1
        })
    }

    fn put(&mut self, id: u32, (source, history): (Source, History)) {
        let place = Place::of(id);
        if place.chunk == self.chunks.len() {
            self.chunks.push(Chunk {
                sources: Vec::with_capacity(Place::CHUNK),
                histories: Vec::with_capacity(Place::CHUNK),
            });
        }
        let chunk = &mut self.chunks[place.chunk];
        if place.index == chunk.sources.len() {
            chunk.sources.push(Some(source));
            chunk.histories.push(history);
        } else {
            chunk.sources[place.index] = Some(source);
            chunk.histories[place.index] = history;
        }
    }

    fn remove(&mut self, id: u32) -> Option<Source> {
        let place = Place::of(id);
        let chunk = self.chunks.get_mut(place.chunk)?;
        let source = chunk.sources.get_mut(place.index)?.take()?;
        self.free.push(id);
        Some(source)
    }
}

/// Panics where there is no such source: numbers are only handed out for sources that are there, and whoever
/// removes one forgets its number.
impl Index<SourceId> for Table {
    type Output = Source;

    fn index(&self, id: SourceId) -> &Source {
        self.get(id)
            .expect("a source id is used only while its source is in the table")
    }
}

impl IndexMut<SourceId> for Table {
    fn index_mut(&mut self, id: SourceId) -> &mut Source {
        self.records
            .get_mut(id.0)
            .expect("a source id is used only while its source is in the table")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::config::Config;
    use crate::track::origin::Origin;
    use beacon_common::{Flags, Frame, Health, Kind, Moment, Seq, Session};

    fn label(n: u32) -> Label {
        Label::new(&format!("s{n}")).unwrap()
    }

    fn admit(table: &mut Table, n: u32) -> SourceId {
        let frame = Frame {
            label: label(n),
            ..frame()
        };
        let hash = table.hash(&frame.label);
        let now = Moment::ORIGIN;
        let origin = Origin::of("10.0.0.1:7878".parse().unwrap());
        let source = Source::first(&frame, origin, now, &Config::default());
        table.admit(hash, (source, History::begin(now)))
    }

    fn frame() -> Frame {
        Frame {
            kind: Kind::Beat(Health::Ok),
            flags: Flags::default(),
            misses: 3,
            label: label(0),
            session: Session::new(1, 1),
            sent_us: 0,
            seq: Seq::FIRST,
            interval_ms: 1_000,
            next_ms: 1_000,
            uptime_s: 0,
        }
    }

    fn find(table: &Table, n: u32) -> Option<SourceId> {
        table.find(&label(n), table.hash(&label(n)))
    }

    #[test]
    fn sources_are_found_by_label_until_they_are_removed() {
        let mut table = Table::default();
        let ids: Vec<_> = (0..10_000).map(|n| admit(&mut table, n)).collect();
        assert!((0..10_000).all(|n| find(&table, n) == Some(ids[n as usize])));
        table.remove(ids[7]);
        assert_eq!(find(&table, 7), None);
        assert_eq!(table.first_from(ids[7]), Some(ids[8]));
        assert_eq!(find(&table, 8), Some(ids[8]));
    }

    #[test]
    fn a_guess_is_right_for_a_source_that_is_alone_in_its_bucket() {
        let mut table = Table::default();
        let id = Some(admit(&mut table, 1));
        let guess = table.guess(table.hash(&label(1)));
        assert_eq!(guess, id);
    }

    #[test]
    fn the_number_of_a_source_that_left_is_used_again_once() {
        let mut table = Table::default();
        let first = admit(&mut table, 0);
        let second = admit(&mut table, 1);
        table.remove(first);
        table.remove(first);
        assert_eq!(admit(&mut table, 2), first);
        assert_ne!(admit(&mut table, 3), second);
        assert_eq!(find(&table, 0), None);
    }
}
