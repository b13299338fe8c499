//! A simulated network: it loses, delays, duplicates and reorders datagrams, under a virtual clock.
//!
//! What is in flight is ordered by the time of its arrival, and by the order of sending only where two arrive
//! at the same moment; so a datagram with less delay truly overtakes. The clock is the caller's: it jumps from
//! [`Network::next_arrival`] to the next one.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use beacon_common::Moment;

use crate::random::Random;

/// How a path loses datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Each one with the same chance.
    Independent {
        /// Lost ones out of a million.
        per_million: u32,
    },
    /// In bursts: the two-state chain of Gilbert (1960) and Elliott (1963). The path is good or bad, and each
    /// datagram first finds it changed, or not.
    Bursts {
        /// How often a good path turns bad.
        turns_bad_per_million: u32,
        /// How often a bad path turns good.
        turns_good_per_million: u32,
        /// Lost ones out of a million while the path is bad; none is lost while it is good.
        per_million: u32,
    },
}

/// What the way from a sender to the collector is like.
#[derive(Clone, Debug)]
pub struct Path {
    /// What it loses.
    pub loss: Loss,
    /// The least delay.
    pub delay: Duration,
    /// The delay that comes on top, uniformly from nothing to this much.
    pub jitter: Duration,
    /// How many out of a million are delayed by a spike.
    pub spikes_per_million: u32,
    /// How long a spike delays, uniformly from nothing to this much.
    pub spike: Duration,
    /// How many out of a million arrive twice, each copy with a delay of its own.
    pub duplicates_per_million: u32,
    /// Times in which whatever is sent is lost.
    pub partitions: Vec<Range<Moment>>,
    /// Times in which whatever would arrive waits in a queue, and comes out of it in a burst at their end.
    pub stalls: Vec<Range<Moment>>,
}

impl Path {
    /// A path that takes this long, always, and does nothing else.
    #[must_use]
    pub const fn perfect(delay: Duration) -> Self {
        Self {
            loss: Loss::Independent { per_million: 0 },
            delay,
            jitter: Duration::ZERO,
            spikes_per_million: 0,
            spike: Duration::ZERO,
            duplicates_per_million: 0,
            partitions: Vec::new(),
            stalls: Vec::new(),
        }
    }
}

/// A path with the datagrams that are on it.
#[derive(Clone, Debug)]
pub struct Network<T> {
    path: Path,
    random: Random,
    is_bad: bool,
    /// By the time of arrival, then by the order of sending.
    in_flight: BTreeMap<(Moment, u64), T>,
    carried: u64,
}

impl<T: Clone> Network<T> {
    /// A network on which nothing is yet.
    #[must_use]
    pub const fn new(path: Path, random: Random) -> Self {
        Self {
            path,
            random,
            is_bad: false,
            in_flight: BTreeMap::new(),
            carried: 0,
        }
    }

    /// Sends a datagram, and says how many copies of it will arrive.
    pub fn send(&mut self, now: Moment, datagram: T) -> u64 {
        if self.loses(now) {
            return 0;
        }
        let copies = 1 + u64::from(self.random.chance(self.path.duplicates_per_million));
        for _ in 0..copies {
            let arrival = self.arrival(now);
            self.in_flight.insert((arrival, self.carried), datagram.clone());
            self.carried += 1;
        }
        copies
    }

    fn loses(&mut self, now: Moment) -> bool {
        let is_lost = match self.path.loss {
            Loss::Independent { per_million } => self.random.chance(per_million),
            Loss::Bursts {
                turns_bad_per_million,
                turns_good_per_million,
                per_million,
            } => {
                let turns = if self.is_bad {
                    turns_good_per_million
                } else {
                    turns_bad_per_million
                };
                self.is_bad ^= self.random.chance(turns);
                self.is_bad && self.random.chance(per_million)
            }
        };
        is_lost
            || self
                .path
                .partitions
                .iter()
                .any(|partition| partition.contains(&now))
    }

    fn arrival(&mut self, now: Moment) -> Moment {
        let mut delay = self.path.delay + self.random_part_of(self.path.jitter);
        if self.random.chance(self.path.spikes_per_million) {
            delay += self.random_part_of(self.path.spike);
        }
        let arrival = now + delay;
        let stall = self.path.stalls.iter().find(|stall| stall.contains(&arrival));
        stall.map_or(arrival, |stall| stall.end)
    }

