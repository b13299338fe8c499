//! The table of sources: label to record, bounded.
//!
//! It grows without a pause: records stand in chunks that never move, and the index is split into segments by
//! the hash of the label, so that only one segment's few thousand places move at once.

use std::hash::{BuildHasher, RandomState};
use std::ops::{Index, IndexMut};

use beacon_common::Label;
use hashbrown::HashTable;

use super::event::SourceId;
use super::source::Source;

const SEGMENTS: usize = 256;

/// Every source that the collector knows, by number and by label.
pub struct Table {
    records: Records,
    /// Numbers by label.
    segments: Vec<HashTable<u32>>,
    hash_key: RandomState,
    len: u32,
    max_sources: u32,
}

impl Table {
    /// A table for at most `max_sources` sources.
    #[must_use]
    pub fn new(max_sources: u32) -> Self {
        Self {
            records: Records::default(),
            segments: (0..SEGMENTS).map(|_| HashTable::new()).collect(),
            hash_key: RandomState::new(),
            len: 0,
            max_sources,
        }
    }

    /// The keyed hash of `label`.
    #[must_use]
    pub fn hash(&self, label: &Label) -> LabelHash {
        hash(&self.hash_key, label)
    }

    /// The number that the source with this hash has in all likelihood, read off the index alone.
    #[must_use]
    pub fn guess(&self, hash: LabelHash) -> Option<SourceId> {
        self.segments[hash.segment()]
            .find(hash.0, |_| true)
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
        self.segments[hash.segment()]
            .find(hash.0, is_called_so)
            .map(|&id| SourceId(id))
    }

    /// Takes in a source that is not in the table yet; `None` where the table is full.
    pub fn admit(&mut self, source: Source, hash: LabelHash) -> Option<SourceId> {
        if self.len >= self.max_sources {
            return None;
        }
        self.len += 1;
        let id = self.records.insert(source);
        let (records, key) = (&self.records, &self.hash_key);
        let hash_of = |&id: &u32| {
            records
                .get(id)
                .map_or(0, |source| self::hash(key, &source.label).0)
        };
        self.segments[hash.segment()].insert_unique(hash.0, id, hash_of);
        Some(SourceId(id))
    }

    /// Removes a source. Its number is free for another one from now on.
    pub fn remove(&mut self, id: SourceId) {
        let Some(source) = self.records.remove(id.0) else {
            return;
        };
        self.len -= 1;
        let hash = self.hash(&source.label);
        if let Ok(place) = self.segments[hash.segment()].find_entry(hash.0, |&other| other == id.0) {
            place.remove();
        }
    }

    /// The source with this number, if there is one.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.records.get(id.0)
    }

    /// The source with this number, if there is one.
    pub fn get_mut(&mut self, id: SourceId) -> Option<&mut Source> {
        self.records.get_mut(id.0)
    }

    /// The first source in the order of the numbers, from `from` on.
    #[must_use]
    pub fn first_from(&self, from: SourceId) -> Option<SourceId> {
        (from.0..self.records.end)
            .find(|&id| self.records.get(id).is_some())
            .map(SourceId)
    }
}

/// A label's hash, keyed with a secret of the process, because the labels are the network's to choose.
#[derive(Clone, Copy, Debug)]
pub struct LabelHash(u64);

impl LabelHash {
    /// Which segment it belongs to, by bits that the segments themselves do not look at: they take the bucket from
    /// the lowest bits and a check from the highest.
    const fn segment(self) -> usize {
        (self.0 >> 40) as usize % SEGMENTS
    }
}

fn hash(key: &RandomState, label: &Label) -> LabelHash {
    LabelHash(key.hash_one(u128::from_ne_bytes(*label.as_padded())))
}

/// The records, by number. Numbers are given out from 0 on; those of removed records are used again.
#[derive(Default)]
struct Records {
    chunks: Vec<Vec<Option<Source>>>,
    free: Vec<u32>,
    /// The first number that was never given out.
    end: u32,
}

impl Records {
    const CHUNK: usize = 1_024;

    fn get(&self, id: u32) -> Option<&Source> {
        self.chunks
            .get(id as usize / Self::CHUNK)?
            .get(id as usize % Self::CHUNK)?
            .as_ref()
    }

    fn get_mut(&mut self, id: u32) -> Option<&mut Source> {
        self.chunks
            .get_mut(id as usize / Self::CHUNK)?
            .get_mut(id as usize % Self::CHUNK)?
            .as_mut()
    }

    fn insert(&mut self, source: Source) -> u32 {
        if let Some(id) = self.free.pop() {
            self.chunks[id as usize / Self::CHUNK][id as usize % Self::CHUNK] = Some(source);
            return id;
        }
        let id = self.end;
        self.end += 1;
        if id as usize / Self::CHUNK == self.chunks.len() {
            self.chunks.push(Vec::with_capacity(Self::CHUNK));
        }
        self.chunks[id as usize / Self::CHUNK].push(Some(source));
        id
    }

    fn remove(&mut self, id: u32) -> Option<Source> {
        let chunk = self.chunks.get_mut(id as usize / Self::CHUNK)?;
        let source = chunk.get_mut(id as usize % Self::CHUNK)?.take()?;
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
        self.get_mut(id)
            .expect("a source id is used only while its source is in the table")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(n: u32) -> Label {
        Label::new(&format!("s{n}")).unwrap()
    }

    fn admit(table: &mut Table, n: u32) -> Option<SourceId> {
        let source = Source::unheard(label(n), beacon_common::Moment::ORIGIN);
        let hash = table.hash(&source.label);
        table.admit(source, hash)
    }

    fn find(table: &Table, n: u32) -> Option<SourceId> {
        table.find(&label(n), table.hash(&label(n)))
    }

    #[test]
    fn sources_are_found_by_label_until_they_are_removed() {
        let mut table = Table::new(10_000);
        let ids: Vec<_> = (0..10_000).map(|n| admit(&mut table, n)).collect();
        assert!((0..10_000).all(|n| find(&table, n) == ids[n as usize] && ids[n as usize].is_some()));
        table.remove(ids[7].unwrap());
        assert_eq!(find(&table, 7), None);
        assert_eq!(table.first_from(ids[7].unwrap()), ids[8]);
        assert_eq!(find(&table, 8), ids[8]);
    }

    #[test]
    fn a_guess_is_right_for_a_source_that_is_alone_in_its_bucket() {
        let mut table = Table::new(10);
        let id = admit(&mut table, 1);
        assert_eq!(table.guess(table.hash(&label(1))), id);
    }

    #[test]
    fn a_full_table_takes_a_source_only_when_one_has_left() {
        let mut table = Table::new(2);
        let first = admit(&mut table, 0);
        assert!(admit(&mut table, 1).is_some());
        assert_eq!(admit(&mut table, 2), None);
        table.remove(first.unwrap());
        table.remove(first.unwrap());
        assert_eq!(admit(&mut table, 2), first, "the number is used again");
        assert_eq!(admit(&mut table, 3), None);
    }
}
