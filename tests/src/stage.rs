//! A tracker on a stage of its own: what is done to it and what it tells, in milliseconds from the start.

use std::net::SocketAddr;
use std::time::Duration;

use beacon_collector::track::config::Config;
use beacon_collector::track::event::{SourceId, State, What};
use beacon_collector::track::reject::Reject;
use beacon_collector::track::tracker::Tracker;
use beacon_collector::track::transmit::{Peer, Transmit};
use beacon_common::{DeviceKey, FRAME_LEN, Flags, Frame, Health, Kind, Label, Moment, Reason, Seq, Session};

use crate::line::Line;

/// The interval of [`beat`].
pub const INTERVAL_MS: u32 = 1_000;

/// When the stage's time begins: the collector's host booted long ago.
const START: Moment = Moment::from_nanos(1_000_000_000_000);

/// A moment on the stage.
#[must_use]
pub fn at(ms: u64) -> Moment {
    START + Duration::from_millis(ms)
}

/// Where frames come from unless told otherwise.
#[must_use]
pub fn home() -> Peer {
    peer("10.0.0.7:40112")
}

/// The peer at this address.
///
/// # Panics
/// Where `addr` is no address.
#[must_use]
pub fn peer(addr: &str) -> Peer {
    let addr: SocketAddr = addr.parse().expect("an address, as a test writes it");
    Peer { addr, socket: 0 }
}

/// The label with this text.
///
/// # Panics
/// Where `text` is no label.
#[must_use]
pub fn label(text: &str) -> Label {
    Label::new(text).expect("a label, as a test writes it")
}

/// Beat number `seq` of `fridge-7`, which sends one a second from the stage's start on.
#[must_use]
pub fn beat(seq: u32) -> Frame {
    Frame {
        kind: Kind::Beat(Health::Ok),
        flags: Flags::default(),
        misses: 3,
        label: label("fridge-7"),
        session: Session::new(1_700_000_000, 7),
        sent_us: u64::from(seq) * 1_000_000,
        seq: Seq::new(seq),
        interval_ms: INTERVAL_MS,
        next_ms: INTERVAL_MS,
        uptime_s: 5_000 + seq,
    }
}

/// A goodbye of `fridge-7`; `sleep_ms` is the announced sleep.
#[must_use]
pub fn bye(seq: u32, reason: Reason, sleep_ms: u32) -> Frame {
    Frame {
        kind: Kind::Bye(reason),
        next_ms: sleep_ms,
        ..beat(seq)
    }
}

/// The same frame in the session that began so many seconds later, or earlier.
#[must_use]
pub const fn in_session(seconds: i32, frame: Frame) -> Frame {
    let unix_seconds = 1_700_000_000_u32.wrapping_add_signed(seconds);
    Frame {
        session: Session::new(unix_seconds, 7),
        ..frame
    }
}

/// When a line was told, what and why.
pub type Gist = (u64, &'static str, &'static str);

/// The stage.
pub struct Stage {
    /// What is tested.
    pub tracker: Tracker,
    now: Moment,
}

