//! A collector with keys under a flood of forged frames, beside one that is left in peace: both hear the same devices
//! at the same virtual moments, and whatever can be seen of the two has to be the same but for what was dropped.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use beacon_collector::track::config::Config;
use beacon_collector::track::event::Event;
use beacon_collector::track::reject::Reject;
use beacon_collector::track::tracker::Tracker;
use beacon_collector::track::transmit::{Peer, Transmit};
use beacon_common::{DeviceKey, FRAME_LEN, Frame, KeyId, Kind, Label, MasterKey, Moment, View};

use crate::forgery::Forger;
use crate::random::Random;
use crate::sender::{Sender, Sending};

const LABELS: [&str; 3] = ["fridge-7", "attic", "0123456789abcdef"];

const INTERVAL_MS: u32 = 1_000;

/// How many beats of each device are heard, about.
const BEATS: u64 = 250;

/// For so long after its newest frame a device answers probes: whoever is silent for longer is gone.
const STAYS: Duration = Duration::from_millis(1_500);

/// How often between two real frames the two collectors are compared.
const LOOKS: u64 = 4;

/// How many forged frames arrive, and the seed from which everything follows.
#[derive(Clone, Copy, Debug)]
pub struct Siege {
    /// How many forged frames arrive.
    pub forged: u64,
    /// What they are, and what the devices do meanwhile.
    pub seed: u64,
}

/// What a siege came to.
#[derive(Clone, Debug)]
pub struct Repelled {
    /// How many of the forged frames were dropped, and why.
    pub dropped: Vec<(Reject, u64)>,
    /// How many real frames there were.
    pub real: usize,
    /// How many lines were told of the devices, the same by both collectors.
    pub told: usize,
}

impl Siege {
    /// Lays it.
    ///
    /// # Errors
    /// The first difference between the two collectors.
    pub fn run(self) -> Result<Repelled, String> {
        let mut random = Random::new(self.seed);
        let lives = lives(&mut random);
        let mallory = key_of(Label::new("mallory").map_err(|error| format!("mallory: {error:?}"))?);
        let mut forger = Forger::new(random.fork(), mallory);
        let (mut besieged, mut in_peace) = (Collector::new(), Collector::new());
        let (mut forged, mut told) = (0, 0);
        for (number, sending) in (1..).zip(&lives) {
            for collector in [&mut besieged, &mut in_peace] {
                collector.wait_until(sending.at);
                collector.hear(sending);
            }
            forger.hear(sending.frame.label, tagged(&sending.frame));
            let until = lives.get(number as usize).map_or(sending.at, |next| next.at);
            let due = self.forged * number / lives.len() as u64 - forged;
            for look in 0..LOOKS {
                let now = sending.at + until.since(sending.at) * look as u32 / LOOKS as u32;
                let seen = in_peace.look(now);
                besieged.wait_until(now);
                let burst = due * (look + 1) / LOOKS - due * look / LOOKS;
                (0..burst).for_each(|_| besieged.hear_from(now, anywhere(&mut random), &forger.forge()));
                let seen_besieged = besieged.look(now);
                if seen_besieged != seen {
                    return Err(format!(
                        "after {forged} forged frames, at {now:?}\n  besieged: {seen_besieged:#?}\n  in peace: {seen:#?}"
                    ));
                }
                seen.sent.iter().for_each(|sent| forger.hear_answer(sent.real));
                told += seen.told.len();
                forged += burst;
            }
        }
        let dropped = besieged.dropped_more_than(&in_peace);
        let all: u64 = dropped.iter().map(|(_, count)| count).sum();
        if (forged, all) != (self.forged, self.forged) {
            return Err(format!("{forged} frames were forged, and {dropped:?} dropped"));
        }
        Ok(Repelled {
            dropped,
            real: lives.len(),
            told,
        })
    }
}

/// What the devices send; from the moment of the last frame on nothing is sent.
fn lives(random: &mut Random) -> Vec<Sending> {
    let start = Moment::from_nanos(1 << 40);
    let live = |name| {
        let label = Label::new(name).expect("those above are labels");
        Sender::new(label, INTERVAL_MS, start, random.fork()).live(BEATS)
    };
    let mut sent: Vec<Sending> = LABELS.into_iter().flat_map(live).collect();
    sent.sort_by_key(|sending| sending.at);
    sent
}

fn master() -> MasterKey {
    MasterKey::new(KeyId::new(7).expect("7 is not 0"), *b"only devices and")
}

