//! A thousand sources over a virtual day, one beat in a hundred lost: every loss, duplicate and reordering is
//! counted as the network made it, and a source is called down only where three beats in a row did not come.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use beacon_collector::track::config::Config;
use beacon_collector::track::event::{Happening, What};
use beacon_collector::track::tracker::Tracker;
use beacon_collector::track::transmit::Peer;
use beacon_common::{FRAME_LEN, Frame, Kind, Label, Moment, Reason};
use beacon_tests::line::Line;
use beacon_tests::netsim::{Loss, Network, Path};
use beacon_tests::random::{Random, number_from_environment};
use beacon_tests::stage::{beat, label, peer};

const SOURCES: usize = 1_000;
const INTERVAL: Duration = Duration::from_secs(10);
/// A day of them.
const BEATS: u32 = 8_640;
const MISSES: u8 = 3;
const LOST_PER_MILLION: u32 = 10_000;
/// Held back by up to two and a half intervals.
const HELD_BACK_PER_MILLION: u32 = 500;
const LEAST_DELAY: Duration = Duration::from_millis(20);
/// Of a beat that is not held back.
const MOST_DELAY: Duration = Duration::from_millis(60);

/// What one source sent, and what the network made of it; beats are known by their numbers, from 1 on.
struct Ledger {
    label: Label,
    first_slot: Moment,
    second_slot: Moment,
    /// How often each number arrived.
    arrived: Vec<u8>,
    /// The number of the first to arrive: what came before it is not expected.
    first: u32,
    highest: u32,
    highest_arrived_at: Moment,
    reordered: i128,
    /// Silences that must have ended in `down`.
    downs: u64,
    /// Silences that ended so close to the down deadline that the margin decided.
    close: u64,
}

impl Ledger {
    fn new(number: usize, random: &mut Random) -> Self {
        let within_an_interval = |random: &mut Random| random.below(INTERVAL.as_nanos() as u64);
        let first_slot = Moment::from_nanos(1_000_000_000_000 + within_an_interval(random));
        Self {
            label: label(&format!("source-{number}")),
            first_slot,
            second_slot: first_slot + Duration::from_nanos(1 + within_an_interval(random)),
            arrived: vec![0; BEATS as usize + 2],
            first: 0,
            highest: 0,
            highest_arrived_at: Moment::ORIGIN,
            reordered: 0,
            downs: 0,
            close: 0,
        }
    }

    fn slot(&self, seq: u32) -> Moment {
        if seq == 1 {
            self.first_slot
        } else {
            self.second_slot + INTERVAL * (seq - 2)
        }
    }

    fn frame(&self, seq: u32) -> Frame {
        let (slot, next) = (self.slot(seq), self.slot(seq + 1));
        Frame {
            label: self.label,
            sent_us: slot.since(self.first_slot).as_micros() as u64,
            interval_ms: INTERVAL.as_millis() as u32,
            next_ms: ((next.since(slot).as_micros() + 500) / 1_000) as u32,
            misses: MISSES,
            ..beat(seq)
        }
    }

    /// A beat has arrived.
    fn take(&mut self, seq: u32, now: Moment) {
        let times = &mut self.arrived[seq as usize];
        *times += 1;
        if self.first == 0 {
            self.first = seq;
        } else if seq > self.highest {
            self.end_silence(now);
        } else if *times == 1 {
            self.reordered += 1;
        }
        if seq > self.highest {
            (self.highest, self.highest_arrived_at) = (seq, now);
        }
    }

    /// The down deadline lies behind the third slot by the path's delay and the margin, which is half an interval
    /// at most.
    fn end_silence(&mut self, now: Moment) {
        let next = self.slot(self.highest + 1).max(self.highest_arrived_at);
        let down_but_for_the_margin = next + INTERVAL * (u32::from(MISSES) - 1);
        if now > down_but_for_the_margin + INTERVAL / 2 + MOST_DELAY {
            self.downs += 1;
        } else if now > down_but_for_the_margin + MOST_DELAY {
            self.close += 1;
        }
    }

    /// Received, lost, duplicate and reordered.
    fn counts(&self) -> [i128; 4] {
        let expected = &self.arrived[self.first as usize..=self.highest as usize];
        let lost = expected.iter().filter(|&&times| times == 0).count() as i128;
        let received = self.arrived.iter().filter(|&&times| times > 0).count() as i128;
        let copies: i128 = self.arrived.iter().map(|&times| i128::from(times)).sum();
        [received, lost, copies - received, self.reordered]
    }
}

/// A path of the open internet that now and then holds a beat back for longer than an interval.
fn path() -> Path {
    Path {
        loss: Loss::Independent {
            per_million: LOST_PER_MILLION,
        },
        jitter: MOST_DELAY - LEAST_DELAY,
        spikes_per_million: HELD_BACK_PER_MILLION,
        spike: INTERVAL * 5 / 2,
        duplicates_per_million: 5_000,
        ..Path::perfect(LEAST_DELAY)
    }
}

struct Day {
    tracker: Tracker,
    network: Network<(usize, Frame)>,
    ledgers: Vec<Ledger>,
    peer: Peer,
    told_down: u64,
}

