//! This collector's own detector: its estimate of a source's arrivals, and the deadlines that follow from it
//! (docs/protocol.md, section 9).

use std::time::Duration;

use beacon_collector::track::arrival::{Arrivals, Spacing};
use beacon_collector::track::config::Margin;

use crate::detector::{Detector, Family};
use crate::trace::{Beat, Trace};

/// The detector with the detect multiplier left open: the threshold is M - 1, which here need not be whole.
pub(crate) const FAMILY: Family = Family {
    name: "beacon",
    with_threshold: beacon,
    least_threshold: 0.0,
};

struct Beacon {
    interval: Duration,
    patience: Duration,
    heard: Option<(Arrivals, Beat)>,
}

fn beacon(trace: &Trace, threshold: f64) -> Box<dyn Detector> {
    let interval = Duration::from_micros(trace.interval_us);
    Box::new(Beacon {
        interval,
        patience: interval.mul_f64(threshold),
        heard: None,
    })
}

impl Detector for Beacon {
    fn heard(&mut self, beat: &Beat) -> i64 {
        let offset_us = beat.offset_us();
        let arrivals = match self.heard.take() {
            None => Arrivals::new(offset_us, self.interval),
            Some((mut arrivals, last)) => {
                arrivals.observe(offset_us, spacing(&last, beat), self.interval);
                arrivals
            }
        };
        let margin = arrivals.margin(Margin::Auto, self.interval);
        let promised = Duration::from_micros(beat.next_us);
        let late_after = arrivals.expected_after(offset_us, promised, margin) + margin;
        self.heard = Some((arrivals, *beat));
        beat.arrived_us + up_to_whole_ms(late_after) + self.patience.as_micros() as i64
    }
}

/// What lies between two beats, each the newest when it came.
fn spacing(last: &Beat, beat: &Beat) -> Spacing {
    let sent_us = beat.sent_us.saturating_sub(last.sent_us);
    let is_next = beat.seq == last.seq + 1 && !beat.is_after_skipped;
    let promised_us = if is_next { last.next_us } else { u64::MAX };
    Spacing {
        sent_us,
        arrived_us: beat.arrived_us.saturating_sub(last.arrived_us) as u64,
        sender_late_us: sent_us.saturating_sub(promised_us),
    }
}

/// The late deadline lies whole milliseconds after the arrival. In microseconds.
fn up_to_whole_ms(duration: Duration) -> i64 {
    duration.as_micros().div_ceil(1_000) as i64 * 1_000
}
