//! What a detector gets to see of a sender: the beats that arrived, in the order of their arrival.

use crate::ways::Ways;

/// One beat that was the newest when it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beat {
    /// What the frame says: the sending on the sender's clock, in microseconds.
    pub(crate) sent_us: u64,
    /// What the frame says: its sequence number.
    pub(crate) seq: u64,
    /// What the frame says: whether slots of the schedule passed before it was sent.
    pub(crate) is_after_skipped: bool,
    /// What the frame promises: the next sending, so many microseconds after this one.
    pub(crate) next_us: u64,
    /// The sending on the collector's clock, as far as it is known.
    pub(crate) departed_us: i64,
    /// The arrival on the collector's clock.
    pub(crate) arrived_us: i64,
}

impl Beat {
    /// The collector's clock minus the sender's, modulo 2^64.
    pub(crate) const fn offset_us(&self) -> i64 {
        self.arrived_us.wrapping_sub(self.sent_us as i64)
    }
}

/// A sending and what became of it.
pub(crate) struct Sending {
    /// The sending; `arrived_us` counts only where it arrived.
    pub(crate) beat: Beat,
    /// Whether it was lost.
    pub(crate) is_lost: bool,
}

/// The history of one sender that was alive throughout.
pub(crate) struct Trace {
    /// What the trace is called.
    pub(crate) name: String,
    /// The nominal interval.
    pub(crate) interval_us: u64,
    /// The beats, by arrival. A beat that was overtaken says nothing new, and is left out for every detector.
    pub(crate) beats: Vec<Beat>,
    /// What probes meet.
    pub(crate) ways: Box<dyn Ways>,
}

impl Trace {
    /// Sorts the sendings by arrival, and leaves out the lost and the overtaken ones.
    pub(crate) fn new(
        name: impl Into<String>,
        interval_us: u64,
        mut sendings: Vec<Sending>,
        ways: Box<dyn Ways>,
    ) -> Self {
        sendings.retain(|sending| !sending.is_lost);
        sendings.sort_by_key(|sending| (sending.beat.arrived_us, sending.beat.seq));
        let mut highest = None;
        sendings.retain(|sending| {
            let is_newest = highest < Some(sending.beat.seq);
            highest = highest.max(Some(sending.beat.seq));
            is_newest
        });
        let beats = sendings.into_iter().map(|sending| sending.beat).collect();
        Self {
            name: name.into(),
            interval_us,
            beats,
            ways,
        }
    }

    /// So many of the first beats only warm the detectors up.
    pub(crate) fn warm_up(&self) -> usize {
        if self.beats.len() < 10_000 { 64 } else { 1_100 }
    }

    /// The mean time from a sending to its arrival, in intervals.
    pub(crate) fn mean_delay(&self) -> f64 {
        let delays_us = self
            .beats
            .iter()
            .map(|beat| (beat.arrived_us - beat.departed_us) as f64);
        delays_us.sum::<f64>() / self.beats.len() as f64 / self.interval_us as f64
    }

    /// The days over which mistakes are counted.
    pub(crate) fn days(&self) -> f64 {
        let counted = &self.beats[self.warm_up()..];
        let span_us = counted
            .last()
            .map_or(0, |last| last.arrived_us - counted[0].arrived_us);
        span_us as f64 / 86_400e6
    }
}
