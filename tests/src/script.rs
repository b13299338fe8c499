//! Histories that a fuzzer makes up: its bytes are read as what happens to a collector, one thing after the other.
//!
//! Any bytes are a script, and where they end it ends. A byte more or less changes one step, so that a fuzzer can bend
//! a history bit by bit, where one that follows from a seed changes as a whole.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use beacon_collector::track::config::{Config, Margin, Probe};
use beacon_collector::track::patience::Allowance;
use beacon_common::{Flags, Frame, Health, Kind, Label, Moment, Reason, Seq, Session};

use crate::history::{Blindness, History};
use crate::model::{Blind, Hearing};
use crate::sender::Sending;

const LABELS: [&str; 4] = ["a", "fridge-7", "0123456789abcdef", "b"];

const INTERVALS_MS: [u32; 8] = [10, 13, 19, 100, 999, 10_000, 3_600_000, 1 << 31];

const REASONS: [Reason; 4] = [Reason::Stop, Reason::Sleep, Reason::Reboot, Reason::Upgrade];

/// No step goes further, so that reports do not come by the thousand.
const MOST_INTERVALS: u32 = 80;

impl History {
    /// The history that `bytes` tell.
    #[must_use]
    pub fn scripted(bytes: &[u8]) -> Self {
        let mut bytes = Bytes(bytes);
        let interval_ms = bytes.pick(&INTERVALS_MS);
        let interval = Duration::from_millis(interval_ms.into());
        let config = scripted_config(&mut bytes, interval);
        let now = Moment::from_nanos(1 + (bytes.number() >> 19));
        let mut stage = Stage {
            bytes,
            interval,
            now,
            blind_until: now,
            devices: LABELS.map(|label| Device::new(label, interval_ms, now)),
            arrivals: Vec::new(),
            blinds: Vec::new(),
        };
        while !stage.bytes.0.is_empty() {
            stage.step();
        }
        Self {
            config,
            listings: VecDeque::new(),
            sent: stage.arrivals.iter().map(sending).collect(),
            arrivals: stage.arrivals,
            blinds: stage.blinds,
            interval,
        }
    }
}

/// What was sent to arrive like this: those who answer probes know it.
const fn sending(hearing: &Hearing) -> Sending {
    Sending {
        at: hearing.at,
        from: hearing.from,
        frame: hearing.frame,
    }
}

/// What a player's own choices, when to look and when to be busy, follow from where it plays a script.
#[must_use]
pub fn seed_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |seed: u64, &byte| {
        seed.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte)
    })
}

fn scripted_config(bytes: &mut Bytes<'_>, interval: Duration) -> Config {
    let fixed = Margin::Fixed(interval * u32::from(bytes.byte()) / 64);
    let allowance = Allowance {
        period_us: interval.as_micros() as u64 * 10,
        misses_max: bytes.pick(&[20, 1, 4, 64]),
    };
    Config {
        false_alarms: bytes.pick(&[None, Some(allowance)]),
        misses: bytes.pick(&[3, 1, 2, 10]),
        misses_override: bytes.pick(&[None, None, Some(1), Some(4)]),
        margin: bytes.pick(&[Margin::Auto, Margin::Auto, Margin::Auto, fixed]),
        reorder_wait: bytes.pick(&[2, 0, 1, 70]),
        forget: interval * bytes.pick(&[10_000, 50, 8, 1]),
        report: bytes.pick(&[None, None, None, Some(interval), Some(interval * 20)]),
        probe: bytes.pick(&[Probe::Auto, Probe::Always, Probe::Never]),
        probe_rate: 1_000_000,
        ..Config::default()
    }
}

/// What is left of a script; zeroes when it is at its end.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or_default()
    }

    fn number(&mut self) -> u64 {
        u64::from_be_bytes(std::array::from_fn(|_| self.byte()))
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }
}

/// One sender, as far as its next frame follows from those before.
#[derive(Clone, Copy)]
struct Device {
    from: SocketAddr,
    began: Moment,
    /// Its last frame; the next one is like it.
    frame: Frame,
}