    fn random_part_of(&mut self, whole: Duration) -> Duration {
        let nanos = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.random.below(nanos))
    }

    /// When the next datagram arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Moment> {
        self.in_flight.first_key_value().map(|(&(arrival, _), _)| arrival)
    }

    /// Takes the next datagram to arrive off the network.
    pub fn deliver(&mut self) -> Option<(Moment, T)> {
        self.in_flight
            .pop_first()
            .map(|((arrival, _), datagram)| (arrival, datagram))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(ms: u32) -> Moment {
        Moment::ORIGIN + MS * ms
    }

    /// Sends the numbers from 0 on, one a millisecond, and returns them as they arrive.
    fn arrivals(path: Path, count: u32) -> Vec<(Moment, u32)> {
        let mut network = Network::new(path, Random::new(7));
        (0..count).for_each(|number| {
            network.send(at(number), number);
        });
        std::iter::from_fn(|| network.deliver()).collect()
    }

    fn numbers(path: Path, count: u32) -> Vec<u32> {
        arrivals(path, count)
            .into_iter()
            .map(|(_, number)| number)
            .collect()
    }

    fn wild() -> Path {
        Path {
            loss: Loss::Independent { per_million: 100_000 },
            jitter: MS * 5,
            spikes_per_million: 20_000,
            spike: MS * 100,
            duplicates_per_million: 50_000,
            ..Path::perfect(MS)
        }
    }

    #[test]
    fn a_seed_gives_the_same_arrivals_again() {
        assert_eq!(arrivals(wild(), 1_000), arrivals(wild(), 1_000));
    }

    #[test]
    fn jitter_reorders_and_its_absence_does_not() {
        let steady = numbers(Path::perfect(MS * 3), 1_000);
        assert_eq!(steady, (0..1_000).collect::<Vec<_>>());
        let jittered = numbers(
            Path {
                jitter: MS * 5,
                ..Path::perfect(MS)
            },
            1_000,
        );
        let overtaken = jittered.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!(
            overtaken > 100,
            "5 ms of jitter at one datagram a millisecond reorder, but {overtaken} were"
        );
        let mut sorted = jittered;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1_000).collect::<Vec<_>>());
    }

    #[test]
    fn arrivals_are_in_the_order_of_time_and_ties_in_the_order_of_sending() {
        assert!(arrivals(wild(), 1_000).is_sorted_by_key(|&(arrival, _)| arrival));
        let mut network = Network::new(Path::perfect(MS), Random::new(1));
        (0..10).for_each(|number| {
            network.send(at(0), number);
        });
        let tied: Vec<_> = std::iter::from_fn(|| network.deliver())
            .map(|(_, number)| number)
            .collect();
        assert_eq!(tied, (0..10).collect::<Vec<u32>>());
    }

    #[test]
    fn the_sender_side_knows_what_will_arrive() {
        let mut network = Network::new(wild(), Random::new(3));
        let promised: u64 = (0..10_000).map(|number| network.send(at(number), number)).sum();
        let arrived = std::iter::from_fn(|| network.deliver()).count() as u64;
        assert_eq!(arrived, promised);
        assert!(
            (9_300..9_600).contains(&arrived),
            "9,000 and 5 % of them again, not {arrived}"
        );
        assert_eq!(network.next_arrival(), None);
    }

    /// How many were lost, and in how many runs.
    fn losses(loss: Loss) -> (u32, u32) {
        let arrived = numbers(
            Path {
                loss,
                ..Path::perfect(MS)
            },
            100_000,
        );
        let runs = arrived.windows(2).filter(|pair| pair[1] > pair[0] + 1).count();
        (100_000 - arrived.len() as u32, runs as u32)
    }

    #[test]
    fn a_gilbert_elliott_path_loses_as_many_in_fewer_runs() {
        let (independent, its_runs) = losses(Loss::Independent { per_million: 50_000 });
        let (in_bursts, bursts) = losses(Loss::Bursts {
            turns_bad_per_million: 10_000,
            turns_good_per_million: 190_000,
            per_million: 1_000_000,
        });
        assert!((4_500..5_500).contains(&independent), "5 %, not {independent}");
        assert!(
            (4_000..6_000).contains(&in_bursts),
            "1 / (1 + 19), not {in_bursts}"
        );
        assert!(bursts * 3 < its_runs, "{bursts} bursts against {its_runs}");
    }

    #[test]
    fn a_partition_loses_all_and_a_stall_lets_them_out_together() {
        let partitioned = Path {
            partitions: vec![at(10)..at(20)],
            ..Path::perfect(MS)
        };
        assert_eq!(
            numbers(partitioned, 30),
            (0..10).chain(20..30).collect::<Vec<_>>()
        );
        let stalled = arrivals(
            Path {
                stalls: vec![at(10)..at(20)],
                ..Path::perfect(MS)
            },
            30,
        );
        let burst = stalled.iter().filter(|&&(arrival, _)| arrival == at(20)).count();
        assert_eq!(
            (stalled.len(), burst),
            (30, 11),
            "those due from 10 to 19 ms, and the one due at 20"
        );
    }
}
