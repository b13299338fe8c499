//! The collector's timing wheel.

use beacon_collector::track::deadlines::Deadlines;
use beacon_common::Moment;

use crate::rival::{NEVER, Tick, Timer};

#[derive(Default)]
pub(crate) struct Wheel(Deadlines);

impl Timer for Wheel {
    fn arm(&mut self, source: u32, at: Tick) {
        self.0.arm(source, moment(at));
    }

    fn pass(&mut self, now: Tick, deadlines: &mut [Tick]) {
        let mut due = Deadlines::NOBODY;
        while let Some(due) = self.0.expire(moment(now), &mut due) {
            for entry in due {
                let deadline = &mut deadlines[entry.source as usize];
                if *deadline <= now {
                    *deadline = NEVER;
                } else {
                    self.0.arm(entry.source, moment(*deadline));
                }
            }
        }
    }
}

fn moment(tick: Tick) -> Moment {
    Moment::from_micros(u64::from(tick) * 1_000)
}
