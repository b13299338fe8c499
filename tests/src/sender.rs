//! A simulated agent: the schedule and the frames of docs/protocol.md, sections 4 and 5, over a life in which
//! everything goes wrong that can.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use beacon_common::{Flags, Frame, Health, Kind, Label, Moment, Reason, Seq, Session};

use crate::random::Random;

/// A frame that is handed to the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sending {
    /// When.
    pub at: Moment,
    /// By whom.
    pub from: SocketAddr,
    /// What.
    pub frame: Frame,
}

/// What may happen between two beats.
#[derive(Clone, Copy, Debug)]
enum Incident {
    Nothing,
    Starve,
    ChangeInterval,
    ChangeMisses,
    ChangeHealth,
    Roam,
    LatePromise,
    Bye,
    Crash,
    ClockBack,
    Twin,
    Clone,
    Flaps,
    Hostile,
    LastNumbers,
}

/// How often each comes, beside nothing at all.
const INCIDENTS: [(u64, Incident); 14] = [
    (8, Incident::Starve),
    (4, Incident::ChangeInterval),
    (4, Incident::ChangeMisses),
    (6, Incident::ChangeHealth),
    (6, Incident::Roam),
    (4, Incident::LatePromise),
    (8, Incident::Bye),
    (6, Incident::Crash),
    (4, Incident::ClockBack),
    (4, Incident::Twin),
    (3, Incident::Clone),
    (3, Incident::Flaps),
    (5, Incident::Hostile),
    (1, Incident::LastNumbers),
];

/// Nothing is sent after this, so that no deadline passes the end of time.
const END: Moment = Moment::from_nanos(1 << 62);

/// One agent on one device.
pub struct Sender {
    random: Random,
    label: Label,
    interval_ms: u32,
    misses: u8,
    health: Health,
    from: SocketAddr,
    session: Session,
    /// When the device booted, by the collector's clock.
    booted: Moment,
    began: Moment,
    seq: u32,
    /// When the next beat is due.
    slot: Moment,
    has_skipped: bool,
    /// How many millionths the device's clock is fast.
    drift_ppm: u64,
    /// How much later than asked for its timer wakes it, at most; all but never.
    timer_us: u64,
    /// How often nothing happens, against [`INCIDENTS`].
    calm: u64,
    sent: Vec<Sending>,
}

