//! When the collector itself could not listen, and by how much that puts a deadline off (docs/protocol.md,
//! section 9).
//!
//! Nothing is kept of a source: what its deadlines are is worked out from the arrival of its newest beat whenever they
//! are looked at, and so is by how much they are put off.

use std::time::Duration;

use beacon_common::Moment;

use super::stored::{Stored, stored};

/// How many episodes are kept; where there are more, the two oldest become one.
const KEPT: usize = 16;

/// The times in which the collector could not listen, the oldest first. None overlaps another.
#[derive(Clone, Debug, Default)]
pub struct Blindness {
    episodes: Vec<Episode>,
}

#[derive(Clone, Copy, Debug)]
struct Episode {
    from: Moment,
    until: Moment,
    /// How much of the time between was blind.
    blind: Duration,
}

/// The moments at which a source is due to send if it goes on as it does: the first, and then one an interval.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// The first.
    pub due: Moment,
    /// The interval, in milliseconds.
    pub interval_ms: u32,
}

impl Blindness {
    /// The collector could not listen for the time `blind` between two moments. Of what overlaps an episode that is
    /// known already, only the rest counts; false where there is none.
    pub fn add(&mut self, from: Moment, until: Moment, blind: Duration) -> bool {
        let from = self.episodes.last().map_or(from, |last| from.max(last.until));
        let blind = blind.min(until.since(from));
        if blind.is_zero() {
            return false;
        }
        if self.episodes.len() == KEPT {
            let oldest = self.episodes.remove(0);
            let next = &mut self.episodes[0];
            next.from = oldest.from;
            next.blind += oldest.blind;
        }
        self.episodes.push(Episode { from, until, blind });
        true
    }

    /// The last episode has gone on until a moment.
    pub fn go_on(&mut self, until: Moment) {
        if let Some(last) = self.episodes.last_mut() {
            last.blind += until.since(last.until);
            last.until = last.until.max(until);
        }
    }

    /// Takes in the episodes of another collector or another tracker, which may overlap those that are known.
    pub fn add_all(&mut self, other: &Self) {
        let mut episodes = std::mem::take(&mut self.episodes);
        episodes.extend(&other.episodes);
        episodes.sort_by_key(|episode| episode.from);
        for Episode { from, until, blind } in episodes {
            self.add(from, until, blind);
        }
    }

    /// How much of the time since `moment` was blind.
    #[must_use]
    pub fn since(&self, moment: Moment) -> Duration {
        self.episodes_since(moment).map(|episode| episode.blind).sum()
    }

    /// Whether any of the time since `moment` was blind.
    #[must_use]
    pub fn was_since(&self, moment: Moment) -> bool {
        self.episodes.last().is_some_and(|last| last.until > moment)
    }

    /// By how much the deadlines are put off that a beat set which `arrived` then, in whole milliseconds: by the blind
    /// time since, or by as many intervals as beats were due in it, whichever is more. A beat that was sent while
    /// nobody listened is never heard, and the next one comes when the sender's schedule has it.
    #[must_use]
    pub fn put_off_ms(&self, arrived: Moment, grid: Grid) -> u64 {
        let put_off = self.episodes_since(arrived).map(|episode| {
            let intervals = grid.slots(episode).min(grid.intervals(episode.blind));
            episode.blind.max(Duration::from_nanos(
                intervals.saturating_mul(grid.interval_nanos()),
            ))
        });
        let nanos = put_off.sum::<Duration>().as_nanos();
        u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    /// What there was of each episode after `moment`.
    fn episodes_since(&self, moment: Moment) -> impl Iterator<Item = Episode> {
        let is_after = move |episode: &&Episode| episode.until > moment;
        self.episodes
            .iter()
            .rev()
            .take_while(is_after)
            .map(move |episode| {
                let from = episode.from.max(moment);
                Episode {
                    from,
                    blind: episode.blind.min(episode.until.since(from)),
                    ..*episode
                }
            })
    }
}

stored!(Episode { from, until, blind } where |episode: &Episode| episode.from <= episode.until);

/// How many episodes there are, and then they.
impl Stored for Blindness {
    fn store(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.episodes.len() as u8);
        self.episodes.iter().for_each(|episode| episode.store(bytes));
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        let count = u8::restore(bytes)?;
        let episodes = (0..count)
            .map(|_| Episode::restore(bytes))
            .collect::<Option<Vec<_>>>()?;
        let mut blindness = Self::default();
        blindness.add_all(&Self { episodes });
        Some(blindness)
    }
}

