//! Sources that beat, and some that die.

use std::ops::Range;

use beacon_tests::measure::Usage;
use beacon_tests::random::Random;

use crate::clock::cpu_time;
use crate::rival::{NEVER, Rival, Tick, Timer};

/// How often each source beats, in milliseconds.
const INTERVAL: Tick = 10_000;

/// How much later than an interval after a beat a source is late: the least margin there is.
const MARGIN: Tick = 10;

/// Of a million sources so many die in the time that is played.
const DEATHS_PER_MILLION: u32 = 10_000;

/// So long is played to find what a beat costs, and as long again to find the longest step: 32 times the time of a slot
/// of the wheel's second level, so that what it does only then is in it.
const PLAYED: Tick = 2 << 12;

/// A sweep does the same all the time, so that it is enough to look at so many deadlines.
const MOST_SWEPT: u64 = 2_000_000_000;

/// A slot of the wheel's third level begins here, for which whatever is armed beyond it waits: the longest step must
/// have that in it.
const THIRD_LEVEL: Tick = 1 << 16;

/// When that is in the second half of what is played.
const BEGIN: Tick = THIRD_LEVEL - PLAYED * 5 / 4;

/// How often time passes while the sources get into step.
const SETTLING_STEP: Tick = 64;

/// What a way to keep deadlines costs.
pub(crate) struct Cost {
    pub(crate) ns_a_beat: f64,
    pub(crate) bytes_a_source: f64,
    pub(crate) longest_step_us: f64,
}

/// The sources, in the order in which they beat.
pub(crate) struct Fleet {
    order: Vec<u32>,
    dies: Vec<bool>,
    deadlines: Vec<Tick>,
    now: Tick,
}

impl Fleet {
    pub(crate) fn new(sources: u32, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut order: Vec<u32> = (0..sources).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last as u64 + 1) as usize);
        }
        Self {
            dies: order.iter().map(|_| random.chance(DEATHS_PER_MILLION)).collect(),
            order,
            deadlines: vec![NEVER; sources as usize],
            now: BEGIN,
        }
    }

    pub(crate) fn play(mut self, rival: Rival) -> Cost {
        let sources = self.order.len() as f64;
        let resident_before = resident_bytes();
        let mut timer = rival.timer();
        self.settle(timer.as_mut());

        let span = self.span(rival);
        let began = cpu_time();
        let beats: usize = (0..span).map(|_| self.step(timer.as_mut())).sum();
        let ns_a_beat = (cpu_time() - began).as_nanos() as f64 / beats as f64;

        // To read the clock costs more than many a step.
        let longest = (0..span).map(|_| {
            let began = cpu_time();
            self.step(timer.as_mut());
            cpu_time() - began
        });
        let longest_step_us = longest.max().unwrap_or_default().as_nanos() as f64 / 1e3;
        let bytes_a_source = (resident_bytes() - resident_before) as f64 / sources;
        Cost {
            ns_a_beat,
            bytes_a_source,
            longest_step_us,
        }
    }

    fn span(&self, rival: Rival) -> Tick {
        match rival {
            Rival::None | Rival::Wheel | Rival::Heap => PLAYED,
            Rival::Sweep(period) => {
                let sweeps = MOST_SWEPT / self.order.len() as u64;
                let span = sweeps.saturating_mul(period.into());
                span.min(PLAYED.into()) as Tick
            }
        }
    }

    /// Every source beats once and is armed for that; from now on beats only store.
    fn settle(&mut self, timer: &mut dyn Timer) {
        for now in BEGIN - INTERVAL..BEGIN {
            for place in self.places(now) {
                let source = self.order[place];
                let deadline = now + INTERVAL + MARGIN;
                self.deadlines[source as usize] = deadline;
                timer.arm(source, deadline);
            }
            if now.is_multiple_of(SETTLING_STEP) {
                timer.pass(now, &mut self.deadlines);
            }
        }
    }

    /// One millisecond: its beats, and then its deadlines. Says how many beat.
    fn step(&mut self, timer: &mut dyn Timer) -> usize {
        let places = self.places(self.now);
        let beats = places.len();
        for place in places {
            if !self.dies[place] {
                let deadline = self.now + INTERVAL + MARGIN;
                timer.put_off(self.order[place], deadline, &mut self.deadlines);
            }
        }
        timer.pass(self.now, &mut self.deadlines);
        self.now += 1;
        beats
    }

    /// The places in the order of those that beat in this millisecond.
    fn places(&self, now: Tick) -> Range<usize> {
        let of_interval = u64::from(now % INTERVAL);
        let place = |tick: u64| (tick * self.order.len() as u64).div_ceil(INTERVAL.into()) as usize;
        place(of_interval)..place(of_interval + 1)
    }
}

/// The memory that this process holds.
fn resident_bytes() -> i64 {
    Usage::resident_bytes(std::process::id()).map_or(0, |bytes| bytes as i64)
}