impl Sender {
    /// An agent that starts at `start`.
    #[must_use]
    pub fn new(label: Label, interval_ms: u32, start: Moment, mut random: Random) -> Self {
        let unix_seconds = 1_700_000_000 + random.below(1_000) as u32;
        Self {
            label,
            interval_ms,
            misses: random.pick(&[0, 0, 1, 2, 3, 3, 5, 255]),
            health: random.pick(&Health::ALL),
            from: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 5_000),
            session: Session::new(unix_seconds, random.number() as u32),
            booted: Moment::from_nanos(random.below(start.as_nanos())),
            began: start,
            seq: 0,
            slot: start,
            has_skipped: false,
            drift_ppm: random.pick(&[0, 0, 20, 200]),
            timer_us: random.pick(&[1, 200, 200]),
            calm: random.pick(&[150, 150, 150, 3_000]),
            sent: Vec::new(),
            random,
        }
    }

    /// Lives for about so many beats, and returns everything that was sent.
    #[must_use]
    pub fn live(mut self, beats: u64) -> Vec<Sending> {
        for _ in 0..beats {
            if self.slot > END {
                break;
            }
            self.beat(self.interval_ms);
            let incident = self.incident();
            self.meet(incident);
        }
        self.sent
    }

    fn incident(&mut self) -> Incident {
        let all: u64 = INCIDENTS.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.random.below(self.calm + all);
        for (weight, incident) in INCIDENTS {
            if drawn < weight {
                return incident;
            }
            drawn -= weight;
        }
        Incident::Nothing
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms.into())
    }

    fn frame(&self, at: Moment, kind: Kind, next_ms: u32) -> Frame {
        let elapsed_us = at.since(self.began).as_micros() as u64;
        Frame {
            kind,
            flags: Flags {
                want_ack: self.seq.is_multiple_of(2),
                skipped: self.has_skipped,
            },
            misses: self.misses,
            label: self.label,
            session: self.session,
            sent_us: elapsed_us + elapsed_us / 1_000_000 * self.drift_ppm,
            seq: Seq::new(self.seq),
            interval_ms: self.interval_ms,
            next_ms,
            uptime_s: at.since(self.booted).as_secs() as u32,
        }
    }

    fn send(&mut self, at: Moment, frame: Frame) {
        self.sent.push(Sending {
            at,
            from: self.from,
            frame,
        });
    }

    /// How often a busy device wakes the agent much too late; a calm one does so less.
    const fn starved_per_million(&self) -> u32 {
        (7_500_000 / self.calm) as u32
    }

    /// Sends the beat of this slot and goes on to the next one, `next_ms` later.
    fn beat(&mut self, next_ms: u32) {
        self.seq = self.seq.saturating_add(1);
        let phase_us = self.random.below(u64::from(self.interval_ms) * 1_000) + 1;
        let next = match self.seq {
            1 => Duration::from_micros(phase_us),
            _ => Duration::from_millis(next_ms.into()),
        };
        let promise = (next.as_nanos() + 500_000) / 1_000_000;
        let late = if self.random.chance(self.starved_per_million()) {
            self.interval() / 4
        } else {
            Duration::from_micros(self.random.below(self.timer_us))
        };
        let at = self.slot + late;
        let late_ms = late.as_millis() as u32;
        let frame = self.frame(
            at,
            Kind::Beat(self.health),
            (promise as u32).saturating_sub(late_ms),
        );
        self.send(at, frame);
        self.has_skipped = false;
        self.slot = self.slot + next;
    }

    fn meet(&mut self, incident: Incident) {
        match incident {
            Incident::Nothing => {}
            Incident::Starve => self.starve(),
            Incident::ChangeInterval => {
                let factor = self.random.pick(&[1, 2, 5, 50]);
                let shrunk = self.interval_ms / self.random.pick(&[1, 2, 5, 50]);
                self.interval_ms = shrunk.max(10).saturating_mul(factor).min(1 << 31);
            }
            Incident::ChangeMisses => self.misses = self.random.pick(&[0, 1, 2, 3, 4, 20, 255]),
            Incident::ChangeHealth => self.health = self.random.pick(&Health::ALL),
            Incident::Roam => self.roam(),
            Incident::LatePromise => {
                let next_ms = self.interval_ms.saturating_mul(self.random.below(9) as u32) / 4;
                self.beat(next_ms);
            }
            Incident::Bye => self.bye(),
            Incident::Crash => {
                self.pause(8);
                let later = self.random.within(1..4) as u32;
                self.begin(self.unix_seconds() + later);
            }
            Incident::ClockBack => {
                self.pause(8);
                let earlier = self.random.within(1..100) as u32;
                self.begin(self.unix_seconds() - earlier);
            }
            Incident::Twin => self.twin(),
            Incident::Clone => self.clone_for_a_while(),
            Incident::Flaps => self.flap(),
            Incident::Hostile => self.hostile(),
            Incident::LastNumbers => self.seq = u32::MAX - 1 - self.random.below(80) as u32,
        }
    }

    /// Skips slots, because the device slept or starved.
    fn starve(&mut self) {
        let slots = self.random.pick(&[1, 1, 2, 3, 4, 70]);
        self.slot = self.slot + self.interval() * slots;
        self.has_skipped = true;
    }

    fn roam(&mut self) {
        if self.random.chance(500_000) {
            self.from.set_port(self.random.within(1_024..65_536) as u16);
        } else {
            let host = self.random.within(1..255) as u8;
            self.from.set_ip(IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)));
        }
    }

    /// Is not there for a random time of up to so many intervals.
    fn pause(&mut self, intervals: u64) {
        let nanos = u64::from(self.interval_ms) * 1_000_000 * intervals;
        self.slot = self.slot + Duration::from_nanos(self.random.below(nanos));
    }

    /// When the session began, by the device's wall clock.
    const fn unix_seconds(&self) -> u32 {
        (self.session.as_u64() >> 32) as u32
    }

    /// A new life of the agent, at times after a reboot and from another port.
    fn begin(&mut self, unix_seconds: u32) {
        self.session = Session::new(unix_seconds, self.random.number() as u32);
        (self.seq, self.began) = (0, self.slot);
        if self.random.chance(500_000) {
            self.booted = self.slot;
        }
        if self.random.chance(500_000) {
            self.from.set_port(self.random.within(1_024..65_536) as u16);
        }
        // The first beats of a session are lost as well as any.
        if self.random.chance(300_000) {
            self.seq = self.random.pick(&[1, 2, 5, 62, 63, 64, 100]);
        }
    }

    /// Says goodbye, more than once, and comes back: as the same session or as a new one.
    fn bye(&mut self) {
        self.seq = self.seq.saturating_add(1);
        let reason = self
            .random
            .pick(&[Reason::Stop, Reason::Reboot, Reason::Upgrade, Reason::Sleep]);
        let is_sleep = reason == Reason::Sleep || self.random.chance(100_000);
        let sleep_ms = self.interval_ms.saturating_mul(self.random.below(12) as u32) / 3;
        let at = self.slot;
        let frame = self.frame(at, Kind::Bye(reason), if is_sleep { sleep_ms } else { 0 });
        for copy in 0..self.random.within(1..4) {
            self.send(at + Duration::from_millis(copy * 100), frame);
        }
        self.slot = at + self.interval();
        let pause = self.random.pick(&[6, 6, 6, 6, 100]);
        self.pause(pause);
        if self.random.chance(600_000) {
            self.begin(self.unix_seconds() + 1);
        }
    }

    /// One frame of another device that has the same label and an older session.
    fn twin(&mut self) {
        let number = self.session.as_u64() - (self.random.within(1..100) << 32);
        let frame = self.frame(self.slot, Kind::Beat(Health::Ok), self.interval_ms);
        let seq = Seq::new(self.random.within(1..200) as u32);
        self.send(
            self.slot,
            Frame {
                session: Session::from_u64(number),
                seq,
                ..frame
            },
        );
    }

    /// Another device that has the same label and an older session sends beside this one for a while, more or less in
    /// step with time; at times what it sent waits in a queue.
    fn clone_for_a_while(&mut self) {
        let number = self.session.as_u64() - self.random.within(1..3);
        let from = SocketAddr::new(self.from.ip(), self.random.within(5_000..5_003) as u16);
        let interval = self.interval() * self.random.pick(&[1, 1, 2, 30]);
        let pace = self.random.pick(&[70, 76, 100, 100, 100, 124, 130]);
        let begins = self.slot + Duration::from_nanos(self.random.below(interval.as_nanos() as u64));
        let first = self.random.within(1..200) as u32;
        for beat in 0..self.random.within(2..12) as u32 {
            let frame = self.frame(self.slot, Kind::Beat(Health::Ok), self.interval_ms);
            let sent_us = 1_000_000 + (interval * beat * pace / 100).as_micros() as u64;
            let waits = self.interval() * self.random.pick(&[0, 0, 0, 0, 0, 3]);
            self.sent.push(Sending {
                at: begins + interval * beat + waits,
                from,
                frame: Frame {
                    session: Session::from_u64(number),
                    seq: Seq::new(first + beat),
                    sent_us,
                    ..frame
                },
            });
        }
    }

    /// Falls and comes back time and again, and then is there for a while or stays away.
    fn flap(&mut self) {
        for _ in 0..self.random.within(4..12) {
            self.slot = self.slot + self.interval() * self.random.pick(&[2, 2, 3, 4]);
            self.beat(self.interval_ms);
        }
        let minutes = self.random.pick(&[0, 0, 1, 4, 5, 6, 11]);
        if self.random.chance(500_000) {
            self.slot = self.slot + Duration::from_mins(minutes);
            return;
        }
        let until = self.slot + Duration::from_mins(minutes);
        for _ in 0..100 {
            if self.slot < until {
                self.beat(self.interval_ms);
            }
        }
    }

    /// One frame whose numbers are nonsense; at times the numbers go on from there.
    fn hostile(&mut self) {
        let mut frame = self.frame(self.slot, Kind::Beat(self.health), self.interval_ms);
        let near = i64::from(self.seq) + self.random.below(200) as i64 - 100;
        let seq = self.random.pick(&[
            near.clamp(0, u32::MAX.into()) as u32,
            0,
            u32::MAX,
            1 << 31,
            self.seq,
        ]);
        frame.seq = Seq::new(seq);
        let any = self.random.number();
        frame.sent_us = self
            .random
            .pick(&[frame.sent_us, 0, any, u64::MAX, 1 << 63, any >> 20]);
        let any = self.random.number() as u32;
        frame.next_ms = self.random.pick(&[frame.next_ms, 0, 1, u32::MAX, any]);
        frame.interval_ms = self
            .random
            .pick(&[self.interval_ms, 10, 1 << 31, self.interval_ms]);
        frame.misses = self.random.pick(&[frame.misses, 1, 255]);
        frame.uptime_s = self.random.pick(&[frame.uptime_s, 0, u32::MAX]);
        self.send(self.slot, frame);
        if self.random.chance(500_000) && seq < u32::MAX - 100 {
            self.seq = seq;
        }
    }
}