impl Grid {
    fn interval_nanos(self) -> u64 {
        (u64::from(self.interval_ms) * 1_000_000).max(1)
    }

    /// How many intervals it takes to reach `duration`.
    fn intervals(self, duration: Duration) -> u64 {
        let intervals = duration.as_nanos().div_ceil(self.interval_nanos().into());
        u64::try_from(intervals).unwrap_or(u64::MAX)
    }

    /// How many of the moments lie in `episode`.
    fn slots(self, episode: Episode) -> u64 {
        let before = |moment: Moment| self.intervals(moment.since(self.due));
        before(episode.until) - before(episode.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::ORIGIN.after_ms(ms)
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Blind from each first moment until the second.
    fn blind(episodes: &[(u64, u64)]) -> Blindness {
        let mut blindness = Blindness::default();
        for &(from, until) in episodes {
            blindness.add(at(from), at(until), ms(until - from));
        }
        blindness
    }

    fn put_off(blindness: &Blindness, arrived: u64, due: u64) -> u64 {
        let grid = Grid {
            due: at(due),
            interval_ms: 1_000,
        };
        blindness.put_off_ms(at(arrived), grid)
    }

    #[test]
    fn only_what_was_blind_since_the_arrival_counts() {
        let blindness = blind(&[(1_000, 2_000), (5_000, 8_000)]);
        for (since, expected) in [(0, 4_000), (1_500, 3_500), (2_000, 3_000), (7_999, 1), (8_000, 0)] {
            assert_eq!(blindness.since(at(since)), ms(expected), "since {since}");
        }
        assert_eq!(Blindness::default().since(at(0)), Duration::ZERO);
    }

    #[test]
    fn what_is_known_already_does_not_count_twice() {
        let mut blindness = blind(&[(1_000, 3_000)]);
        assert!(!blindness.add(at(1_500), at(2_500), ms(1_000)));
        assert!(!blindness.add(at(3_000), at(3_000), ms(9)));
        assert!(blindness.add(at(2_000), at(4_000), ms(2_000)));
        assert_eq!(blindness.since(at(0)), ms(3_000));
    }

    /// Of beats due every second, the next one after the blindness is the first that could be heard.
    #[test]
    fn deadlines_are_put_off_until_a_beat_could_be_heard() {
        let blindness = blind(&[(10_000, 12_500)]);
        // 10,100, 11,100 and 12,100 were not heard; 13,100 is.
        assert_eq!(put_off(&blindness, 9_100, 10_100), 3_000);
        // 10,600 and 11,600 were not heard; 12,600 is, and the blind time is more than two intervals.
        assert_eq!(put_off(&blindness, 9_600, 10_600), 2_500);
        // Due before, and again at 10,400, 11,400 and 12,400.
        assert_eq!(put_off(&blindness, 3_400, 4_400), 3_000);
        // Not due before the collector listened again.
        assert_eq!(put_off(&blindness, 9_100, 20_000), 2_500);
        // It came in the middle, and waited in the socket.
        assert_eq!(put_off(&blindness, 11_900, 12_900), 600);
        assert_eq!(put_off(&blindness, 11_450, 12_450), 1_050);
        assert_eq!(put_off(&blindness, 12_500, 13_500), 0);
    }

    /// Awake for some of the time between, it heard beats then.
    #[test]
    fn a_part_of_the_time_puts_off_by_less_than_an_interval_more() {
        let mut blindness = Blindness::default();
        blindness.add(at(0), at(60_000), ms(2_500));
        assert_eq!(put_off(&blindness, 0, 1_000), 3_000);
    }

    #[test]
    fn beyond_the_bound_the_oldest_become_one_and_no_blind_time_is_forgotten() {
        let mut blindness = Blindness::default();
        for episode in 0..100 {
            blindness.add(at(episode * 1_000), at(episode * 1_000 + 10), ms(10));
        }
        assert_eq!(blindness.episodes.len(), KEPT);
        assert_eq!(blindness.since(at(0)), ms(1_000));
        assert_eq!(blindness.since(at(99_000)), ms(10));
    }
}
