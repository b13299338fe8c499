//! The detectors that this one is compared with, each as its paper or its best-known program has it.
//!
//! Those that reason about the sender's schedule (Chen, Bertier, 2W-FD) number the beats and take the interval as
//! fixed in their papers. Here they are told what our own detector is told, the sender's clock and its promise,
//! which serves them better: they do not lose their bearings when a sender skips a slot.

use crate::detector::{Detector, Family};
use crate::trace::{Beat, Trace};
use crate::window::Window;

/// The window of Chen, Bertier, 2W-FD and both phi accrual detectors.
const WINDOW: usize = 1_000;

/// All of them.
pub(crate) const FAMILIES: [Family; 6] = [
    Family {
        name: "fixed timeout",
        with_threshold: fixed_timeout,
        least_threshold: 0.0,
    },
    Family {
        name: "Chen NFD-E",
        with_threshold: chen,
        least_threshold: -4.0,
    },
    Family {
        name: "Bertier",
        with_threshold: bertier,
        least_threshold: -4.0,
    },
    Family {
        name: "phi normal",
        with_threshold: phi_normal,
        least_threshold: 0.0,
    },
    Family {
        name: "phi exponential",
        with_threshold: phi_exponential,
        least_threshold: 0.0,
    },
    Family {
        name: "2W-FD",
        with_threshold: two_windows,
        least_threshold: -4.0,
    },
];

/// Threshold intervals after the last arrival, whenever it came: BFD's detection time (RFC 5880, section 6.8.4).
struct FixedTimeout {
    timeout_us: i64,
}

fn fixed_timeout(trace: &Trace, threshold: f64) -> Box<dyn Detector> {
    Box::new(FixedTimeout {
        timeout_us: intervals_us(trace, threshold),
    })
}

impl Detector for FixedTimeout {
    fn heard(&mut self, beat: &Beat) -> i64 {
        beat.arrived_us + self.timeout_us
    }
}

/// The mean offset between the two clocks, and with it when the next beat is expected (Chen, Toueg and Aguilera
/// 2002, section 6.3).
struct ExpectedArrival {
    offsets: Window,
    origin_us: Option<i64>,
}

impl ExpectedArrival {
    fn new() -> Self {
        Self {
            offsets: Window::new(WINDOW),
            origin_us: None,
        }
    }

    fn after(&mut self, beat: &Beat) -> i64 {
        let offset_us = beat.offset_us();
        // From the first offset on, so that squares of clock offsets do not overflow.
        let origin_us = *self.origin_us.get_or_insert(offset_us);
        self.offsets.push(offset_us - origin_us);
        let mean_us = origin_us + self.offsets.mean().round() as i64;
        (beat.sent_us + beat.next_us) as i64 + mean_us
    }
}

/// NFD-E (2002, section 6.3): the expected arrival and a constant.
struct Chen {
    expected: ExpectedArrival,
    margin_us: i64,
}

fn chen(trace: &Trace, threshold: f64) -> Box<dyn Detector> {
    Box::new(Chen {
        expected: ExpectedArrival::new(),
        margin_us: intervals_us(trace, threshold),
    })
}

impl Detector for Chen {
    fn heard(&mut self, beat: &Beat) -> i64 {
        self.expected.after(beat) + self.margin_us
    }
}

/// Bertier, Marin and Sens (2002): the expected arrival and Jacobson's estimate of its error, with γ = 0.1, β = 1,
/// φ = 4. The paper has no threshold; a constant on top serves it better than a larger φ.
struct Bertier {
    expected: ExpectedArrival,
    expected_us: Option<i64>,
    delay_us: f64,
    variation_us: f64,
    extra_us: i64,
}

fn bertier(trace: &Trace, threshold: f64) -> Box<dyn Detector> {
    Box::new(Bertier {
        expected: ExpectedArrival::new(),
        expected_us: None,
        delay_us: 0.0,
        variation_us: 0.0,
        extra_us: intervals_us(trace, threshold),
    })
}

impl Detector for Bertier {
    fn heard(&mut self, beat: &Beat) -> i64 {
        if let Some(expected_us) = self.expected_us {
            let error_us = (beat.arrived_us - expected_us) as f64 - self.delay_us;
            self.delay_us += 0.1 * error_us;
            self.variation_us += 0.1 * (error_us.abs() - self.variation_us);
        }
        let expected_us = self.expected.after(beat);
        self.expected_us = Some(expected_us);
        expected_us + (self.delay_us + 4.0 * self.variation_us).round() as i64 + self.extra_us
    }
}

