//! What the benches measure with: real processes under a load, seen from outside.
//!
//! A receiver runs on one core and the load on another. What the receiver was handed is what was sent less what
//! its sockets dropped, so that nothing is asked of it but to receive.

mod conclude;
mod cores;
mod machine;
mod process;
mod sockets;
mod table;
mod window;

pub use conclude::conclude;
pub use cores::{LOAD_CORE, pin, spawn_pinned};
pub use machine::machine;
pub use process::Usage;
pub use sockets::{Queues, free_port, wait_until_bound};
pub use table::Table;
pub use window::{Window, measure};

/// The middle one of `values`, or the mean of the two in the middle; 0 where there are none.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        len => f64::midpoint(values[(len - 1) / 2], values[len / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median([]), 0.0);
    }
}
