//! Sources that beat at a tracker, evenly over one interval.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use beacon_collector::track::config::Config;
use beacon_collector::track::tracker::Tracker;
use beacon_collector::track::transmit::Peer;
use beacon_common::{FRAME_LEN, Flags, Frame, Health, KeyId, Kind, Label, MasterKey, Moment, Seq, Session};

/// How many sources there are.
pub(crate) const SOURCES: u32 = 4_000;

/// How often each beats: four of them in a millisecond.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// Rounds until the estimates have settled.
const SETTLING: u32 = 20;

/// A datagram and when it arrives.
pub(crate) type Arrival = (Moment, Peer, [u8; FRAME_LEN]);

/// A tracker, its sources, and how far they are.
pub(crate) struct Fleet {
    pub(crate) tracker: Tracker,
    pub(crate) now: Moment,
    master: Option<MasterKey>,
    want_ack: bool,
    rounds: u32,
}

impl Fleet {
    /// Sources that have beaten for a while.
    pub(crate) fn settled(keys: bool, want_ack: bool) -> Self {
        let master = keys.then(|| MasterKey::new(KeyId::new(1).expect("not 0"), *b"0123456789abcdef"));
        let config = Config {
            admit_rate: None,
            keys: master.iter().cloned().collect::<Vec<_>>().into(),
            one_way: true,
            ..Config::default()
        };
        let mut fleet = Self {
            tracker: Tracker::new(config),
            now: Moment::from_nanos(1_000_000_000),
            master,
            want_ack,
            rounds: 0,
        };
        for _ in 0..SETTLING {
            let round = fleet.next_round();
            for (now, peer, bytes) in &round {
                fleet.tracker.on_datagram(*now, *peer, bytes);
                fleet.tracker.on_time(*now);
                while fleet.tracker.poll_event().is_some() || fleet.tracker.poll_transmit().is_some() {}
            }
        }
        fleet
    }

    /// The next beat of every source.
    pub(crate) fn next_round(&mut self) -> Vec<Arrival> {
        self.rounds += 1;
        let round = (0..SOURCES).map(|number| self.arrival(number)).collect();
        self.now = self.now + INTERVAL;
        round
    }

    fn arrival(&self, number: u32) -> Arrival {
        let interval_ms = INTERVAL.as_millis() as u32;
        let frame = Frame {
            kind: Kind::Beat(Health::Ok),
            flags: Flags {
                want_ack: self.want_ack,
                skipped: false,
            },
            misses: 3,
            label: Label::new(&format!("source-{number}")).expect("a valid label"),
            session: Session::new(1, 1),
            sent_us: u64::from(self.rounds) * INTERVAL.as_micros() as u64,
            seq: Seq::new(self.rounds),
            interval_ms,
            next_ms: interval_ms,
            uptime_s: self.rounds,
        };
        let key = self.master.as_ref().map(|master| master.device_key(&frame.label));
        let mut bytes = [0; FRAME_LEN];
        frame.emit(key.as_ref(), &mut bytes);
        let peer = Peer {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 7878)),
            socket: 0,
            local: None,
        };
        (self.now + INTERVAL / SOURCES * number, peer, bytes)
    }
}
