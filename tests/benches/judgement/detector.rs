//! What the benchmark asks of a failure detector.

use crate::quality::{Quality, mean_detection_time, measure};
use crate::trace::{Beat, Trace};

/// Mean detection times are the same within this part.
const SAME_MEAN: f64 = 0.005;

/// A failure detector that watches one sender.
pub(crate) trait Detector {
    /// Takes in a newer beat, and says until when the sender is trusted if nothing more comes, on the collector's
    /// clock in microseconds.
    fn heard(&mut self, beat: &Beat) -> i64;
}

/// A detector with its threshold left open.
#[derive(Clone, Copy)]
pub(crate) struct Family {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Makes one for a trace; a higher threshold trusts for longer.
    pub(crate) with_threshold: fn(&Trace, f64) -> Box<dyn Detector>,
    /// The threshold below which it does not make sense.
    pub(crate) least_threshold: f64,
}

impl Family {
    /// What it achieves on this trace with the threshold at which the mean detection time is `mean` intervals; `None`
    /// where it has none, or its mean leaps over that from one threshold to the next.
    pub(crate) fn at(&self, trace: &Trace, mean: f64) -> Option<Quality> {
        let threshold = self.threshold_for(trace, mean)?;
        let quality = measure(trace, &mut *(self.with_threshold)(trace, threshold));
        ((quality.mean - mean).abs() < SAME_MEAN * mean).then_some(quality)
    }

    /// The threshold at which the mean detection time on this trace is `mean` intervals, within 0.01 %; `None` where
    /// there is none.
    ///
    /// The mean is almost linear in the threshold, which makes false position quick; every other step halves, which
    /// makes it certain.
    fn threshold_for(&self, trace: &Trace, mean: f64) -> Option<f64> {
        let mean_at =
            |threshold: f64| mean_detection_time(trace, &mut *(self.with_threshold)(trace, threshold));
        let (mut low, mut high) = (self.least_threshold, 4.0);
        let mut mean_low = mean_at(low);
        if mean_low > mean {
            return None;
        }
        let mut mean_high = mean_at(high);
        while mean_high < mean {
            (low, mean_low) = (high, mean_high);
            high *= 2.0;
            if high > 1e6 {
                return None;
            }
            mean_high = mean_at(high);
        }
        for step in 0..60 {
            let part = if step % 3 == 2 {
                0.5
            } else {
                (mean - mean_low) / (mean_high - mean_low)
            };
            let threshold = low + (high - low) * part;
            let reached = mean_at(threshold);
            if (reached - mean).abs() < mean * 1e-4 || high - low < 1e-9 {
                return Some(threshold);
            }
            if reached < mean {
                (low, mean_low) = (threshold, reached);
            } else {
                (high, mean_high) = (threshold, reached);
            }
        }
        Some(f64::midpoint(low, high))
    }
}
