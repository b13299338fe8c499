//! The room for sources that all trackers of one collector have together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many sources may still be taken in, by whoever shares this. Only a source that comes or goes touches it, so
/// beats of different trackers do not meet here.
#[derive(Clone, Debug)]
pub struct Room(Arc<AtomicU32>);

impl Room {
    /// Room for so many sources.
    #[must_use]
    pub fn new(sources: u32) -> Self {
        Self(Arc::new(AtomicU32::new(sources)))
    }

    /// Takes the room of one source; false where there is none.
    pub(super) fn take(&self) -> bool {
        let one_less = |left: u32| left.checked_sub(1);
        // The count alone is shared, nothing is published by it.
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    }

    /// Gives back the room of one source.
    pub(super) fn give_back(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn no_more_is_taken_than_there_is_however_many_take() {
        let room = Room::new(1_000);
        let taken: u32 = thread::scope(|scope| {
            let takers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..500).map(|_| u32::from(room.take())).sum::<u32>()))
                .collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!(taken, 1_000);
        room.give_back();
        assert_eq!([room.take(), room.take()], [true, false]);
    }
}
