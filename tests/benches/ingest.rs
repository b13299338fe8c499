//! What a beat costs inside the collector: `cargo bench -p beacon-tests --bench ingest`.
//!
//! Parse, find, verify, slots, state and deadline, in process, for every source in random order, without the
//! sockets. Also what a source costs in memory, and the longest pause while the table grows.

#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]
#![expect(clippy::print_stdout, reason = "the table that it prints is what it is for")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use beacon_collector::track::config::Config;
use beacon_collector::track::tracker::Tracker;
use beacon_collector::track::transmit::Peer;
use beacon_common::{FRAME_LEN, Flags, Frame, Health, KeyId, Kind, Label, MasterKey, Moment, Seq, Session};
use rustix::time::{ClockId, clock_gettime};

const INTERVAL: Duration = Duration::from_secs(10);
const BATCH: usize = 32;
const SETTLING_ROUNDS: u32 = 4;
const ROUNDS: u32 = 10;

fn main() {
    println!(
        "{:>10} {:>5} {:>12} {:>12} {:>14} {:>16}",
        "sources", "keys", "ns alone", "ns batched", "bytes a source", "longest pause us"
    );
    let asked: Vec<u32> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let fleets = if asked.is_empty() {
        vec![1_000, 100_000, 1_000_000, 10_000_000]
    } else {
        asked
    };
    for sources in fleets {
        for keyed in [false, true] {
            if sources > 1_000_000 && keyed {
                continue;
            }
            Fleet::new(sources, keyed).measure();
        }
    }
}

/// A collector's core and the sources that beat at it.
struct Fleet {
    tracker: Tracker,
    master: Option<MasterKey>,
    order: Vec<u32>,
    datagrams: Vec<[u8; FRAME_LEN]>,
    now: Moment,
    is_batched: bool,
}

impl Fleet {
    fn new(sources: u32, keyed: bool) -> Self {
        let master = keyed.then(|| MasterKey::new(KeyId::new(1).expect("not 0"), *b"0123456789abcdef"));
        let config = Config {
            admit_rate: None,
            keys: master.iter().cloned().collect::<Vec<_>>().into(),
            one_way: true,
            max_sources: sources,
            ..Config::default()
        };
        Self {
            tracker: Tracker::new(config),
            master,
            order: (0..sources).collect(),
            datagrams: Vec::with_capacity(sources as usize),
            now: Moment::from_nanos(1),
            is_batched: true,
        }
    }

    fn measure(mut self) {
        let rss_before = rss_bytes_with(&mut self.datagrams, self.order.len());
        let pause = self.grow();
        let grown = rss_bytes() - rss_before;
        // From here on the order in time is another one than that in memory, and stays the same.
        shuffle(&mut self.order);
        (2..2 + SETTLING_ROUNDS).for_each(|seq| _ = self.beat(seq));
        let mut costs = [Vec::new(), Vec::new()];
        for seq in 2 + SETTLING_ROUNDS..2 + SETTLING_ROUNDS + ROUNDS {
            self.is_batched = seq % 2 == 0;
            let ns_a_beat = self.beat(seq);
            costs[usize::from(self.is_batched)].push(ns_a_beat);
        }
        let [alone, batched] = costs.map(median);
        println!(
            "{:>10} {:>5} {:>12.0} {:>12.0} {:>14.1} {:>16}",
            self.order.len(),
            if self.master.is_some() { "yes" } else { "no" },
            alone,
            batched,
            grown as f64 / self.order.len() as f64,
            pause.as_micros(),
        );
    }

    /// Every source beats for the first time. Returns how long the longest batch took.
    fn grow(&mut self) -> Duration {
        self.emit(1);
        let mut longest_batch = Duration::ZERO;
        for from in (0..self.order.len()).step_by(BATCH) {
            let began = cpu_time();
            self.take(from);
            longest_batch = longest_batch.max(cpu_time() - began);
        }
        longest_batch
    }

    /// Every source beats once, in random order and evenly over one interval. Returns what a beat cost; the clock is read
    /// at the beginning and at the end alone, because that costs as much as some beats.
    fn beat(&mut self, seq: u32) -> f64 {
        self.emit(seq);
        let began = cpu_time();
        (0..self.order.len())
            .step_by(BATCH)
            .for_each(|from| self.take(from));
        (cpu_time() - began).as_nanos() as f64 / self.order.len() as f64
    }

    /// The tracker takes the batch that begins at `from`, and time goes on.
    fn take(&mut self, from: usize) {
        let step = INTERVAL / self.order.len() as u32;
        let batch = &self.datagrams[from..self.datagrams.len().min(from + BATCH)];
        let times = (1..).map(|beats| self.now + step * beats);
        let datagrams = times
            .zip(batch)
            .map(|(now, bytes)| (now, peer(), bytes.as_slice()));
        if self.is_batched {
            self.tracker.on_datagrams(datagrams);
        } else {
            datagrams.for_each(|(now, peer, bytes)| self.tracker.on_datagram(now, peer, bytes));
        }
        self.now = self.now + step * batch.len() as u32;
        self.tracker.on_time(self.now);
        while self.tracker.poll_event().is_some() {}
    }

    fn emit(&mut self, seq: u32) {
        self.datagrams.clear();
        for &number in &self.order {
            let label = Label::new(&format!("source-{number}")).expect("a valid label");
            let key = self.master.as_ref().map(|master| master.device_key(&label));
            let mut bytes = [0; FRAME_LEN];
            frame(label, seq).emit(key.as_ref(), &mut bytes);
            self.datagrams.push(bytes);
        }
    }
}

/// The time that this thread had a core: what others do on the machine is not counted.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn median(mut costs: Vec<f64>) -> f64 {
    costs.sort_by(f64::total_cmp);
    costs[costs.len() / 2]
}

fn frame(label: Label, seq: u32) -> Frame {
    let interval_ms = INTERVAL.as_millis() as u32;
    Frame {
        kind: Kind::Beat(Health::Ok),
        flags: Flags::default(),
        misses: 3,
        label,
        session: Session::new(1, 1),
        sent_us: u64::from(seq) * INTERVAL.as_micros() as u64,
        seq: Seq::new(seq),
        interval_ms,
        next_ms: interval_ms,
        uptime_s: 1,
    }
}

fn peer() -> Peer {
    Peer {
        addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 7878)),
        socket: 0,
        local: None,
    }
}

/// Fisher and Yates, with a 64-bit linear congruence.
fn shuffle(numbers: &mut [u32]) {
    let mut state = 0x853c_49e6_748f_ea9b_u64;
    for i in (1..numbers.len()).rev() {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        numbers.swap(i, (state >> 33) as usize % (i + 1));
    }
}

/// Resident memory once the datagrams' own buffer is all there.
fn rss_bytes_with(datagrams: &mut Vec<[u8; FRAME_LEN]>, len: usize) -> u64 {
    datagrams.resize(len, [1; FRAME_LEN]);
    rss_bytes()
}

fn rss_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("procfs is mounted");
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .expect("the second number is the RSS");
    pages * 4_096
}
