//! The collector's timing wheel.

use beacon_collector::track::deadlines::Deadlines;
use beacon_common::Moment;

use crate::rival::{Tick, Timer};

#[derive(Default)]
pub(crate) struct Wheel(Deadlines);

impl Timer for Wheel {
    fn arm(&mut self, source: u32, at: Tick) {
        self.0.arm(source, moment(at));
    }

    fn put_off(&mut self, source: u32, at: Tick, _deadlines: &mut [Tick]) {
        self.0.set(source, moment(at));
    }

    fn pass(&mut self, now: Tick, _deadlines: &mut [Tick]) {
        let mut due = Deadlines::NOBODY;
        while self.0.expire(moment(now), &mut due).is_some() {}
    }
}

fn moment(tick: Tick) -> Moment {
    Moment::from_micros(u64::from(tick) * 1_000)
}
