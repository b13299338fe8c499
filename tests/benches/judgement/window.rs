//! The mean and the variance of the last samples.

use std::collections::VecDeque;

/// The last so many samples, in microseconds. Sums are exact, so that nothing builds up over millions of beats.
pub(crate) struct Window {
    samples: VecDeque<i64>,
    size: usize,
    sum: i128,
    squares: i128,
}

impl Window {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            samples: VecDeque::with_capacity(size),
            size,
            sum: 0,
            squares: 0,
        }
    }

    pub(crate) fn push(&mut self, sample: i64) {
        if self.samples.len() == self.size
            && let Some(oldest) = self.samples.pop_front()
        {
            self.sum -= i128::from(oldest);
            self.squares -= i128::from(oldest) * i128::from(oldest);
        }
        self.samples.push_back(sample);
        self.sum += i128::from(sample);
        self.squares += i128::from(sample) * i128::from(sample);
    }

    /// The mean; zero of none.
    pub(crate) fn mean(&self) -> f64 {
        self.sum as f64 / self.samples.len().max(1) as f64
    }

    /// The population's standard deviation.
    pub(crate) fn deviation(&self) -> f64 {
        let count = self.samples.len().max(1) as i128;
        let variance = (count * self.squares - self.sum * self.sum) as f64 / (count * count) as f64;
        variance.max(0.0).sqrt()
    }
}