impl Day {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let ledgers = (0..SOURCES)
            .map(|number| Ledger::new(number, &mut random))
            .collect();
        let network = Network::new(path(), random);
        let tracker = Tracker::new(Config::default());
        Self {
            tracker,
            network,
            ledgers,
            peer: peer("10.0.0.7:40112"),
            told_down: 0,
        }
    }

    /// Everything that arrives and every deadline up to `until`.
    fn run_until(&mut self, until: Moment) {
        loop {
            let arrival = self.network.next_arrival().unwrap_or(Moment::NEVER);
            let deadline = self.tracker.next_deadline().unwrap_or(Moment::NEVER);
            if arrival.min(deadline) > until {
                return;
            }
            if deadline < arrival {
                self.tracker.on_time(deadline);
            } else if let Some((now, (source, frame))) = self.network.deliver() {
                self.hear(now, source, &frame);
            }
            while let Some(event) = self.tracker.poll_event() {
                if let What::Source(told) = event.what {
                    self.told_down += u64::from(told.happening == Happening::Down);
                }
            }
        }
    }

    fn hear(&mut self, now: Moment, source: usize, frame: &Frame) {
        let mut bytes = [0; FRAME_LEN];
        frame.emit(None, &mut bytes);
        self.tracker.on_datagram(now, self.peer, &bytes);
        self.ledgers[source].take(frame.seq.get(), now);
    }

    /// Every source sends a beat an interval, and in the end a goodbye that is not lost.
    fn pass(&mut self) {
        let first_slot = |(source, ledger): (usize, &Ledger)| (ledger.slot(1), source, 1);
        let mut upcoming: BTreeSet<(Moment, usize, u32)> =
            self.ledgers.iter().enumerate().map(first_slot).collect();
        while let Some((slot, source, seq)) = upcoming.pop_first() {
            self.run_until(slot);
            let frame = self.ledgers[source].frame(seq);
            if seq <= BEATS {
                self.network.send(slot, (source, frame));
                upcoming.insert((self.ledgers[source].slot(seq + 1), source, seq + 1));
            } else {
                self.hear(
                    slot,
                    source,
                    &Frame {
                        kind: Kind::Bye(Reason::Stop),
                        next_ms: 0,
                        ..frame
                    },
                );
            }
        }
        self.run_until(self.ledgers[0].slot(BEATS + 10));
    }

    /// The tracker's counters of every source.
    fn counted(&mut self) -> BTreeMap<Label, [i128; 4]> {
        let now = self.ledgers[0].slot(BEATS + 10);
        self.tracker.ask_all_states();
        let events = std::iter::from_fn(|| self.tracker.poll_state(now));
        let counts = |line: Line| {
            (
                line.source,
                [line.received, line.lost, line.duplicate, line.reordered],
            )
        };
        events.filter_map(|event| Line::of(&event)).map(counts).collect()
    }
}

/// The least number that a Poisson variable with this mean exceeds less than once in a million times.
fn once_in_a_million(mean: f64) -> u64 {
    let mut term = (-mean).exp();
    let mut above = 1.0 - term;
    let mut count = 0;
    while above > 1e-6 {
        count += 1;
        term *= mean / count as f64;
        above -= term;
    }
    count
}

#[test]
fn a_thousand_sources_are_counted_exactly_and_called_down_only_by_chance() {
    let seed = number_from_environment("BEACON_SEED", 0x00be_ac07);
    println!("BEACON_SEED={seed}");
    let mut day = Day::new(seed);
    day.pass();
    let counted = day.counted();
    let mut sum = [0; 4];
    for ledger in &day.ledgers {
        assert_eq!(
            counted[&ledger.label],
            ledger.counts(),
            "{}: received, lost, duplicate, reordered",
            ledger.label
        );
        sum.iter_mut()
            .zip(ledger.counts())
            .for_each(|(sum, count)| *sum += count);
    }
    let (downs, close): (Vec<u64>, Vec<u64>) = day
        .ledgers
        .iter()
        .map(|ledger| (ledger.downs, ledger.close))
        .unzip();
    let (downs, close): (u64, u64) = (downs.iter().sum(), close.iter().sum());
    let beats = f64::from(BEATS) * SOURCES as f64;
    let absent = f64::from(LOST_PER_MILLION + HELD_BACK_PER_MILLION) / 1e6;
    let mean = beats * absent.powi(MISSES.into());
    let bound = once_in_a_million(mean);
    let [received, lost, duplicate, reordered] = sum;
    println!("{beats} beats: {received} received, {lost} lost, {duplicate} duplicate, {reordered} reordered");
    println!(
        "{} called down; chance explains {mean:.1}, and {bound} once in a million days",
        day.told_down
    );
    assert!(
        lost > 80_000 && duplicate > 40_000 && reordered > 1_000,
        "the day was too quiet to prove anything"
    );
    assert!(
        (downs..=downs + close).contains(&day.told_down),
        "{downs} silences were long enough, {close} nearly"
    );
    assert!(day.told_down <= bound);
}
