//! What each way costs.

use std::fmt;

use beacon_tests::measure::{Table, Window, median};

use crate::way::Way;

/// What was measured of each way, round after round.
#[derive(Default)]
pub(crate) struct Report {
    windows: [Vec<Window>; Way::ALL.len()],
}

impl Report {
    pub(crate) fn add(&mut self, way: usize, window: Window) {
        self.windows[way].push(window);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reference = &self.windows[Way::REFERENCE];
        let against = format!("/ {}", Way::ALL[Way::REFERENCE].name);
        let mut table = Table::new(["way", "ns each", "least", "most", &against, "dropped", "slips"]);
        for (way, windows) in Way::ALL.iter().zip(&self.windows) {
            let nanos = || windows.iter().map(Window::nanos_each);
            let pairs = windows.iter().zip(reference);
            let ratios = pairs.map(|(one, other)| one.nanos_each() / other.nanos_each());
            table.row([
                way.name.to_owned(),
                format!("{:.0}", median(nanos())),
                format!("{:.0}", nanos().fold(f64::INFINITY, f64::min)),
                format!("{:.0}", nanos().fold(0.0, f64::max)),
                format!("{:.2}", median(ratios)),
                windows.iter().map(|window| window.drops).sum::<u64>().to_string(),
                windows
                    .iter()
                    .map(|window| window.tally.slips)
                    .sum::<u64>()
                    .to_string(),
            ]);
        }
        write!(f, "{table}")
    }
}
