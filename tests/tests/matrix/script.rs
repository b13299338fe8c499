//! What a device does, as a script; the network; and what is told of it.

use std::time::Duration;

use beacon_collector::track::config::Config;
use beacon_collector::track::transmit::Peer;
use beacon_common::{Flags, Frame, Kind, Moment, Reason, Seq, Session};
use beacon_tests::line::Line;
use beacon_tests::netsim::{Network, Path};
use beacon_tests::random::{Random, number_from_environment};
use beacon_tests::stage::{Stage, at, beat, bye, home};

/// An event and its cause.
pub(crate) type Told = (&'static str, &'static str);

/// What one device sends.
#[derive(Clone)]
pub(crate) struct Device {
    sent: Vec<(Moment, Peer, Frame)>,
    /// When the next beat is due, in milliseconds of the stage.
    slot_ms: u64,
    /// The device's wall clock when the stage begins, in Unix seconds.
    wall_s: u64,
    /// The low half of its session numbers.
    random: u32,
    began_ms: u64,
    booted_ms: u64,
    session: Session,
    seq: u32,
    interval_ms: u32,
    peer: Peer,
    has_skipped: bool,
}

impl Device {
    /// A device that has been up for an hour, and whose agent starts at `start_ms`.
    pub(crate) fn new(start_ms: u64) -> Self {
        let mut device = Self {
            sent: Vec::new(),
            slot_ms: start_ms,
            wall_s: 1_700_000_000,
            random: 7,
            began_ms: 0,
            booted_ms: 0,
            session: Session::default(),
            seq: 0,
            interval_ms: 1_000,
            peer: home(),
            has_skipped: false,
        };
        device.begin();
        device
    }

    pub(crate) fn at_home_in(mut self, peer: Peer) -> Self {
        self.peer = peer;
        self
    }

    pub(crate) const fn every(mut self, interval_ms: u32) -> Self {
        self.interval_ms = interval_ms;
        self
    }

    pub(crate) const fn low_half(mut self, random: u32) -> Self {
        self.random = random;
        self.session = Session::new((self.session.as_u64() >> 32) as u32, random);
        self
    }

    fn begin(&mut self) {
        self.session = Session::new((self.wall_s + self.slot_ms / 1_000) as u32, self.random);
        (self.began_ms, self.seq) = (self.slot_ms, 0);
    }

    /// The wall clock is set.
    pub(crate) const fn step_clock(mut self, seconds: i64) -> Self {
        self.wall_s = self.wall_s.saturating_add_signed(seconds);
        self
    }

    /// The device has lost its clock: it is 1970.
    pub(crate) const fn lose_clock(mut self) -> Self {
        self.wall_s = 0;
        self
    }

    /// The agent is gone for so long after its next slot, and begins anew.
    pub(crate) fn restart(mut self, gone_ms: u64) -> Self {
        self.slot_ms += gone_ms;
        self.begin();
        self
    }

    /// So is the device.
    pub(crate) fn reboot(mut self, gone_ms: u64) -> Self {
        self.booted_ms = self.slot_ms + gone_ms;
        self.restart(gone_ms)
    }

    /// The numbers of the session run out after so many more beats.
    pub(crate) const fn run_out_in(mut self, beats: u32) -> Self {
        self.seq = u32::MAX - beats;
        self
    }

    /// Slots that are never sent: the device sleeps without a word, or starves.
    pub(crate) fn skip(mut self, slots: u64) -> Self {
        self.slot_ms += slots * u64::from(self.interval_ms);
        self.has_skipped = true;
        self
    }

    /// So many beats, one an interval.
    pub(crate) fn beats(self, count: u32) -> Self {
        (0..count).fold(self, |device, _| {
            let interval_ms = device.interval_ms;
            device.beat_late(0, interval_ms)
        })
    }

    /// One beat so much after its slot, promising the next one `next_ms` after the slot.
    pub(crate) fn beat_late(mut self, late_ms: u64, next_ms: u32) -> Self {
        self.seq += 1;
        let frame = Frame {
            flags: Flags {
                skipped: std::mem::take(&mut self.has_skipped),
                ..Flags::default()
            },
            next_ms: next_ms - late_ms as u32,
            ..beat(1)
        };
        self.send(late_ms, frame);
        self.slot_ms += u64::from(next_ms);
        self
    }

    /// A goodbye in place of the next beat, and its copies.
    pub(crate) fn bye(mut self, reason: Reason, sleep_ms: u32) -> Self {
        self.seq += 1;
        for copy in 0..3 {
            self.send(copy * 100, bye(1, reason, sleep_ms));
        }
        self.slot_ms += u64::from(self.interval_ms);
        self
    }

    fn send(&mut self, late_ms: u64, frame: Frame) {
        let ms = self.slot_ms + late_ms;
        let is_beat = matches!(frame.kind, Kind::Beat(_));
        let sent_ms = self.slot_ms - self.began_ms + if is_beat { late_ms } else { 0 };
        let up_before_ms = if self.booted_ms == 0 { 3_600_000 } else { 0 };
        let frame = Frame {
            session: self.session,
            sent_us: sent_ms * 1_000,
            seq: Seq::new(self.seq),
            interval_ms: self.interval_ms,
            uptime_s: ((up_before_ms + ms - self.booted_ms) / 1_000) as u32,
            ..frame
        };
        self.sent.push((at(ms), self.peer, frame));
    }

    /// What is told of it, alone, on a good network.
    pub(crate) fn told(self, until_ms: u64) -> Vec<Told> {
        gists(&self.lines(until_ms))
    }

    pub(crate) fn lines(self, until_ms: u64) -> Vec<Line> {
        play(&[self], good_path(), until_ms)
    }
}

/// Some delay and some jitter.
pub(crate) fn good_path() -> Path {
    Path {
        jitter: Duration::from_millis(8),
        ..Path::perfect(Duration::from_millis(20))
    }
}

/// What is told of devices with one label, until `until_ms`. Every line must join on to the one before.
pub(crate) fn play(devices: &[Device], path: Path, until_ms: u64) -> Vec<Line> {
    play_as(devices, path, until_ms, |arrival| arrival)
}

/// The same by a collector that takes what comes to have arrived when `arrived` says.
pub(crate) fn play_as(
    devices: &[Device],
    path: Path,
    until_ms: u64,
    arrived: impl Fn(Moment) -> Moment,
) -> Vec<Line> {
    let seed = number_from_environment("BEACON_SEED", 0x00be_ac07);
    println!("BEACON_SEED={seed}");
    let mut sent: Vec<_> = devices.iter().flat_map(|device| &device.sent).copied().collect();
    sent.sort_by_key(|&(at, ..)| at);
    let mut network = Network::new(path, Random::new(seed));
    for (at, peer, frame) in sent {
        network.send(at, (peer, frame));
    }
    let mut stage = Stage::new(Config::default());
    let mut lines = Vec::new();
    while let Some((arrival, (peer, frame))) = network.deliver() {
        lines.extend(stage.hear_at(arrived(arrival), peer, &frame));
    }
    lines.extend(stage.wait_until(until_ms));
    let mut known = "unknown";
    for line in &lines {
        assert_eq!(line.was, known, "{line:#?}");
        known = line.state;
    }
    lines
}

pub(crate) fn gists(lines: &[Line]) -> Vec<Told> {
    lines.iter().map(Line::gist).collect()
}
