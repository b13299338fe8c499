//! How long a collector that moves is out of reach, in a virtual time: its name is asked for and its new addresses are
//! tried while beats keep their schedule.

#![expect(clippy::unwrap_used, reason = "where a test cannot go on, it fails")]

use beacon_agent::collector::Collector;
use beacon_agent::resolve::Resolved;
use beacon_agent::route::{Mode, Route};
use beacon_common::{Moment, Seq};
use std::net::SocketAddr;
use std::time::Duration;

const MOST: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_secs(10);
const MISSES: u8 = 3;
const BEFORE: &str = "192.0.2.1:7878";
const AFTER: &str = "192.0.2.2:7878";
const DEAD: &str = "192.0.2.3:7878";

/// A move of the first of two collectors; the second stays where it is and answers.
#[derive(Clone, Copy, Debug)]
struct Move {
    mode: Mode,
    /// When the collector is at its new address and no longer at the old one.
    left: Moment,
    /// When its name says so.
    told: Moment,
    /// What the name says then.
    addresses: &'static [&'static str],
}

impl Move {
    /// How long after its name has told it the collector gets a beat at its new address.
    fn found_after(self) -> Duration {
        let collector = |to: &str| Collector::new(to.parse().unwrap(), None, MISSES, Moment::ORIGIN);
        let mut collectors = [collector("moving.example.org"), collector("192.0.2.9")];
        let mut route = Route::new(self.mode, MISSES);
        let (mut now, mut due, mut seq) = (Moment::ORIGIN, Moment::ORIGIN, Seq::FIRST);
        loop {
            while collectors[0].question(now).is_some() {
                collectors[0].resolved(self.answer(now), now);
            }
            if now == due {
                due = now + INTERVAL;
                if self.beat(&mut collectors, &mut route, seq, now) {
                    return now.since(self.told);
                }
                seq = seq.next().unwrap();
            }
            now = now.max(due.min(collectors[0].resolve_due()));
            assert!(now < self.told + 10 * MOST, "never found: {self:?}");
        }
    }

    fn answer(self, now: Moment) -> Resolved {
        let addresses = if now < self.told {
            &[BEFORE]
        } else {
            self.addresses
        };
        Resolved {
            collector: 0,
            addresses: Ok(addresses.iter().map(|text| text.parse().unwrap()).collect()),
        }
    }

    /// Beats, and says whether the first collector got it where it has moved to.
    fn beat(self, collectors: &mut [Collector; 2], route: &mut Route, seq: Seq, now: Moment) -> bool {
        collectors.iter_mut().for_each(Collector::judge);
        let targets = route.next(true, collectors.iter().map(Collector::standing));
        let now_us = u64::try_from(now.since(Moment::ORIGIN).as_micros()).unwrap();
        let mut is_found = false;
        for (place, collector) in collectors.iter_mut().enumerate() {
            if targets.include(place) {
                collector.ask(seq, now_us);
                let address = collector.address().unwrap();
                if place == 1 || address == self.place_at(now) {
                    assert!(collector.answer(seq, now_us, now_us, address).is_some());
                    is_found |= address == AFTER.parse().unwrap();
                }
            }
        }
        is_found
    }

    /// Where the collector answers.
    fn place_at(self, now: Moment) -> SocketAddr {
        let place = if now < self.left { BEFORE } else { AFTER };
        place.parse().unwrap()
    }
}

/// Moves at every second within six minutes, so at every phase of the beats, of the tries and of the questions that are
/// asked without need; and names that are late to tell.
fn expect_found_in_time(mode: Mode, addresses: &'static [&'static str]) {
    for left_after_s in 1..=360 {
        for told_after_s in (0..=120).step_by(3) {
            let left = Moment::ORIGIN + Duration::from_secs(left_after_s);
            let told = left + Duration::from_secs(told_after_s);
            let this = Move {
                mode,
                left,
                told,
                addresses,
            };
            let found_after = this.found_after();
            assert!(found_after <= MOST, "{found_after:?}: {this:?}");
        }
    }
}

#[test]
fn with_mode_all_a_collector_that_moves_is_found_within_a_minute() {
    expect_found_in_time(Mode::All, &[AFTER]);
    expect_found_in_time(Mode::All, &[DEAD, AFTER]);
}

#[test]
fn with_failover_a_collector_that_moves_is_found_within_a_minute() {
    expect_found_in_time(Mode::Failover, &[AFTER]);
    expect_found_in_time(Mode::Failover, &[DEAD, AFTER]);
}
