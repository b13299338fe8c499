//! The table of sources: label to record, bounded.

use std::hash::{BuildHasher, RandomState};
use std::ops::{Index, IndexMut};

use beacon_common::Label;
use hashbrown::HashTable;

use super::event::SourceId;
use super::source::Source;

/// One source's place in the index: enough of its hash to move it without looking at the record.
#[derive(Clone, Copy)]
struct Place {
    hash: u32,
    id: u32,
}

/// Every source that the collector knows, by number and by label.
///
/// The hash is keyed with a secret of the process, because the labels are the network's to choose.
pub struct Table {
    records: Vec<Option<Source>>,
    /// Numbers whose source was removed.
    free: Vec<u32>,
    places: HashTable<Place>,
    hash_key: RandomState,
    max_sources: u32,
}

impl Table {
    /// A table for at most `max_sources` sources.
    #[must_use]
    pub fn new(max_sources: u32) -> Self {
        Self {
            records: Vec::new(),
            free: Vec::new(),
            places: HashTable::new(),
            hash_key: RandomState::new(),
            max_sources,
        }
    }

    /// The number of the source called `label`.
    #[must_use]
    pub fn find(&self, label: &Label) -> Option<SourceId> {
        let hash = self.hash(label);
        let found = self.places.find(spread(hash), |place| {
            place.hash == hash
                && self
                    .get(SourceId(place.id))
                    .is_some_and(|source| source.label == *label)
        });
        found.map(|place| SourceId(place.id))
    }

    /// Takes in a source that is not in the table yet; `None` where the table is full.
    pub fn admit(&mut self, source: Source) -> Option<SourceId> {
        if self.places.len() >= self.max_sources as usize {
            return None;
        }
        let hash = self.hash(&source.label);
        let id = match self.free.pop() {
            Some(id) => {
                self.records[id as usize] = Some(source);
                id
            }
            None => {
                self.records.push(Some(source));
                (self.records.len() - 1) as u32
            }
        };
        self.places
            .insert_unique(spread(hash), Place { hash, id }, |place| spread(place.hash));
        Some(SourceId(id))
    }

    /// Removes a source. Its number is free for another one from now on.
    pub fn remove(&mut self, id: SourceId) {
        let Some(source) = self.records.get_mut(id.0 as usize).and_then(Option::take) else {
            return;
        };
        let hash = self.hash(&source.label);
        if let Ok(place) = self.places.find_entry(spread(hash), |place| place.id == id.0) {
            place.remove();
        }
        self.free.push(id.0);
    }

    /// The source with this number, if there is one.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.records.get(id.0 as usize)?.as_ref()
    }

    /// The source with this number, if there is one.
    pub fn get_mut(&mut self, id: SourceId) -> Option<&mut Source> {
        self.records.get_mut(id.0 as usize)?.as_mut()
    }

    /// The first source in the order of the numbers, from `from` on.
    #[must_use]
    pub fn first_from(&self, from: SourceId) -> Option<SourceId> {
        (from.0..self.records.len() as u32)
            .map(SourceId)
            .find(|&id| self.get(id).is_some())
    }

    fn hash(&self, label: &Label) -> u32 {
        (self.hash_key.hash_one(label.as_padded()) >> 32) as u32
    }
}

/// The index takes the bucket from the lower end of 64 bits and a check from the upper end.
const fn spread(hash: u32) -> u64 {
    (hash as u64) << 32 | hash as u64
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

    fn source(name: &str) -> Source {
        Source::unheard(Label::new(name).unwrap(), beacon_common::Moment::ORIGIN)
    }

    #[test]
    fn sources_are_found_by_label_until_they_are_removed() {
        let mut table = Table::new(1_000);
        let ids: Vec<_> = (0..1_000)
            .map(|n| table.admit(source(&format!("s{n}"))).unwrap())
            .collect();
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(table.find(&Label::new(&format!("s{n}")).unwrap()), Some(*id));
        }
        table.remove(ids[7]);
        assert_eq!(table.find(&Label::new("s7").unwrap()), None);
        assert_eq!(table.first_from(ids[7]), Some(ids[8]));
        assert_eq!(table.find(&Label::new("s8").unwrap()), Some(ids[8]));
    }

    #[test]
    fn a_full_table_takes_a_source_only_when_one_has_left() {
        let mut table = Table::new(2);
        let first = table.admit(source("a")).unwrap();
        assert!(table.admit(source("b")).is_some());
        assert_eq!(table.admit(source("c")), None);
        table.remove(first);
        table.remove(first);
        assert_eq!(table.admit(source("c")), Some(first), "the number is used again");
        assert_eq!(table.admit(source("d")), None);
    }
}
