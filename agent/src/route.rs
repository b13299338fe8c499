//! Which collectors a frame goes to.

/// How frames are spread over the collectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each goes to all of them.
    All,
    /// Each goes to the first that answers.
    Failover,
}

/// Whether a collector is worth sending to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It answers.
    Answering,
    /// It has an address, and has neither answered yet nor been silent for long.
    Untried,
    /// It is lost, but its name has new addresses, of which not all have been tried.
    Moved,
    /// It is lost, or its name is not resolved.
    Unusable,
}

/// The way of the frames so far.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    mode: Mode,
    misses: u32,
    /// How many frames asked for an ack.
    asks: u32,
}

/// The collectors that one frame goes to, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Every one.
    All,
    /// The first that can be reached, as far as one knows.
    First(usize),
    /// That one, and all before it: they are tried.
    UpTo(usize),
}

impl Targets {
    /// Whether the collector at `place` is one of them.
    #[must_use]
    pub const fn include(self, place: usize) -> bool {
        match self {
            Self::All => true,
            Self::First(first) => place == first,
            Self::UpTo(last) => place <= last,
        }
    }
}

impl Route {
    /// The way that `mode` goes; collectors before the one in use are tried with every `misses`-th ask.
    #[must_use]
    pub const fn new(mode: Mode, misses: u8) -> Self {
        Self {
            mode,
            misses: misses as u32,
            asks: 0,
        }
    }

