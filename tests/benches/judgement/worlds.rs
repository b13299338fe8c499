//! The worlds of the synthetic traces. Times are in microseconds.

use crate::random::Random;
use crate::synthetic::{Passage, World};

const MS: f64 = 1_000.0;
const S: f64 = 1_000_000.0;

/// A quiet switched network.
#[derive(Clone)]
pub(crate) struct Lan;

impl World for Lan {
    fn pass(&mut self, _at: f64, random: &mut Random) -> Passage {
        let mut delay = 150.0 + random.exponential(30.0);
        if random.once_in(1_000.0) {
            delay += random.exponential(5.0 * MS);
        }
        if random.once_in(33_000.0) {
            delay += random.pareto(50.0 * MS, 1.2, 500.0 * MS);
        }
        Passage::new(delay, random.once_in(50_000.0))
    }
}

/// A long path with bursts of delay and loss, in which beats overtake one another.
#[derive(Clone, Default)]
pub(crate) struct Wan {
    is_busy: bool,
}

impl World for Wan {
    fn pass(&mut self, _at: f64, random: &mut Random) -> Passage {
        let turn = if self.is_busy { 50.0 } else { 2_000.0 };
        self.is_busy ^= random.once_in(turn);
        let mut delay = 40.0 * MS + random.exponential(MS);
        if self.is_busy {
            delay += random.exponential(40.0 * MS);
        }
        if random.once_in(5_000.0) {
            delay += random.pareto(30.0 * MS, 1.3, 800.0 * MS);
        }
        let is_lost = random.chance(if self.is_busy { 0.05 } else { 0.003 });
        Passage {
            delay,
            is_lost,
            may_overtake: self.is_busy && random.chance(0.2),
        }
    }
}

/// A mobile network: a wandering log-normal delay, and stalls of up to 10 s after which all comes at once.
#[derive(Clone, Default)]
pub(crate) struct Mobile {
    level: f64,
    blocked_until: f64,
}

impl World for Mobile {
    fn pass(&mut self, at: f64, random: &mut Random) -> Passage {
        self.level = 0.995 * self.level + 0.05 * random.normal();
        if at > self.blocked_until && random.once_in(300.0) {
            self.blocked_until = at + random.pareto(500.0 * MS, 1.5, 10.0 * S);
        }
        let usual = 40.0 * MS + 20.0 * MS * (self.level + 0.6 * random.normal()).exp();
        let blocked = (self.blocked_until - at).max(0.0);
        Passage::new(usual + blocked, random.chance(0.005))
    }
}

/// Wi-Fi with spells of power save (beacons every 102.4 ms), short stalls, and stalls of 15 s.
#[derive(Clone, Default)]
pub(crate) struct Wifi {
    saves_power: bool,
    blocked_until: f64,
}

impl World for Wifi {
    fn pass(&mut self, at: f64, random: &mut Random) -> Passage {
        self.saves_power ^= random.once_in(500.0);
        if at > self.blocked_until {
            if random.once_in(3_000.0) {
                self.blocked_until = at + random.between(14.0 * S, 16.0 * S);
            } else if random.once_in(500.0) {
                self.blocked_until = at + random.exponential(S);
            }
        }
        let mut delay = 2.0 * MS + random.exponential(MS);
        if random.chance(0.05) {
            delay += random.exponential(15.0 * MS);
        }
        if self.saves_power {
            delay += random.between(0.0, 102.4 * MS);
            if random.chance(0.1) {
                delay += 102.4 * MS * random.between(1.0, 3.0).floor();
            }
        }
        delay += (self.blocked_until - at).max(0.0);
        Passage::new(delay, random.chance(0.01))
    }
}

/// An uplink whose queue fills to 1.5 s while it is congested, and then loses a quarter.
#[derive(Clone, Default)]
pub(crate) struct Congested {
    is_congested: bool,
    queue: f64,
}

