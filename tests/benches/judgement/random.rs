//! Seeded randomness: the same seed gives the same trace on every machine.

use std::f64::consts::TAU;

use beacon_tests::random::Random as Numbers;

/// The distributions that worlds are made of, over the numbers that all tests use.
pub(crate) struct Random(Numbers);

impl Random {
    /// A generator of its own for each `seed`.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Numbers::new(seed))
    }

    /// Uniform from 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True once in `times` on average.
    pub(crate) fn once_in(&mut self, times: f64) -> bool {
        self.chance(1.0 / times)
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Uniform from `low` to below `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Exponential with this mean.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Standard normal (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (TAU * self.unit()).cos()
    }

    /// Pareto from `least` with this shape, cut off at `most`.
    pub(crate) fn pareto(&mut self, least: f64, shape: f64, most: f64) -> f64 {
        (least / (1.0 - self.unit()).powf(1.0 / shape)).min(most)
    }
}
