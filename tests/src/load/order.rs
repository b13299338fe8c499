//! Whose turn a slot is.

use crate::random::Random;

/// The order in which the sources speak from the second round on, and back.
#[derive(Clone, Debug)]
pub(super) struct Order {
    sources: Vec<u32>,
    places: Vec<u32>,
}

impl Order {
    /// A random order of so many sources.
    pub(super) fn new(sources: u32, mut random: Random) -> Self {
        let mut order: Vec<u32> = (0..sources).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last as u64 + 1) as usize);
        }
        let mut places = vec![0; order.len()];
        for (place, &source) in (0..).zip(&order) {
            places[source as usize] = place;
        }
        Self {
            sources: order,
            places,
        }
    }

    /// How many sources there are.
    pub(super) const fn len(&self) -> u64 {
        self.sources.len() as u64
    }

    /// The source and the round of a slot.
    pub(super) fn turn(&self, slot: u64) -> (u32, u32) {
        let (round, place) = (slot / self.len(), slot % self.len());
        let source = match round {
            0 => place as u32,
            _ => self.sources[place as usize],
        };
        (source, round as u32)
    }

    /// The source's place in the order that stays.
    pub(super) fn place(&self, source: u32) -> u64 {
        u64::from(self.places[source as usize])
    }

    /// The slot of the source's turn after the one in `round`.
    pub(super) fn next_slot(&self, source: u32, round: u32) -> u64 {
        (u64::from(round) + 1) * self.len() + self.place(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_has_one_turn_a_round_and_knows_its_next() {
        let order = Order::new(1_000, Random::new(1));
        for round in 0..3 {
            let mut seen = vec![false; 1_000];
            for slot in round * 1_000..(round + 1) * 1_000 {
                let (source, of_round) = order.turn(slot);
                assert_eq!(u64::from(of_round), round);
                assert!(!std::mem::replace(&mut seen[source as usize], true));
                let next = order.next_slot(source, of_round);
                assert_eq!(order.turn(next), (source, of_round + 1));
            }
        }
    }

    #[test]
    fn the_order_is_random_and_stays() {
        let order = Order::new(1_000, Random::new(1));
        let neighbours = |slot: &u64| order.turn(*slot).0 + 1 == order.turn(slot + 1).0;
        assert_eq!((0..999).filter(neighbours).count(), 999);
        assert!((1_000..1_999).filter(neighbours).count() < 20);
        assert!((1_000..2_000).all(|slot| order.turn(slot).0 == order.turn(slot + 1_000).0));
    }
}