impl World for Congested {
    fn pass(&mut self, _at: f64, random: &mut Random) -> Passage {
        let turn = if self.is_congested { 30.0 } else { 400.0 };
        self.is_congested ^= random.once_in(turn);
        self.queue = if self.is_congested {
            (self.queue + random.between(0.0, 150.0 * MS)).min(1.5 * S)
        } else {
            (self.queue - random.between(0.0, 200.0 * MS)).max(0.0)
        };
        let delay = 30.0 * MS + self.queue + random.exponential(20.0 * MS + 0.1 * self.queue);
        Passage::new(delay, random.chance(if self.is_congested { 0.25 } else { 0.002 }))
    }
}

/// A quiet network and a sender that stalls: spells of slow writes, and single stalls of up to 8 s.
#[derive(Clone, Default)]
pub(crate) struct DiskStalls {
    busy_beats: u32,
}

impl World for DiskStalls {
    fn stall(&mut self, random: &mut Random) -> f64 {
        let mut stall = 0.0;
        if self.busy_beats > 0 {
            self.busy_beats -= 1;
            if random.chance(0.3) {
                stall = random.exponential(300.0 * MS);
            }
        } else if random.once_in(1_500.0) {
            self.busy_beats = 60;
        }
        if random.once_in(400.0) {
            stall += random.exponential(400.0 * MS);
        }
        if random.once_in(4_000.0) {
            stall += random.pareto(S, 1.2, 8.0 * S);
        }
        stall
    }

    fn pass(&mut self, _at: f64, random: &mut Random) -> Passage {
        let mut delay = 300.0 + random.exponential(100.0);
        if random.once_in(1_000.0) {
            delay += random.exponential(5.0 * MS);
        }
        Passage::new(delay, random.chance(0.0001))
    }
}

/// A path that changes between two routes 50 ms apart.
#[derive(Clone, Default)]
pub(crate) struct Route {
    is_long: bool,
}

impl World for Route {
    fn pass(&mut self, _at: f64, random: &mut Random) -> Passage {
        self.is_long ^= random.once_in(500.0);
        let delay = if self.is_long { 70.0 * MS } else { 20.0 * MS } + random.exponential(2.0 * MS);
        Passage {
            delay,
            is_lost: random.chance(0.002),
            may_overtake: true,
        }
    }
}

/// A satellite network that moves to another satellite every 15 s, now and then with a short outage.
#[derive(Clone, Default)]
pub(crate) struct Starlink {
    beats_left: u32,
    level: f64,
    blocked_until: f64,
}

impl World for Starlink {
    fn pass(&mut self, at: f64, random: &mut Random) -> Passage {
        if self.beats_left == 0 {
            self.beats_left = 150;
            self.level = random.between(25.0 * MS, 60.0 * MS);
            if random.chance(0.3) {
                self.blocked_until = at + random.between(0.0, 600.0 * MS);
            }
        }
        self.beats_left -= 1;
        let mut delay = self.level + random.exponential(5.0 * MS);
        if random.chance(0.01) {
            delay += random.exponential(30.0 * MS);
        }
        let mut is_lost = random.chance(0.005);
        if at < self.blocked_until {
            delay += self.blocked_until - at;
            is_lost |= random.chance(0.5);
        }
        Passage::new(delay, is_lost)
    }
}

/// A steady path and a sender whose clock is stepped by up to 5 s.
#[derive(Clone, Default)]
pub(crate) struct SteppedClock {
    error: f64,
}

impl World for SteppedClock {
    fn clock_error(&mut self, random: &mut Random) -> f64 {
        if random.once_in(3_000.0) {
            let step = random.between(0.1 * S, 5.0 * S);
            self.error += if random.chance(0.5) { step } else { -step };
        }
        self.error
    }

    fn pass(&mut self, _at: f64, random: &mut Random) -> Passage {
        let mut delay = 20.0 * MS + random.exponential(3.0 * MS);
        if random.once_in(1_000.0) {
            delay += random.exponential(300.0 * MS);
        }
        Passage::new(delay, random.chance(0.005))
    }
}

/// A radio link that loses every fifth datagram, each for itself.
#[derive(Clone)]
pub(crate) struct Lossy;

impl World for Lossy {
    fn pass(&mut self, _at: f64, random: &mut Random) -> Passage {
        Passage::new(30.0 * MS + random.exponential(5.0 * MS), random.chance(0.2))
    }
}