impl Default for Stage {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Stage {
    /// A tracker with these options, at the stage's start.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            tracker: Tracker::new(config),
            now: START,
        }
    }

    /// Waits until `ms`, then hears `frame` from home. Returns what was told on the way and then.
    pub fn hear(&mut self, ms: u64, frame: &Frame) -> Vec<Line> {
        self.hear_from(ms, home(), frame)
    }

    /// Waits until `ms`, then hears `frame` from `peer`.
    pub fn hear_from(&mut self, ms: u64, peer: Peer, frame: &Frame) -> Vec<Line> {
        self.hear_at(at(ms), peer, frame)
    }

    /// Waits until `ms`, then hears `frame` with the tag that `key` makes.
    pub fn hear_keyed(&mut self, ms: u64, key: &DeviceKey, frame: &Frame) -> Vec<Line> {
        let mut bytes = [0; FRAME_LEN];
        frame.emit(Some(key), &mut bytes);
        self.hear_bytes(ms, home(), &bytes)
    }

    /// Waits until `ms`, then hears any datagram.
    pub fn hear_bytes(&mut self, ms: u64, peer: Peer, bytes: &[u8]) -> Vec<Line> {
        self.hear_bytes_at(at(ms), peer, bytes)
    }

    /// Waits until `now`, which need be no whole millisecond, then hears `frame`.
    pub fn hear_at(&mut self, now: Moment, peer: Peer, frame: &Frame) -> Vec<Line> {
        let mut bytes = [0; FRAME_LEN];
        frame.emit(None, &mut bytes);
        self.hear_bytes_at(now, peer, &bytes)
    }

    fn hear_bytes_at(&mut self, now: Moment, peer: Peer, bytes: &[u8]) -> Vec<Line> {
        let mut lines = self.wait_until_moment(now);
        self.tracker.on_datagram(self.now, peer, bytes);
        lines.extend(self.told());
        lines
    }

    /// Hears beats `seqs` of `fridge-7`, each when it was sent, and lets nothing be told by them.
    ///
    /// # Panics
    /// Where something is told but the first sign.
    pub fn hear_steady(&mut self, seqs: std::ops::RangeInclusive<u32>) {
        for seq in seqs {
            let lines = self.hear(u64::from(seq) * 1_000, &beat(seq));
            assert!(
                lines.iter().all(|line| line.cause == Some("new")),
                "unsteady: {lines:#?}"
            );
        }
    }

    /// Waits until `ms` as the collector does: woken when the tracker asks for it. Returns what was told.
    pub fn wait_until(&mut self, ms: u64) -> Vec<Line> {
        self.wait_until_moment(at(ms))
    }

    fn wait_until_moment(&mut self, until: Moment) -> Vec<Line> {
        while let Some(next) = self.tracker.next_deadline().filter(|&next| next <= until) {
            self.now = self.now.max(next);
            self.tracker.on_time(self.now);
        }
        self.now = self.now.max(until);
        self.told()
    }

    fn told(&mut self) -> Vec<Line> {
        std::iter::from_fn(|| self.tracker.poll_event())
            .filter_map(|event| Line::of(&event))
            .collect()
    }

    /// The lines that were asked for and are due.
    pub fn polled(&mut self) -> Vec<Line> {
        let now = self.now;
        std::iter::from_fn(|| self.tracker.poll_state(now))
            .filter_map(|event| Line::of(&event))
            .collect()
    }

    /// Waits until `ms`, and returns the state of the only source there is.
    ///
    /// # Panics
    /// Where there is another number of sources, or something is told meanwhile.
    pub fn state(&mut self, ms: u64) -> Line {
        let told = self.wait_until(ms);
        assert!(told.is_empty(), "told meanwhile: {told:#?}");
        self.tracker.ask_all_states();
        let mut lines = self.polled();
        assert_eq!(lines.len(), 1, "there is one source: {lines:#?}");
        lines.remove(0)
    }

    /// Hears a first beat of each label, and returns the numbers of the sources.
    pub fn meet(&mut self, labels: &[Label]) -> Vec<SourceId> {
        let mut ids = Vec::new();
        for &label in labels {
            let mut bytes = [0; FRAME_LEN];
            Frame { label, ..beat(1) }.emit(None, &mut bytes);
            self.tracker.on_datagram(self.now, home(), &bytes);
            while let Some(event) = self.tracker.poll_event() {
                if let What::Source(told) = event.what {
                    ids.push(told.id);
                }
            }
        }
        ids
    }

    /// What is to be sent.
    pub fn sent(&mut self) -> Vec<Transmit> {
        std::iter::from_fn(|| self.tracker.poll_transmit()).collect()
    }

    /// How many sources are in `state`.
    #[must_use]
    pub fn count(&self, state: State) -> u64 {
        let tick = self.tracker.tick();
        State::ALL
            .iter()
            .zip(tick.sources)
            .filter(|(counted, _)| **counted == state)
            .map(|(_, count)| count)
            .sum()
    }

    /// How many datagrams were dropped for each reason that there was.
    #[must_use]
    pub fn rejected(&self) -> Vec<(Reject, u64)> {
        self.tracker
            .tick()
            .rejected
            .iter()
            .filter(|&(_, count)| count > 0)
            .collect()
    }
}

/// When each line was told, in milliseconds of the stage, what and why.
#[must_use]
pub fn gists(lines: &[Line]) -> Vec<Gist> {
    let gist = |line: &Line| {
        let (event, cause) = line.gist();
        (line.at.since(START).as_millis() as u64, event, cause)
    };
    lines.iter().map(gist).collect()
}
