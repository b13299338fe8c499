//! A look at every deadline there is: no structure at all, and memory read in one direction.

use crate::rival::{NEVER, Tick, Timer};

/// Deadlines that are compared without a branch in between, which the compiler does by the vector.
const AT_ONCE: usize = 64;

pub(crate) struct Sweep {
    period: Tick,
}

impl Sweep {
    pub(crate) const fn every(period: Tick) -> Self {
        Self { period }
    }
}

impl Timer for Sweep {
    fn arm(&mut self, _source: u32, _at: Tick) {}

    fn pass(&mut self, now: Tick, deadlines: &mut [Tick]) {
        if !now.is_multiple_of(self.period) {
            return;
        }
        for some in deadlines.chunks_mut(AT_ONCE) {
            if some.iter().fold(false, |any, &deadline| any | (deadline <= now)) {
                for deadline in some.iter_mut().filter(|deadline| **deadline <= now) {
                    *deadline = NEVER;
                }
            }
        }
    }
}