fn key_of(label: Label) -> DeviceKey {
    master().device_key(&label)
}

fn tagged(frame: &Frame) -> [u8; FRAME_LEN] {
    let mut bytes = [0; FRAME_LEN];
    frame.emit(Some(&key_of(frame.label)), &mut bytes);
    bytes
}

/// The attacker's addresses are whatever it writes into its packets, at times those of the devices.
fn anywhere(random: &mut Random) -> SocketAddr {
    let host = random.below(4) as u8;
    let any = random.within(1_024..65_536) as u16;
    let port = random.pick(&[5_000, 5_000, any]);
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)), port)
}

/// A datagram that was sent, without what is random in it, and as it was.
#[derive(Clone, Debug)]
struct Sent {
    peer: Peer,
    frame: Frame,
    real: [u8; FRAME_LEN],
}

impl PartialEq for Sent {
    fn eq(&self, other: &Self) -> bool {
        (self.peer, self.frame) == (other.peer, other.frame)
    }
}

/// All that can be seen of a collector at a moment, but for what it received and dropped.
#[derive(Debug, PartialEq)]
struct Seen {
    told: Vec<Event>,
    states: Vec<Event>,
    sent: Vec<Sent>,
    by_state: [u64; 6],
    next_deadline: Option<Moment>,
}

struct Collector {
    tracker: Tracker,
    told: Vec<Event>,
    sent: Vec<Sent>,
    /// The newest frame of each device, by which it answers probes.
    newest: Vec<Sending>,
}

impl Collector {
    fn new() -> Self {
        let config = Config {
            keys: vec![master()].into(),
            ..Config::default()
        };
        Self {
            tracker: Tracker::new(config),
            told: Vec::new(),
            sent: Vec::new(),
            newest: Vec::new(),
        }
    }

    fn hear(&mut self, sending: &Sending) {
        self.newest
            .retain(|newest| newest.frame.label != sending.frame.label);
        self.newest.push(*sending);
        self.hear_from(sending.at, sending.from, &tagged(&sending.frame));
    }

    fn hear_from(&mut self, now: Moment, addr: SocketAddr, datagram: &[u8]) {
        let peer = Peer {
            addr,
            socket: 0,
            local: None,
        };
        self.tracker.on_datagram(now, peer, datagram);
        self.follow(now);
    }

    fn wait_until(&mut self, until: Moment) {
        while let Some(next) = self.tracker.next_deadline().filter(|&next| next <= until) {
            self.tracker.on_time(next);
            self.follow(next);
        }
        self.tracker.on_time(until);
        self.follow(until);
    }

    /// Takes what is told and sent, and has the devices answer at once what they are asked.
    fn follow(&mut self, now: Moment) {
        while let Some(event) = self.tracker.poll_event() {
            self.told.push(event);
        }
        while let Some(transmit) = self.tracker.poll_transmit() {
            self.send(now, &transmit);
        }
    }

    fn send(&mut self, now: Moment, Transmit { peer, frame }: &Transmit) {
        let mut sent = View::parse(frame).expect("a collector sends frames").frame();
        if sent.kind == Kind::Probe {
            let nonce = std::mem::take(&mut sent.sent_us);
            let is_asked = |newest: &&Sending| {
                newest.frame.label == sent.label && now.since(newest.at) < STAYS && newest.from == peer.addr
            };
            let reply = self.newest.iter().find(is_asked).map(|newest| Frame {
                kind: Kind::Reply,
                sent_us: nonce,
                ..newest.frame
            });
            if let Some(reply) = reply {
                self.tracker.on_datagram(now, *peer, &tagged(&reply));
            }
        }
        self.sent.push(Sent {
            peer: *peer,
            frame: sent,
            real: *frame,
        });
    }

    fn look(&mut self, now: Moment) -> Seen {
        self.wait_until(now);
        self.tracker.ask_all_states();
        Seen {
            told: std::mem::take(&mut self.told),
            states: std::iter::from_fn(|| self.tracker.poll_state(now)).collect(),
            sent: std::mem::take(&mut self.sent),
            by_state: self.tracker.tick().sources,
            next_deadline: self.tracker.next_deadline(),
        }
    }

    fn dropped_more_than(&self, other: &Self) -> Vec<(Reject, u64)> {
        let (more, less) = (self.tracker.tick().rejected, other.tracker.tick().rejected);
        let counts = more
            .iter()
            .map(|(reason, count)| (reason, count - less.get(reason)));
        counts.filter(|&(_, count)| count > 0).collect()
    }
}
