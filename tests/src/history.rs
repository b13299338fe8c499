//! Random histories: what arrives at a collector, all of it following from one seed.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use beacon_collector::track::config::{Config, Margin, Probe};
use beacon_collector::track::inventory::Expected;
use beacon_collector::track::patience::Allowance;
use beacon_common::{Label, Moment};

use crate::model::{Blind, Hearing};
use crate::netsim::{Loss, Network, Path};
use crate::random::Random;
use crate::sender::{Sender, Sending};

/// What arrives, in order, and how the collector is set to judge it.
#[derive(Clone, Debug)]
pub struct History {
    /// The collector's options.
    pub config: Config,
    /// What arrives, in order, if nobody is asked anything.
    pub arrivals: Vec<Hearing>,
    /// When the collector cannot listen, in order.
    pub blinds: Vec<Blindness>,
    /// What was sent, in order: what those who are asked know.
    pub sent: Vec<Sending>,
    /// When the inventory is read, in order.
    pub listings: VecDeque<Listing>,
    /// The shortest interval that a source begins with.
    pub interval: Duration,
}

/// What the inventory has when it is read.
#[derive(Clone, Debug)]
pub struct Listing {
    /// When.
    pub at: Moment,
    /// Which sources.
    pub expected: Vec<Expected>,
}

/// A time in which the collector cannot listen, and what that loses.
#[derive(Clone, Copy, Debug)]
pub struct Blindness {
    /// When, and how much of the time.
    pub blind: Blind,
    /// From then on nothing is kept for it.
    pub deaf_from: Moment,
}

const INTERVALS_MS: [u32; 12] = [
    10,
    11,
    13,
    19,
    100,
    250,
    999,
    1_000,
    10_000,
    60_000,
    3_600_000,
    1 << 31,
];

impl History {
    /// The history that follows from `seed`: one to three sources over one network, or at times a fleet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let interval_ms = random.pick(&INTERVALS_MS);
        let interval = Duration::from_millis(interval_ms.into());
        let start = Moment::from_nanos(random.within(1..1 << 45));
        let mut sent: Vec<Sending> = Vec::new();
        let is_fleet = random.chance(40_000);
        let mut labels = Vec::new();
        for name in names(&mut random, is_fleet) {
            let label = Label::new(&name).expect("a valid label, written below");
            let later = Duration::from_nanos(random.below(interval.as_nanos() as u64));
            let sender = Sender::new(label, interval_ms, start + later, random.fork());
            labels.push(label);
            sent.extend(sender.live(random.pick(if is_fleet { &[10, 30] } else { &BEATS })));
        }
        sent.sort_by_key(|sending| sending.at);
        let end = sent.last().map_or(start, |sending| sending.at);
        let mut path = random_path(&mut random, interval, start, end);
        if is_fleet {
            path.partitions
                .push(random_window(&mut random, interval, start, end));
        }
        let mut config = random_config(&mut random, interval, end.since(start));
        let listings = random_listings(&mut random, &labels, start, end);
        config.settle = interval * random.pick(&[0, 1, 3, 20, 500]);
        config.inventory_only = !listings.is_empty() && random.chance(200_000);
        Self {
            config,
            arrivals: carry(path, &mut random, &sent),
            blinds: random_blinds(&mut random, interval, start, end),
            sent,
            listings,
            interval,
        }
    }
}

const BEATS: [u64; 8] = [3, 10, 30, 30, 30, 100, 100, 300];

fn names(random: &mut Random, is_fleet: bool) -> Vec<String> {
    if is_fleet {
        return (0..random.within(9..25)).map(|n| format!("s{n}")).collect();
    }
    ["a", "fridge-7", "0123456789abcdef"]
        .iter()
        .take(1 + random.below(3) as usize)
        .map(ToString::to_string)
        .collect()
}

fn random_window(random: &mut Random, interval: Duration, start: Moment, end: Moment) -> Range<Moment> {
    let from = start + Duration::from_nanos(random.below(end.since(start).as_nanos() as u64));
    from..from + interval * random.pick(&[1, 3, 7, 80])
}

