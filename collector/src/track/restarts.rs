//! How often each source has begun anew, counted when it does and not when a line tells so: what `--events` leaves out,
//! what is held back while a source flaps and what a slow reader misses has happened all the same.

use super::event::SourceId;

/// The new sessions of the sources, by number: four bytes for each up to the highest that ever began one.
#[derive(Default)]
pub struct Restarts(Vec<u32>);

impl Restarts {
    /// A source has begun anew.
    pub fn count(&mut self, source: SourceId) {
        let place = source.0 as usize;
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        self.0[place] = self.0[place].saturating_add(1);
    }

    /// How often a source has begun anew.
    #[must_use]
    pub fn of(&self, source: SourceId) -> u32 {
        self.0.get(source.0 as usize).copied().unwrap_or(0)
    }

    /// The source is no longer kept, and its number may become another one's.
    pub fn forget(&mut self, source: SourceId) {
        if let Some(count) = self.0.get_mut(source.0 as usize) {
            *count = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_apart_and_its_number_begins_anew() {
        let mut restarts = Restarts::default();
        [5, 2, 5].map(SourceId).iter().for_each(|&id| restarts.count(id));
        let of = |restarts: &Restarts| [1, 2, 5, 6].map(|id| restarts.of(SourceId(id)));
        assert_eq!(of(&restarts), [0, 1, 2, 0]);
        [5, 9].map(SourceId).iter().for_each(|&id| restarts.forget(id));
        assert_eq!(of(&restarts), [0, 1, 0, 0]);
    }
}
