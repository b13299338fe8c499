//! The goodbye: the last frame of a session, said until it is heard or three times.

use beacon_common::Reason;
use log::info;
use std::time::Duration;

use crate::clock;
use crate::run::Agent;

/// How often a goodbye is said in all…
const TIMES: u32 = 3;
/// …and how long each is given to be acked.
const EACH: Duration = Duration::from_millis(100);

impl Agent {
    /// Says goodbye to every collector; `sleep_ms` is the announced sleep, or 0 for good. All repeats are the
    /// same bytes under the same number, so that they count as one. True where a collector acked it, or the
    /// network took it and no ack was asked for.
    pub(crate) fn say_goodbye(&mut self, reason: Reason, sleep_ms: u32) -> bool {
        let start = clock::now();
        let frame = self.beats.bye(start, reason, sleep_ms);
        self.ask(&frame);
        let mut is_sent = false;
        for time in 1..=TIMES {
            is_sent |= self.send_to(&frame, start, |collector| !collector.link().is_answered());
            self.signals.leave_at_once();
            let is_last_word = time == TIMES && !frame.flags.want_ack;
            let until = start + EACH * time;
            while !is_last_word && !self.is_answered_by_all() && clock::now() < until {
                self.wait(until);
            }
        }
        let acks = self
            .collectors
            .iter()
            .filter(|collector| collector.link().is_answered())
            .count();
        let collectors = self.collectors.len();
        let reason = reason.name();
        match (is_sent, frame.flags.want_ack) {
            (false, _) => info!("goodbye ({reason}): could not be sent"),
            (true, true) => info!("goodbye ({reason}): acked by {acks} of {collectors} collectors"),
            (true, false) => info!("goodbye ({reason}): sent"),
        }
        is_sent && (acks != 0 || !frame.flags.want_ack)
    }

    fn is_answered_by_all(&self) -> bool {
        self.collectors
            .iter()
            .all(|collector| collector.link().is_answered())
    }
}
