//! A tracker that is written to bytes and read back at random moments of random histories tells what one tells that
//! goes on.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests; these are their helpers"
)]

use beacon_collector::store::layout::{Header, Reader, Writer};
use beacon_collector::store::stamp::Stamp;
use beacon_collector::track::config::Config;
use beacon_collector::track::inventory::Expected;
use beacon_collector::track::tracker::{Portion, Tracker};
use beacon_collector::track::transmit::Peer;
use beacon_common::{FRAME_LEN, Moment};
use beacon_tests::history::{History, Listing};
use beacon_tests::line::Line;
use beacon_tests::random::{Random, number_from_environment};

/// A history in which nobody flaps: the falls of the last minutes begin anew with the process.
const FLAPS: &str = "flapping";

/// Two trackers of which the one is replaced now and then by what is left of it.
struct Pair {
    steady: Tracker,
    restarted: Tracker,
    config: Config,
    /// The inventory that was read last.
    expected: Vec<Expected>,
}

impl Pair {
    /// Judges both until `until`. Both are asked at the same moments.
    fn wait_until(&mut self, until: Moment) {
        loop {
            let wakes = [&self.steady, &self.restarted].map(Tracker::next_deadline);
            let next = wakes.into_iter().flatten().min().filter(|&next| next <= until);
            let Some(next) = next else { return };
            let whole_ms = Moment::from_nanos(next.as_nanos().next_multiple_of(1_000_000));
            self.steady.on_time(whole_ms);
            self.restarted.on_time(whole_ms);
        }
    }

    fn restart(&mut self, now: Moment) {
        let mut bytes = Vec::new();
        let mut portion = self.restarted.portion(Portion::BEGINNING, Vec::new());
        let header = Header {
            stamp: Stamp::take(),
            heard_until: now,
            blindness: portion.blindness.clone(),
        };
        let mut writer = Writer::begin(&mut bytes, &header).unwrap();
        loop {
            portion
                .records
                .iter()
                .for_each(|record| writer.put(record).unwrap());
            let Some(next) = portion.next else { break };
            portion = self.restarted.portion(next, Vec::new());
        }
        writer.finish().unwrap();

        let mut reader = Reader::begin(&bytes[..]).unwrap();
        let mut tracker = Tracker::new(self.config.clone());
        tracker.begin_resuming(&reader.header.blindness, now, now);
        while let Some(record) = reader.read().unwrap() {
            tracker.restore(record, now).unwrap();
        }
        tracker.resume(now, now);
        tracker.expect(self.expected.clone(), now);
        self.restarted = tracker;
    }

    /// Both read an inventory.
    fn expect(&mut self, Listing { at, expected }: Listing) {
        for tracker in [&mut self.steady, &mut self.restarted] {
            tracker.expect(expected.clone(), at);
        }
        self.expected = expected;
    }

    /// What both have told since the last time, source by source.
    fn told(&mut self) -> [Vec<Line>; 2] {
        [&mut self.steady, &mut self.restarted].map(|tracker| {
            let events = std::iter::from_fn(|| tracker.poll_event());
            let mut lines: Vec<Line> = events.filter_map(|event| Line::of(&event)).collect();
            // What many sources do together, and who is suspected, begins anew with the process.
            lines.retain(|line| line.event != "duplicate_label");
            lines
                .iter_mut()
                .for_each(|line| line.extra.retain(|(key, _)| *key != "mass"));
            lines.sort_by_key(|line| line.source);
            lines
        })
    }
}

/// Plays a history; returns how often the one tracker was restarted, and how many lines both told.
fn play(seed: u64) -> Result<[usize; 2], String> {
    let history = History::new(seed);
    let mut random = Random::new(!seed);
    let config = Config {
        report: None,
        ..history.config
    };
    let mut pair = Pair {
        steady: Tracker::new(config.clone()),
        restarted: Tracker::new(config.clone()),
        config,
        expected: Vec::new(),
    };
    let mut listings = history.listings;
    let (mut restarts, mut lines) = (0, 0);
    let end = history
        .arrivals
        .last()
        .map_or(Moment::ORIGIN, |hearing| hearing.at);
    for hearing in history.arrivals {
        while let Some(listing) = listings.pop_front_if(|listing| listing.at <= hearing.at) {
            pair.wait_until(listing.at);
            pair.expect(listing);
        }
        pair.wait_until(hearing.at);
        let mut bytes = [0; FRAME_LEN];
        hearing.frame.emit(None, &mut bytes);
        let peer = Peer {
            addr: hearing.from,
            socket: 0,
            local: None,
        };
        pair.steady.on_datagram(hearing.at, peer, &bytes);
        pair.restarted.on_datagram(hearing.at, peer, &bytes);
        let [steady, restarted] = pair.told();
        if steady.iter().chain(&restarted).any(|line| line.event == FLAPS) {
            return Ok([restarts, lines]);
        }
        if steady != restarted {
            return Err(format!(
                "after {restarts} restarts: {restarted:#?}\ninstead of {steady:#?}"
            ));
        }
        lines += steady.len();
        if random.chance(100_000) {
            pair.restart(hearing.at);
            restarts += 1;
        }
    }
    pair.restart(end);
    // Far beyond the last deadline.
    pair.wait_until(Moment::from_nanos(u64::MAX / 2));
    let [steady, restarted] = pair.told();
    if steady.iter().all(|line| line.event != FLAPS) && steady != restarted {
        return Err(format!("at the end: {restarted:#?}\ninstead of {steady:#?}"));
    }
    Ok([restarts + 1, lines + steady.len()])
}

/// `BEACON_SEED` sets the seed of the first history, `BEACON_HISTORIES` how many there are.
#[test]
fn who_is_restarted_tells_what_another_tells_that_goes_on() {
    let first = number_from_environment("BEACON_SEED", 0x5a7e);
    let count = number_from_environment("BEACON_HISTORIES", 300);
    let (mut restarts, mut lines) = (0, 0);
    for seed in (0..count).map(|n| first.wrapping_add(n)) {
        match play(seed) {
            Ok(played) => (restarts, lines) = (restarts + played[0], lines + played[1]),
            Err(difference) => panic!("BEACON_SEED={seed} BEACON_HISTORIES=1 repeats this: {difference}"),
        }
    }
    println!("{count} histories from seed {first}: {restarts} restarts, {lines} lines");
    assert!(restarts as u64 >= count && lines as u64 >= count);
}
