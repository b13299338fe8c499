//! This collector's own detector: its estimate of a source's arrivals, and the deadlines that follow from it
//! (docs/protocol.md, section 9).

use beacon_collector::track::arrival::{Arrivals, Schedule, Spacing};
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
    /// M - 1 intervals.
    waited_us: u64,
    heard: Option<Heard>,
}

/// The newest beat, and what came before it.
struct Heard {
    arrivals: Arrivals,
    first_seq: u64,
    last: Beat,
}

/// What follows from a beat.
pub(crate) struct Deadlines {
    pub(crate) late_us: i64,
    pub(crate) down_us: i64,
    /// The time from when the next beat is expected to the late deadline.
    pub(crate) margin_us: i64,
    /// The same to the down deadline.
    pub(crate) patience_us: i64,
}

fn beacon(trace: &Trace, threshold: f64) -> Box<dyn Detector> {
    Box::new(Beacon::new(trace, threshold))
}

impl Beacon {
    pub(crate) fn new(trace: &Trace, threshold: f64) -> Self {
        Self {
            interval_ms: (trace.interval_us / 1_000) as u32,
            waited_us: (trace.interval_us as f64 * threshold).round() as u64,
            heard: None,
        }
    }

    /// Takes in a newer beat, and says what follows from it.
    pub(crate) fn judge(&mut self, beat: &Beat) -> Deadlines {
        let heard = match self.heard.take() {
            None => Heard {
                arrivals: Arrivals::new(beat.offset_us(), self.interval_ms),
                first_seq: beat.seq,
                last: *beat,
            },
            Some(mut heard) => {
                let spacing = self.spacing(&heard, beat);
                heard
                    .arrivals
                    .observe(beat.offset_us(), spacing, self.interval_ms);
                heard.last = *beat;
                heard
            }
        };
        let (arrivals, schedule) = (heard.arrivals, self.schedule(beat));
        self.heard = Some(heard);
        let awaited = arrivals.awaited(schedule, Margin::Auto);
        let patience_us = arrivals.patience_us(self.waited_us, schedule, Margin::Auto);
        let down_us = awaited.expected_us + patience_us;
        let late_us = awaited.expected_us + awaited.margin_us;
        Deadlines {
            late_us: beat.arrived_us + up_to_whole_ms(late_us),
            down_us: beat.arrived_us + up_to_whole_ms(down_us),
            margin_us: awaited.margin_us as i64,
            patience_us: patience_us as i64,
        }
    }

    const fn schedule(&self, beat: &Beat) -> Schedule {
        Schedule {
            offset_us: beat.offset_us(),
            next_us: beat.next_us,
            interval_ms: self.interval_ms,
        }
    }

    /// What lies between the newest beat so far and this one.
    fn spacing(&self, heard: &Heard, beat: &Beat) -> Spacing {
        let last = &heard.last;
        Spacing {
            schedule: self.schedule(last),
            margin: Margin::Auto,
            sent_us: beat.sent_us.saturating_sub(last.sent_us),
            arrived_us: beat.arrived_us.saturating_sub(last.arrived_us) as u64,
            is_next: beat.seq == last.seq + 1 && !beat.is_after_skipped,
            is_awaited: true,
            beats: beat.seq - heard.first_seq + 1,
        }
    }
}

impl Detector for Beacon {
    fn heard(&mut self, beat: &Beat) -> i64 {
        self.judge(beat).down_us
    }
}

/// Deadlines lie whole milliseconds after the arrival. In microseconds.
const fn up_to_whole_ms(duration_us: u64) -> i64 {
    duration_us.div_ceil(1_000) as i64 * 1_000
}
