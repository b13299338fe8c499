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
    name: &str,
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

/// All of them, each with a seed of its own, to be made one at a time.
pub(crate) fn all(beats: usize, seed: u64) -> impl Iterator<Item = Trace> {
    let tenth = 100.0 * MS;
    (1..=10).map(move |number: u64| {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(number);
        match number {
            1 => trace("lan", tenth, Lan, beats, seed),
            2 => trace("wan", tenth, Wan::default(), beats, seed),
            3 => trace("mobile", S, Mobile::default(), beats, seed),
            4 => trace("wifi", S, Wifi::default(), beats, seed),
            5 => trace("congested", S, Congested::default(), beats, seed),
            6 => trace("disk", S, DiskStalls::default(), beats, seed),
            7 => trace("route", tenth, Route::default(), beats, seed),
            8 => trace("starlink", tenth, Starlink::default(), beats, seed),
            9 => trace("clockstep", S, SteppedClock::default(), beats, seed),
            _ => trace("lossy", S, Lossy, beats, seed),
        }
    })
}