impl Device {
    fn new(label: &str, interval_ms: u32, began: Moment) -> Self {
        Self {
            from: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 5_000),
            began,
            frame: Frame {
                kind: Kind::Beat(Health::Ok),
                flags: Flags::default(),
                misses: 0,
                label: Label::new(label).expect("those above are labels"),
                session: Session::new(1_700_000_000, 0),
                sent_us: 0,
                seq: Seq::new(0),
                interval_ms,
                next_ms: interval_ms,
                uptime_s: 0,
            },
        }
    }
}

/// What the script has told until now.
struct Stage<'a> {
    bytes: Bytes<'a>,
    interval: Duration,
    now: Moment,
    blind_until: Moment,
    devices: [Device; LABELS.len()],
    arrivals: Vec<Hearing>,
    blinds: Vec<Blindness>,
}

impl Stage<'_> {
    /// One byte says what and about whom, the next one how much later.
    fn step(&mut self) {
        let what = self.bytes.byte();
        let later = self.later();
        self.now = self.now + later;
        let mut device = self.devices[usize::from(what) % LABELS.len()];
        match what >> 2 {
            0..24 => self.beat(&mut device),
            24..30 => self.say_goodbye(&mut device),
            30..36 => self.come_late(&mut device),
            36..40 => self.leap(&mut device),
            40..46 => self.begin(&mut device),
            46..48 => self.hear(&device),
            48..50 => self.roam(&mut device),
            50..52 => self.be_blind(),
            _ => self.bend(&mut device),
        }
        self.devices[usize::from(what) % LABELS.len()] = device;
    }

    fn later(&mut self) -> Duration {
        let byte = self.bytes.byte();
        let small = u32::from(byte & 0x3f);
        let later = match byte >> 6 {
            0 => self.interval * small / 32,
            1 => self.interval * small,
            2 => Duration::from_millis(small.into()),
            _ => Duration::from_nanos(1 << small.min(50)),
        };
        later.min(self.interval * MOST_INTERVALS)
    }

    fn hear(&mut self, device: &Device) {
        self.arrivals.push(Hearing {
            at: self.now,
            from: device.from,
            frame: device.frame,
        });
    }

    /// The next frame of its session, sent now.
    fn next(&self, device: &mut Device, kind: Kind) {
        let elapsed = self.now.since(device.began);
        let frame = &mut device.frame;
        frame.kind = kind;
        frame.seq = Seq::new(frame.seq.get().saturating_add(1));
        frame.sent_us = elapsed.as_micros() as u64;
        frame.uptime_s = elapsed.as_secs() as u32;
        frame.next_ms = frame.interval_ms;
    }

    fn beat(&mut self, device: &mut Device) {
        self.next(device, Kind::Beat(Health::Ok));
        self.hear(device);
    }

    fn say_goodbye(&mut self, device: &mut Device) {
        let reason = self.bytes.pick(&REASONS);
        self.next(device, Kind::Bye(reason));
        let quarters = u32::from(self.bytes.byte() & 0x3f);
        device.frame.next_ms = (device.frame.interval_ms / 4).saturating_mul(quarters);
        self.hear(device);
    }

    /// The network took a while.
    fn come_late(&mut self, device: &mut Device) {
        self.next(device, Kind::Beat(Health::Ok));
        let late = self.interval * u32::from(self.bytes.byte()) / 64;
        device.frame.sent_us = device.frame.sent_us.saturating_sub(late.as_micros() as u64);
        self.hear(device);
    }

    /// Goes to another number nearby.
    fn leap(&mut self, device: &mut Device) {
        let seq = i64::from(device.frame.seq.get()) + i64::from(self.bytes.byte()) - 100;
        device.frame.seq = Seq::new(seq.clamp(0, u32::MAX.into()) as u32);
        self.hear(device);
    }

    /// A new life of the agent, by a clock that may have gone back.
    fn begin(&mut self, device: &mut Device) {
        let seconds = u64::from(self.bytes.byte()).wrapping_sub(20) << 32;
        device.frame.session = Session::from_u64(device.frame.session.as_u64().wrapping_add(seconds));
        device.frame.seq = Seq::new(u32::from(self.bytes.byte()));
        device.began = self.now;
        self.beat(device);
    }

    fn roam(&mut self, device: &mut Device) {
        let host = self.bytes.byte();
        let ip = Ipv4Addr::new(10, 0, 0, host & 3);
        device.from = SocketAddr::new(ip.into(), 5_000 + u16::from(host >> 2));
        self.beat(device);
    }

    fn be_blind(&mut self) {
        let from = self.now.max(self.blind_until);
        let length = self.later() + Duration::from_nanos(1);
        let part = |byte: u8| length * u32::from(byte) / 255;
        let blind = Blind {
            from,
            until: from + length,
            blind: part(self.bytes.byte() | 0x80).max(Duration::from_nanos(1)),
        };
        let deaf_from = from + part(self.bytes.byte());
        self.blind_until = blind.until;
        self.blinds.push(Blindness { blind, deaf_from });
    }

    /// Any numbers: each bit of the next byte says whether the script has one of them.
    fn bend(&mut self, device: &mut Device) {
        self.next(device, Kind::Beat(Health::Ok));
        let bent = self.bytes.byte();
        let mut any = |bit: u32| (bent >> bit & 1 == 1).then(|| self.bytes.number());
        let kept = device.frame;
        let frame = &mut device.frame;
        frame.session = any(0).map_or(kept.session, Session::from_u64);
        frame.sent_us = any(1).unwrap_or(kept.sent_us);
        frame.seq = any(2).map_or(kept.seq, |number| Seq::new(number as u32));
        frame.interval_ms = any(3).map_or(kept.interval_ms, |number| (number as u32).clamp(10, 1 << 31));
        frame.next_ms = any(4).map_or(kept.next_ms, |number| number as u32);
        frame.uptime_s = any(5).map_or(kept.uptime_s, |number| number as u32);
        if let Some(number) = any(6) {
            frame.misses = number as u8;
            frame.flags.want_ack = number >> 8 & 1 == 1;
            frame.flags.skipped = number >> 9 & 1 == 1;
        }
        if let Some(number) = any(7) {
            let health = Health::from_code(number as u8 & 3);
            let reason = REASONS[usize::from(number as u8 & 3)];
            frame.kind = if number >> 8 & 1 == 1 {
                Kind::Bye(reason)
            } else {
                Kind::Beat(health)
            };
        }
        self.hear(device);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::player::Player;
    use crate::random::Random;
    use std::collections::BTreeSet;

    #[test]
    fn an_empty_script_is_a_history_in_which_nothing_happens() {
        let history = History::scripted(&[]);
        assert!(history.arrivals.is_empty() && history.blinds.is_empty());
    }

    /// Found by fuzzing: whoever has the last session of all is asked by a probe, and answers.
    #[test]
    fn the_last_session_there_is_can_be_played() {
        for found in [
            include_bytes!("../fuzz/corpus/tracker/last-session-is-asked").as_slice(),
            include_bytes!("../fuzz/corpus/tracker/last-session-is-asked-again"),
        ] {
            let played = Player::of(History::scripted(found), seed_of(found)).play();
            assert_eq!(played, Ok(()));
        }
    }

    /// The lines themselves are compared by the player: here it is told what a fuzzer reaches at all.
    #[test]
    fn random_scripts_reach_every_state_and_the_model_agrees() {
        let mut told = BTreeSet::new();
        for seed in 0..100 {
            let mut random = Random::new(seed);
            let bytes: Vec<u8> = (0..300).map(|_| random.number() as u8).collect();
            let history = History::scripted(&bytes);
            assert!(
                history.arrivals.is_sorted_by_key(|hearing| hearing.at),
                "seed {seed}"
            );
            let mut player = Player::of(history, seed);
            player
                .play()
                .unwrap_or_else(|difference| panic!("seed {seed}: {difference}"));
            told.extend(player.told.keys().map(|&(event, _)| event));
        }
        for event in [
            "up",
            "late",
            "down",
            "stopped",
            "asleep",
            "restarted",
            "moved",
            "forgotten",
            "blind",
        ] {
            assert!(told.contains(event), "{event} is never told: {told:?}");
        }
    }
}
