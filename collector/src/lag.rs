//! How long the rounds of a loop take: no datagram and no deadline waits longer for its turn.

use std::time::Duration;

/// Rounds counted by how long they took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Rounds no longer than each of [`Lag::BOUNDS`] and longer than the one before it; the last are longer than all.
    rounds: [u64; Self::BOUNDS.len() + 1],
    /// All rounds together.
    total: Duration,
}

impl Lag {
    /// The upper bounds that rounds are counted by.
    pub const BOUNDS: [Duration; 9] = [
        Duration::from_micros(100),
        Duration::from_micros(300),
        Duration::from_millis(1),
        Duration::from_millis(2),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(30),
        Duration::from_millis(100),
        Duration::from_secs(1),
    ];

    /// Counts one round.
    pub fn count(&mut self, took: Duration) {
        let place = Self::BOUNDS.iter().position(|&bound| took <= bound);
        self.rounds[place.unwrap_or(Self::BOUNDS.len())] += 1;
        self.total += took;
    }

    /// Adds the rounds of another loop.
    pub fn add(&mut self, other: &Self) {
        let rounds = self.rounds.iter_mut().zip(other.rounds);
        rounds.for_each(|(own, other)| *own += other);
        self.total += other.total;
    }

    /// Each bound with the rounds no longer than it and longer than the one before; the last bound is `None`.
    pub fn iter(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        let bounds = Self::BOUNDS.into_iter().map(Some).chain([None]);
        bounds.zip(self.rounds)
    }

    /// How long all rounds took together.
    #[must_use]
    pub const fn total(&self) -> Duration {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_counted_under_the_first_bound_that_it_keeps() {
        let mut lag = Lag::default();
        for micros in [0, 100, 101, 1_000_000, 1_000_001] {
            lag.count(Duration::from_micros(micros));
        }
        let mut twice = lag;
        twice.add(&lag);
        let rounds: Vec<u64> = twice.iter().map(|(_, rounds)| rounds).collect();
        assert_eq!(rounds, [4, 2, 0, 0, 0, 0, 0, 0, 2, 2]);
        assert_eq!(twice.total(), Duration::from_micros(4_000_404));
        assert_eq!(twice.iter().last().map(|(bound, _)| bound), Some(None));
    }
}