/// None overlaps another.
fn random_blinds(random: &mut Random, interval: Duration, start: Moment, end: Moment) -> Vec<Blindness> {
    let whole = end.since(start).as_nanos() as u64;
    let mut at = start;
    let mut blinds = Vec::new();
    for _ in 0..random.pick(&[0, 0, 0, 1, 1, 3]) {
        let from = at + Duration::from_nanos(random.below(whole / 2));
        let most = (interval * random.pick(&[1, 3, 20])).as_nanos() as u64;
        let length = Duration::from_nanos(1 + random.below(most));
        let of = |random: &mut Random| Duration::from_nanos(random.within(1..length.as_nanos() as u64));
        let blind = if random.chance(700_000) {
            length
        } else {
            of(random)
        };
        let deaf_from = from + random.pick(&[Duration::ZERO, length]).min(of(random));
        at = from + length;
        let blind = Blind {
            from,
            until: at,
            blind,
        };
        blinds.push(Blindness { blind, deaf_from });
    }
    blinds
}

/// An inventory at the start, and others later: some of the sources, and some that never come.
fn random_listings(random: &mut Random, labels: &[Label], start: Moment, end: Moment) -> VecDeque<Listing> {
    let whole = end.since(start).as_nanos() as u64;
    let mut at = start;
    let mut listings = VecDeque::new();
    for _ in 0..random.pick(&[0, 0, 1, 1, 2, 4]) {
        let never = (0..random.below(4)).filter_map(|n| Label::new(&format!("never-{n}")).ok());
        let some: Vec<Label> = labels.iter().copied().chain(never).collect();
        let mut expected = Vec::new();
        for label in some {
            if random.chance(600_000) {
                let group = random.pick(&[None, Some("kitchen"), Some("attic")]);
                let group = group.map(Into::into);
                expected.push(Expected { label, group });
            }
        }
        listings.push_back(Listing { at, expected });
        at = at + Duration::from_nanos(random.below(whole.max(1)));
    }
    listings
}

fn carry(path: Path, random: &mut Random, sent: &[Sending]) -> Vec<Hearing> {
    let mut network = Network::new(path, random.fork());
    for sending in sent {
        network.send(sending.at, *sending);
    }
    let deliveries = std::iter::from_fn(|| network.deliver());
    deliveries
        .map(|(at, sending)| Hearing {
            at,
            from: sending.from,
            frame: sending.frame,
        })
        .collect()
}

fn random_path(random: &mut Random, interval: Duration, start: Moment, end: Moment) -> Path {
    let loss = match random.below(4) {
        0 => Loss::Independent { per_million: 0 },
        1 => Loss::Bursts {
            turns_bad_per_million: 20_000,
            turns_good_per_million: 200_000,
            per_million: 900_000,
        },
        _ => Loss::Independent {
            per_million: random.pick(&[1_000, 10_000, 100_000, 400_000]),
        },
    };
    let windows = |random: &mut Random| {
        let count = random.below(3);
        (0..count)
            .map(|_| random_window(random, interval, start, end))
            .collect()
    };
    Path {
        loss,
        delay: interval / random.pick(&[4, 100, 10_000]),
        jitter: interval * random.pick(&[0, 0, 1, 10, 40, 800]) / 100,
        spikes_per_million: random.pick(&[0, 10_000, 100_000]),
        spike: interval * random.pick(&[1, 5, 70]),
        duplicates_per_million: random.pick(&[0, 10_000, 300_000]),
        partitions: windows(random),
        stalls: windows(random),
    }
}

fn random_config(random: &mut Random, interval: Duration, whole: Duration) -> Config {
    let fixed_us = random.below(interval.as_micros() as u64 * 3);
    let margin = Margin::Fixed(Duration::from_micros(fixed_us));
    let periods = random.pick(&[2, 10, 30, 100, 1_000]);
    let allowance = Allowance {
        period_us: interval.as_micros() as u64 * periods,
        misses_max: random.pick(&[1, 4, 20, 64]),
    };
    Config {
        false_alarms: random.pick(&[None, Some(allowance)]),
        misses: random.pick(&[1, 2, 3, 3, 10]),
        misses_override: random.pick(&[None, None, None, Some(1), Some(4)]),
        margin: random.pick(&[Margin::Auto, Margin::Auto, Margin::Auto, margin]),
        reorder_wait: random.pick(&[0, 1, 2, 2, 2, 3, 70]),
        forget: interval * random.pick(&[1, 8, 50, 10_000]),
        report: random.pick(&[
            None,
            Some(interval.max(whole / 5)),
            Some(interval.max(whole / 40)),
        ]),
        probe: random.pick(&[Probe::Auto, Probe::Auto, Probe::Always, Probe::Never]),
        probe_rate: 1_000_000,
        ..Config::default()
    }
}
