//! How many probes all trackers of one collector may send together.

use std::sync::{Arc, Mutex, PoisonError};

use beacon_common::Moment;

const SLICE_MS: u64 = 100;

/// A second and the slice that has begun: whatever second one looks at lies within them.
const SLICES: usize = 11;

/// At most so many probes within any second, for whoever shares this. Only who is about to probe touches it.
#[derive(Clone, Debug)]
pub struct Budget {
    a_second: u32,
    spent: Arc<Mutex<Spent>>,
}

#[derive(Debug, Default)]
struct Spent {
    /// How many were sent in each of the newest slices, by the slice modulo their number.
    slices: [u32; SLICES],
    newest: u64,
}

impl Budget {
    /// At most so many probes a second.
    #[must_use]
    pub fn new(a_second: u32) -> Self {
        Self {
            a_second,
            spent: Arc::default(),
        }
    }

    /// Whether one more may be sent at `now`; it counts as sent then. The moments of different trackers are a little
    /// apart; what is past counts as now.
    pub(super) fn take(&self, now: Moment) -> bool {
        self.take_below(self.a_second, now)
    }

    /// The same for one that can wait: half of them are left to those that cannot.
    pub(super) fn take_spare(&self, now: Moment) -> bool {
        self.take_below(self.a_second.div_ceil(2), now)
    }

    fn take_below(&self, at_most: u32, now: Moment) -> bool {
        // Whatever a thread that panicked left here is a count.
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.turn(now.as_nanos() / 1_000_000 / SLICE_MS);
        if spent.slices.iter().sum::<u32>() >= at_most {
            return false;
        }
        let newest = spent.newest as usize % SLICES;
        spent.slices[newest] += 1;
        true
    }
}

impl Spent {
    fn turn(&mut self, slice: u64) {
        for begun in (self.newest + 1..=slice).take(SLICES) {
            self.slices[begun as usize % SLICES] = 0;
        }
        if slice > self.newest + SLICES as u64 {
            self.slices = [0; SLICES];
        }
        self.newest = self.newest.max(slice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn at(ms: u64) -> Moment {
        Moment::ORIGIN.after_ms(ms)
    }

    /// Asks every millisecond from `from` to `to`, and returns when it was granted.
    fn granted(budget: &Budget, from: u64, to: u64) -> Vec<u64> {
        (from..to).filter(|&ms| budget.take(at(ms))).collect()
    }

    #[test]
    fn no_second_has_more_than_there_are() {
        let budget = Budget::new(40);
        let granted = granted(&budget, 5_000, 65_000);
        assert!(granted.len() > 60 * 40 * 9 / 10 - 40, "{}", granted.len());
        for (index, &ms) in granted.iter().enumerate() {
            let within = granted[index..].iter().take_while(|&&other| other < ms + 1_000);
            assert!(within.count() <= 40, "from {ms} on");
        }
    }

    #[test]
    fn after_a_pause_all_of_them_are_there_at_once() {
        let budget = Budget::new(3);
        assert_eq!(granted(&budget, 0, 10), [0, 1, 2]);
        for from in [1_100, 2_250, 3_400, 100_000, 1 << 40] {
            assert_eq!(granted(&budget, from, from + 10), [from, from + 1, from + 2]);
        }
        assert!(!budget.take(at(0)), "what is past counts as now");
    }

    #[test]
    fn half_of_them_are_not_to_spare() {
        let budget = Budget::new(5);
        let spare = (0..9).filter(|&ms| budget.take_spare(at(ms)));
        assert_eq!(spare.count(), 3);
        assert_eq!(granted(&budget, 10, 20), [10, 11]);
        assert!(!budget.take_spare(at(20)));
        assert!(Budget::new(1).take_spare(at(0)), "there is one at least");
    }

    #[test]
    fn whoever_shares_it_spends_the_same() {
        let budget = Budget::new(1_000);
        let spent: usize = thread::scope(|scope| {
            let spenders: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| granted(&budget, 0, 500).len()))
                .collect();
            spenders.into_iter().map(|spender| spender.join().unwrap()).sum()
        });
        assert_eq!(spent, 1_000);
    }
}