    /// How frames are spread.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Where the next beat goes, by the standings of the collectors in order. Where none is worth it, all are tried:
    /// the first that answers is then known an interval later.
    ///
    /// Only an ask can find a collector again, so what is counted are asks. A collector that answers again is
    /// tried within `misses` of them and has the next beat: it waits for no more than `misses + 1`, and has a
    /// second chance within twice `misses` where one try or its ack gets lost. One that has moved is tried with the
    /// next ask, and so is one whose name has resolved late: the beats stay with the one that answers.
    pub fn next(&mut self, is_ask: bool, standings: impl Iterator<Item = Standing>) -> Targets {
        let is_turn = self.asks.is_multiple_of(self.misses);
        self.asks = self.asks.wrapping_add(u32::from(is_ask));
        if self.mode == Mode::All {
            return Targets::All;
        }
        let mut has_new = false;
        let targets = |place, has_new| {
            if is_ask && (is_turn || has_new) {
                Targets::UpTo(place)
            } else {
                Targets::First(place)
            }
        };
        let mut first_untried = None;
        for (place, standing) in standings.enumerate() {
            match standing {
                Standing::Answering => return targets(place, has_new),
                Standing::Untried if first_untried.is_none() => first_untried = Some(targets(place, has_new)),
                Standing::Untried | Standing::Moved | Standing::Unusable => {}
            }
            has_new |= matches!(standing, Standing::Untried | Standing::Moved);
        }
        first_untried.unwrap_or(Targets::All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Link, State};
    use beacon_common::Seq;

    /// Links and a route under a virtual clock: an interval passes with each beat.
    struct World {
        links: Vec<Link>,
        route: Route,
        beats: u32,
    }

    impl World {
        fn new(collectors: usize, misses: u8) -> Self {
            Self {
                links: vec![Link::new(misses); collectors],
                route: Route::new(Mode::Failover, misses),
                beats: 0,
            }
        }

        /// Sends a beat; the collectors that `are_alive` get it and answer. Gives the places that got it.
        fn beat(&mut self, are_alive: &[bool]) -> Vec<usize> {
            self.beats += 1;
            let (seq, sent_us) = (Seq::new(self.beats), u64::from(self.beats) * 1_000);
            for link in &mut self.links {
                link.judge();
            }
            let standings = self.links.iter().map(|link| match link.state() {
                State::Lost => Standing::Unusable,
                State::Untried => Standing::Untried,
                State::Answering => Standing::Answering,
            });
            let targets = self.route.next(true, standings);
            let mut reached = Vec::new();
            for (place, link) in self.links.iter_mut().enumerate() {
                if targets.include(place) {
                    link.ask(seq, sent_us);
                    if are_alive[place] {
                        assert!(link.answer(seq, sent_us, sent_us + 1).is_some());
                        reached.push(place);
                    }
                }
            }
            reached
        }

        /// After how many beats `place` is reached.
        fn beats_until(&mut self, place: usize, are_alive: &[bool]) -> u32 {
            let start = self.beats;
            while !self.beat(are_alive).contains(&place) {
                assert!(self.beats < start + 1_000, "never reached");
            }
            self.beats - start
        }
    }

    /// The figures, for every moment within a cycle of tries at which the first may die or come back.
    #[test]
    fn the_second_takes_over_and_the_first_takes_back_in_time() {
        for misses in [1_u8, 2, 3, 7, 255] {
            let misses_in_all = u32::from(misses);
            for alive_for in 1..=misses_in_all.min(9) {
                for dead_for in 1..=misses_in_all.min(9) {
                    let mut world = World::new(2, misses);
                    for _ in 0..alive_for {
                        assert_eq!(world.beat(&[true, true]), [0], "the second has no beat");
                    }
                    let taken_over = world.beats_until(1, &[false, true]);
                    assert_eq!(taken_over, misses_in_all + 1);
                    for _ in 0..dead_for {
                        assert_eq!(world.beat(&[false, true]), [1]);
                    }
                    assert!(world.beats_until(0, &[true, true]) <= misses_in_all);
                    assert_eq!(world.beat(&[true, true]), [0], "and the second has no more");
                }
            }
        }
    }

    #[test]
    fn later_collectors_take_over_one_after_another() {
        let mut world = World::new(3, 3);
        assert_eq!(world.beats_until(2, &[false, false, true]), 7);
        assert_eq!(world.beats_until(1, &[false, true, true]), 3);
        assert!(world.beats_until(0, &[true, true, true]) <= 3);
    }

    #[test]
    fn where_none_answers_all_are_tried() {
        let mut world = World::new(3, 2);
        for _ in 0..20 {
            assert_eq!(world.beat(&[false; 3]), []);
        }
        assert_eq!(world.beat(&[false, true, true]), [1, 2]);
        assert!(world.beat(&[false, true, true]).starts_with(&[1]));
    }

    #[test]
    fn a_lost_collector_is_tried_with_every_nth_ask_and_no_more() {
        let mut route = Route::new(Mode::Failover, 3);
        let standings = || [Standing::Unusable, Standing::Answering].into_iter();
        let tried = (0..9).map(|_| route.next(true, standings()).include(0));
        assert_eq!(tried.filter(|&is_tried| is_tried).count(), 3);
    }

    #[test]
    fn beats_that_ask_for_nothing_try_nobody() {
        let mut route = Route::new(Mode::Failover, 1);
        let standings = || [Standing::Unusable, Standing::Answering].into_iter();
        assert_eq!(route.next(true, standings()), Targets::UpTo(1));
        assert_eq!(route.next(false, standings()), Targets::First(1));
        let mut all = Route::new(Mode::All, 1);
        assert_eq!(all.next(true, standings()), Targets::All);
    }

    #[test]
    fn one_that_has_moved_is_tried_with_the_next_ask() {
        let mut route = Route::new(Mode::Failover, 3);
        let moved = || [Standing::Unusable, Standing::Moved, Standing::Answering].into_iter();
        assert_eq!(route.next(true, moved()), Targets::UpTo(2), "every third ask");
        assert_eq!(route.next(false, moved()), Targets::First(2), "no ask");
        assert_eq!(route.next(true, moved()), Targets::UpTo(2));
        let later = [Standing::Answering, Standing::Moved].into_iter();
        assert_eq!(route.next(true, later), Targets::First(0), "there is no need");
    }

    /// Its name resolves late, or its collector is not there: the one that answers goes on having the beats.
    #[test]
    fn one_that_is_yet_untried_is_tried_beside_one_that_answers() {
        let mut route = Route::new(Mode::Failover, 3);
        let late = || [Standing::Unusable, Standing::Untried, Standing::Answering].into_iter();
        for _ in 0..4 {
            assert_eq!(route.next(true, late()), Targets::UpTo(2));
            assert_eq!(route.next(false, late()), Targets::First(2), "no ask");
        }
        let new = || [Standing::Unusable, Standing::Untried, Standing::Untried].into_iter();
        assert_eq!(route.next(true, new()), Targets::First(1), "none answers yet");
    }
}
