//! Quality of service as Chen, Toueg and Aguilera define it (2002, section 2): how fast, how often wrong, and for
//! how long (docs/judgement.md).

use crate::detector::Detector;
use crate::trace::Trace;

/// What a detector achieved on a trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    /// The mean detection time of a crash right after a sending, in intervals.
    pub(crate) mean: f64,
    /// Its 99th percentile, in intervals.
    pub(crate) p99: f64,
    /// Its 99.9th percentile, in intervals.
    pub(crate) p999: f64,
    /// How often a living sender turned from trusted to suspected.
    pub(crate) mistakes: u64,
    /// The same a day.
    pub(crate) mistakes_a_day: f64,
    /// How long a mistake lasted on average, in intervals.
    pub(crate) mistake_duration: f64,
    /// The share of the time in which the living sender was trusted.
    pub(crate) accuracy: f64,
}

/// The detection times, without the order statistics: what a search for a threshold needs.
pub(crate) fn mean_detection_time(trace: &Trace, detector: &mut dyn Detector) -> f64 {
    let mut total_us = 0;
    for (number, beat) in trace.beats.iter().enumerate() {
        let deadline_us = detector.heard(beat);
        if number >= trace.warm_up() {
            total_us += (deadline_us - beat.departed_us).max(0);
        }
    }
    total_us as f64 / (trace.beats.len() - trace.warm_up()) as f64 / trace.interval_us as f64
}

/// Runs a detector over a trace. After the last beat nothing is known, so that its deadline counts as a detection
/// time only.
pub(crate) fn measure(trace: &Trace, detector: &mut dyn Detector) -> Quality {
    let mut times_us = Vec::with_capacity(trace.beats.len());
    let (mut mistakes, mut suspected_us, mut was_suspected) = (0, 0, false);
    for (number, beat) in trace.beats.iter().enumerate() {
        let deadline_us = detector.heard(beat);
        if number < trace.warm_up() {
            continue;
        }
        times_us.push((deadline_us - beat.departed_us).max(0));
        let Some(next) = trace.beats.get(number + 1) else {
            break;
        };
        let is_suspected = deadline_us < next.arrived_us;
        if is_suspected {
            let is_new = !was_suspected || deadline_us > beat.arrived_us;
            mistakes += u64::from(is_new);
            suspected_us += next.arrived_us - deadline_us.max(beat.arrived_us);
        }
        was_suspected = is_suspected;
    }
    let interval_us = trace.interval_us as f64;
    let days = trace.days();
    Quality {
        mean: times_us.iter().sum::<i64>() as f64 / times_us.len() as f64 / interval_us,
        p99: percentile(&mut times_us, 0.99) as f64 / interval_us,
        p999: percentile(&mut times_us, 0.999) as f64 / interval_us,
        mistakes,
        mistakes_a_day: mistakes as f64 / days,
        mistake_duration: suspected_us as f64 / mistakes.max(1) as f64 / interval_us,
        accuracy: 1.0 - suspected_us as f64 / (days * 86_400e6),
    }
}

fn percentile(times_us: &mut [i64], share: f64) -> i64 {
    let rank = ((times_us.len() - 1) as f64 * share) as usize;
    *times_us.select_nth_unstable(rank).1
}
