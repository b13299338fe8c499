//! The goodbye: the last frame of a session, said until it is heard or three times.

use beacon_common::Reason;
use log::info;
use std::time::Duration;

use crate::clock;
use crate::collector::Collector;
use crate::link::Link;
use crate::route::{Mode, Targets};
use crate::run::Agent;

/// How often a goodbye is said in all…
const TIMES: u32 = 3;
/// …and how long each is given to be acked.
const EACH: Duration = Duration::from_millis(100);

impl Agent {
    /// Says goodbye to every collector; `sleep_ms` is the announced sleep, or 0 for good. All repeats are the
    /// same bytes under the same number, so that they count as one. With failover it goes where the next beat
    /// would have gone, and to all where no ack comes from there. Of a name that has several addresses each repeat
    /// goes to the next one. True where a collector acked it, or the network took it and no ack was asked for.
    pub(crate) fn say_goodbye(&mut self, reason: Reason, sleep_ms: u32) -> bool {
        let start = clock::now();
        let frame = self.beats.bye(start, reason, sleep_ms);
        let mut targets = self.next_targets(true);
        self.ask(&frame, Targets::All);
        let mut is_sent = false;
        for time in 1..=TIMES {
            is_sent |= self.send_to(&frame, start, |place, collector| {
                targets.include(place) && !collector.link().is_answered()
            });
            self.signals.leave_at_once();
            let is_last_word = time == TIMES && !frame.flags.want_ack;
            let until = start + EACH * time;
            while !is_last_word && !self.is_heard() && clock::now() < until {
                self.wait(until);
            }
            if self.is_heard() {
                break;
            }
            // Where no ack is asked for, none that stays out says anything about the address: only the network does,
            // and that is the collector's own business.
            if frame.flags.want_ack {
                self.turn_to_next_addresses(targets);
            }
            targets = Targets::All;
        }
        let links = self.collectors.iter().map(Collector::link);
        let acks = links.filter(|link| link.is_answered()).count();
        let collectors = self.collectors.len();
        let reason = reason.name();
        match (is_sent, frame.flags.want_ack) {
            (false, _) => info!("goodbye ({reason}): could not be sent"),
            (true, true) => info!("goodbye ({reason}): acked by {acks} of {collectors} collectors"),
            (true, false) => info!("goodbye ({reason}): sent"),
        }
        is_sent && (acks != 0 || !frame.flags.want_ack)
    }

    /// Whether it needs no repeating.
    fn is_heard(&self) -> bool {
        let mut links = self.collectors.iter().map(Collector::link);
        match self.route.mode() {
            Mode::All => links.all(Link::is_answered),
            Mode::Failover => links.any(Link::is_answered),
        }
    }
}