/// Phi accrual of Hayashibara and others (2004) as Akka has it: a window of a thousand intervals begun with two
/// guesses, a logistic approximation of the normal distribution, a standard deviation of at least a tenth of the
/// interval (100 ms of 1 s), and no interval learned that was suspected. The acceptable pause is 0: it would add
/// what a higher threshold adds.
struct PhiNormal {
    intervals: Window,
    least_deviation_us: f64,
    deviations: f64,
    last: Option<(i64, i64)>,
}

fn phi_normal(trace: &Trace, threshold: f64) -> Box<dyn Detector> {
    let interval_us = trace.interval_us as i64;
    let mut intervals = Window::new(WINDOW);
    intervals.push(interval_us - interval_us / 4);
    intervals.push(interval_us + interval_us / 4);
    Box::new(PhiNormal {
        intervals,
        least_deviation_us: interval_us as f64 / 10.0,
        deviations: deviations_for(threshold),
        last: None,
    })
}

/// After how many standard deviations phi reaches the threshold: the y at which
/// 10^-phi = e / (1 + e), with e = exp(-y (1.5976 + 0.070566 y^2)).
fn deviations_for(phi: f64) -> f64 {
    let exponent = (10_f64.powf(phi.min(300.0)) - 1.0).max(1e-12).ln();
    let exponent = if phi > 300.0 {
        phi * std::f64::consts::LN_10
    } else {
        exponent
    };
    let (mut low, mut high) = (-100.0_f64, 1_000.0_f64);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if middle * (1.5976 + 0.070_566 * middle * middle) < exponent {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

impl Detector for PhiNormal {
    fn heard(&mut self, beat: &Beat) -> i64 {
        if let Some((arrived_us, deadline_us)) = self.last
            && beat.arrived_us <= deadline_us
        {
            self.intervals.push(beat.arrived_us - arrived_us);
        }
        let deviation_us = self.intervals.deviation().max(self.least_deviation_us);
        let silence_us = self.intervals.mean() + self.deviations * deviation_us;
        let deadline_us = beat.arrived_us + silence_us.round() as i64;
        self.last = Some((beat.arrived_us, deadline_us));
        deadline_us
    }
}

/// Phi accrual as Cassandra has it: exponential intervals, of which those longer than twice the usual one are not
/// learned, so that phi is the silence in mean intervals, divided by ln 10.
struct PhiExponential {
    intervals: Window,
    longest_us: i64,
    means: f64,
    arrived_us: Option<i64>,
}

fn phi_exponential(trace: &Trace, threshold: f64) -> Box<dyn Detector> {
    let longest_us = trace.interval_us as i64 * 2;
    let mut intervals = Window::new(WINDOW);
    intervals.push(longest_us);
    let means = threshold * std::f64::consts::LN_10;
    Box::new(PhiExponential {
        intervals,
        longest_us,
        means,
        arrived_us: None,
    })
}

impl Detector for PhiExponential {
    fn heard(&mut self, beat: &Beat) -> i64 {
        if let Some(arrived_us) = self.arrived_us {
            let interval_us = beat.arrived_us - arrived_us;
            if interval_us <= self.longest_us {
                self.intervals.push(interval_us);
            }
        }
        self.arrived_us = Some(beat.arrived_us);
        beat.arrived_us + (self.means * self.intervals.mean()).round() as i64
    }
}

/// 2W-FD of Tomsic and others (2015): the later of two expected arrivals, by the last beat and by the last thousand.
struct TwoWindows {
    expected: ExpectedArrival,
    margin_us: i64,
}

fn two_windows(trace: &Trace, threshold: f64) -> Box<dyn Detector> {
    Box::new(TwoWindows {
        expected: ExpectedArrival::new(),
        margin_us: intervals_us(trace, threshold),
    })
}

impl Detector for TwoWindows {
    fn heard(&mut self, beat: &Beat) -> i64 {
        let by_the_last_us = beat.arrived_us + beat.next_us as i64;
        self.expected.after(beat).max(by_the_last_us) + self.margin_us
    }
}

fn intervals_us(trace: &Trace, threshold: f64) -> i64 {
    (threshold * trace.interval_us as f64).round() as i64
}
