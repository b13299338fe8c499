//! What an option has kept for each source, beside the records, so that it takes no room where it is off.

use super::event::SourceId;

/// How many stand together: as they never move, none waits while others are copied.
const CHUNK: usize = 1_024;

/// One value for each source, by its number.
#[derive(Debug)]
pub struct Beside<T> {
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Beside<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Beside<T> {
    /// Keeps `value` for the source with this number, in place of what was kept for another that had it before.
    /// New numbers come in order, as the table gives them out.
    pub fn put(&mut self, id: SourceId, value: T) {
        let (chunk, index) = place(id);
        if chunk == self.chunks.len() {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunk = &mut self.chunks[chunk];
        if index == chunk.len() {
            chunk.push(value);
        } else {
            chunk[index] = value;
        }
    }

    /// What is kept for the source with this number, where anything is.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&T> {
        let (chunk, index) = place(id);
        self.chunks.get(chunk)?.get(index)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, id: SourceId) -> Option<&mut T> {
        let (chunk, index) = place(id);
        self.chunks.get_mut(chunk)?.get_mut(index)
    }
}

const fn place(SourceId(id): SourceId) -> (usize, usize) {
    (id as usize / CHUNK, id as usize % CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_its_own_and_one_that_is_used_again_has_the_new() {
        let mut beside = Beside::default();
        (0..3_000).for_each(|id| beside.put(SourceId(id), id));
        beside.put(SourceId(1_024), 7);
        let mut kept = |id| beside.get_mut(SourceId(id)).copied();
        assert_eq!(
            [0, 1_023, 1_024, 2_999].map(&mut kept),
            [0, 1_023, 7, 2_999].map(Some)
        );
        assert_eq!([3_000, 9_999].map(kept), [None, None]);
    }
}
