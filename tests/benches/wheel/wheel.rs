//! The collector's timing wheel.

use beacon_collector::track::deadlines::Deadlines;
use beacon_common::Moment;

use crate::rival::{NEVER, Tick, Timer};

/// How many sources are brought up at once, as in the collector.
const AT_ONCE: usize = 32;

#[derive(Default)]
pub(crate) struct Wheel(Deadlines);

impl Timer for Wheel {
    fn arm(&mut self, source: u32, at: Tick) {
        self.0.arm(source, moment(at));
    }

    fn pass(&mut self, now: Tick, deadlines: &mut [Tick]) {
        loop {
            let mut due = [0; AT_ONCE];
            let due = self.0.expire_tick(moment(now), &mut due);
            if due.is_empty() {
                return;
            }
            for &source in due {
                let deadline = &mut deadlines[source as usize];
                if *deadline <= now {
                    *deadline = NEVER;
                } else {
                    self.0.arm(source, moment(*deadline));
                }
            }
        }
    }
}

fn moment(tick: Tick) -> Moment {
    Moment::from_micros(u64::from(tick) * 1_000)
}
