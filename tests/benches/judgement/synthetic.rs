//! Synthetic traces: a sender on a schedule, and paths that delay and lose what it sends.

use crate::random::Random;
use crate::trace::{Beat, Sending, Trace};
use crate::ways::{Remembered, Remembrance};
use crate::worlds::{Congested, DiskStalls, Lan, Lossy, Mobile, Route, Starlink, SteppedClock, Wan, Wifi};

const MS: f64 = 1_000.0;
const S: f64 = 1_000_000.0;

/// The sender's clock is ahead by this, and runs fast by 70 ppm.
const CLOCK_AHEAD_US: f64 = 5e12;
const CLOCK_RATE: f64 = 1.000_07;

/// What happens to one beat.
pub(crate) struct Passage {
    /// The delay, in microseconds.
    pub(crate) delay: f64,
    /// Whether it is lost all the same.
    pub(crate) is_lost: bool,
    /// Whether it may overtake what was sent before it.
    pub(crate) may_overtake: bool,
}

impl Passage {
    pub(crate) const fn new(delay: f64, is_lost: bool) -> Self {
        Self {
            delay,
            is_lost,
            may_overtake: false,
        }
    }
}

/// What lies between a sender's schedule and the collector, one beat at a time.
pub(crate) trait World {
    /// How much later than its schedule the sender gets to send, in microseconds.
    fn stall(&mut self, _random: &mut Random) -> f64 {
        0.0
    }

    /// By how much the sender's clock is off, besides its rate, in microseconds.
    fn clock_error(&mut self, _random: &mut Random) -> f64 {
        0.0
    }

    /// The passage of a beat sent `at` this time, in microseconds.
    fn pass(&mut self, at: f64, random: &mut Random) -> Passage;
}

/// Sends so many beats through a world.
fn trace<W: World + Clone + 'static>(
    name: &'static str,
    interval_us: f64,
    mut world: W,
    beats: usize,
    seed: u64,
) -> Trace {
    let mut random = Random::new(seed);
    let mut remembered = Vec::with_capacity(beats);
    let mut sendings = Vec::with_capacity(beats);
    let mut scheduled = S;
    let mut last_arrived = 0.0_f64;
    let mut outage = 0_u32;
    for seq in 0..beats as u64 {
        let sent = scheduled + random.exponential(60.0) + world.stall(&mut random);
        let slots_passed = ((sent - scheduled) / interval_us).floor();
        let next = scheduled + interval_us * (slots_passed + 1.0);
        let clock = sent * CLOCK_RATE + CLOCK_AHEAD_US + world.clock_error(&mut random);
        let passage = world.pass(sent, &mut random);
        // Everywhere a short outage now and then.
        if random.once_in(66_000.0) {
            outage = random.between(1.0, 7.0) as u32;
        }
        let is_lost = passage.is_lost || outage > 0;
        remembered.push(Remembrance {
            scheduled_us: scheduled as i64,
            sent_us: sent as i64,
            world: world.clone(),
            is_out: outage > 0,
        });
        outage = outage.saturating_sub(1);
        let behind = if passage.may_overtake {
            0.0
        } else {
            last_arrived + 5.0
        };
        let arrived = (sent + passage.delay).max(behind);
        if !is_lost {
            last_arrived = last_arrived.max(arrived);
        }
        let beat = Beat {
            seq,
            is_after_skipped: slots_passed > 0.0,
            sent_us: clock as u64,
            next_us: ((next - sent) / MS).round() as u64 * 1_000,
            departed_us: sent as i64,
            arrived_us: arrived as i64,
        };
        sendings.push(Sending { beat, is_lost });
        scheduled = next;
    }
    let ways = Box::new(Remembered::new(remembered));
    Trace::new(name, interval_us as u64, sendings, ways)
}

/// Makes a trace of so many beats by a seed.
type Maker = fn(&'static str, usize, u64) -> Trace;

const TENTH: f64 = 100.0 * MS;

/// All of them.
const MAKERS: [(&str, Maker); 10] = [
    ("lan", |name, beats, seed| trace(name, TENTH, Lan, beats, seed)),
    ("wan", |name, beats, seed| {
        trace(name, TENTH, Wan::default(), beats, seed)
    }),
    ("mobile", |name, beats, seed| {
        trace(name, S, Mobile::default(), beats, seed)
    }),
    ("wifi", |name, beats, seed| {
        trace(name, S, Wifi::default(), beats, seed)
    }),
    ("congested", |name, beats, seed| {
        trace(name, S, Congested::default(), beats, seed)
    }),
    ("disk", |name, beats, seed| {
        trace(name, S, DiskStalls::default(), beats, seed)
    }),
    ("route", |name, beats, seed| {
        trace(name, TENTH, Route::default(), beats, seed)
    }),
    ("starlink", |name, beats, seed| {
        trace(name, TENTH, Starlink::default(), beats, seed)
    }),
    ("clockstep", |name, beats, seed| {
        trace(name, S, SteppedClock::default(), beats, seed)
    }),
    ("lossy", |name, beats, seed| trace(name, S, Lossy, beats, seed)),
];

/// Their names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    MAKERS.iter().map(|(name, _)| *name)
}

/// Those whose name is wanted, each with a seed of its own, to be made one at a time.
pub(crate) fn made(beats: usize, seed: u64, is_wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = Trace> {
    let numbered = (1_u64..)
        .zip(MAKERS)
        .filter(move |(_, (name, _))| is_wanted(name));
    numbered.map(move |(number, (name, make))| {
        make(name, beats, seed.wrapping_mul(1_000_003).wrapping_add(number))
    })
}
