//! A detector's quality over all its thresholds, taken at the same mean detection times for every detector.

use crate::detector::Family;
use crate::quality::Quality;
use crate::trace::Trace;

/// The mean detection times at which detectors are compared: so many intervals more than the mean delay of the
/// trace, so that 1 is the time until the next beat arrives.
pub(crate) const TIMES: [f64; 18] = [
    1.04, 1.08, 1.12, 1.25, 1.4, 1.5, 1.75, 1.9, 2.02, 2.1, 2.25, 2.5, 2.75, 3.05, 3.5, 4.0, 5.0, 6.0,
];

/// A detector on a trace.
pub(crate) struct Curve {
    /// Whose it is.
    pub(crate) name: &'static str,
    /// What it achieves at each of [`TIMES`]; `None` where it has no threshold for that.
    pub(crate) points: Vec<Option<Quality>>,
}

impl Curve {
    /// Takes the curve.
    pub(crate) fn trace(family: Family, trace: &Trace) -> Self {
        let delay = trace.mean_delay();
        Self {
            name: family.name,
            points: TIMES.iter().map(|time| family.at(trace, time + delay)).collect(),
        }
    }

    /// The least 99th percentile of the detection time at which there are no more than so many mistakes, between the
    /// points by interpolation.
    pub(crate) fn p99_with(&self, mistakes: f64) -> Option<f64> {
        let points: Vec<_> = self
            .points
            .iter()
            .flatten()
            .map(|point| (smoothed(point.mistakes), point.p99))
            .collect();
        let few_enough = points
            .iter()
            .filter(|point| point.0 <= mistakes)
            .map(|point| point.1);
        let crossings = points.windows(2).filter_map(|pair| {
            let [(more, before), (fewer, after)] = [pair[0], pair[1]];
            let part = (more / mistakes).ln() / (more / fewer).ln();
            (fewer <= mistakes && mistakes < more).then_some(before + (after - before) * part)
        });
        few_enough.chain(crossings).min_by(f64::total_cmp)
    }
}

/// Half a mistake more, so that none has a logarithm.
pub(crate) fn smoothed(mistakes: u64) -> f64 {
    mistakes as f64 + 0.5
}
