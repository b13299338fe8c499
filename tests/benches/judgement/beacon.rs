//! This collector's own detector: its estimate of a source's arrivals, and the deadlines that follow from it
//! (docs/protocol.md, section 9).

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

/// The detector on one trace.
pub(crate) struct Beacon {
    interval_ms: u32,
    patience_us: i64,
    heard: Option<(Arrivals, Beat)>,
}

fn beacon(trace: &Trace, threshold: f64) -> Box<dyn Detector> {
    Box::new(Beacon::new(trace, threshold))
}

impl Beacon {
    pub(crate) fn new(trace: &Trace, threshold: f64) -> Self {
        Self {
            interval_ms: (trace.interval_us / 1_000) as u32,
            patience_us: (trace.interval_us as f64 * threshold) as i64,
            heard: None,
        }
    }

    /// Takes in a newer beat, and says when the next one is late.
    pub(crate) fn late(&mut self, beat: &Beat) -> i64 {
        let offset_us = beat.offset_us();
        let arrivals = match self.heard.take() {
            None => Arrivals::new(offset_us, self.interval_ms),
            Some((mut arrivals, last)) => {
                arrivals.observe(offset_us, spacing(&last, beat), self.interval_ms);
                arrivals
            }
        };
        let margin_us = arrivals.margin_us(Margin::Auto, self.interval_ms);
        let late_after_us = arrivals.expected_after_us(offset_us, beat.next_us, margin_us) + margin_us;
        self.heard = Some((arrivals, *beat));
        beat.arrived_us + up_to_whole_ms(late_after_us)
    }

    /// The safety margin now; none before the first beat.
    pub(crate) fn margin_us(&self) -> u64 {
        let arrivals = self.heard.as_ref();
        arrivals.map_or(0, |(arrivals, _)| {
            arrivals.margin_us(Margin::Auto, self.interval_ms)
        })
    }
}

impl Detector for Beacon {
    fn heard(&mut self, beat: &Beat) -> i64 {
        self.late(beat) + self.patience_us
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
const fn up_to_whole_ms(duration_us: u64) -> i64 {
    duration_us.div_ceil(1_000) as i64 * 1_000
}
