//! The figures of one load.

use std::fmt;

use beacon_tests::measure::{Table, Window, median};

use crate::receiver::Receiver;

/// What was measured of each receiver.
#[derive(Default)]
pub(crate) struct Report {
    windows: Vec<(Receiver, Window)>,
    complaints: Vec<String>,
}

impl Report {
    pub(crate) fn add(&mut self, receiver: Receiver, window: Window, complaint: Option<String>) {
        let complaint = complaint.map(|what| format!("{}: {what}", receiver.name()));
        self.complaints.extend(complaint);
        self.windows.push((receiver, window));
    }

    fn of(&self, receiver: Receiver) -> impl Iterator<Item = &Window> {
        self.windows
            .iter()
            .filter(move |(one, _)| *one == receiver)
            .map(|(_, window)| window)
    }

    fn median(&self, receiver: Receiver, what: impl Fn(&Window) -> f64) -> f64 {
        median(self.of(receiver).map(what))
    }

    /// The median of the ratios to the loop that was measured in the same round.
    fn ratio(&self, receiver: Receiver, to: Receiver) -> f64 {
        let pairs = self.of(receiver).zip(self.of(to));
        median(pairs.map(|(one, other)| one.nanos_each() / other.nanos_each()))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([
            "receiver",
            "ns each",
            "least",
            "most",
            "/ a",
            "own code",
            "received/s",
            "dropped",
            "slips",
        ]);
        for receiver in Receiver::ALL {
            let nanos: Vec<_> = self.of(receiver).map(Window::nanos_each).collect();
            let dropped: u64 = self.of(receiver).map(|window| window.drops).sum();
            let slips: u64 = self.of(receiver).map(|window| window.tally.slips).sum();
            table.row([
                receiver.name().to_owned(),
                format!("{:.0}", median(nanos.iter().copied())),
                format!("{:.0}", nanos.iter().copied().fold(f64::INFINITY, f64::min)),
                format!("{:.0}", nanos.iter().copied().fold(0.0, f64::max)),
                format!("{:.2}", self.ratio(receiver, Receiver::Bare)),
                format!(
                    "{:.0} %",
                    100.0 * self.median(receiver, |window| window.usage.user_share())
                ),
                format!("{:.0}", self.median(receiver, Window::rate)),
                dropped.to_string(),
                slips.to_string(),
            ]);
        }
        write!(f, "{table}")?;
        let answering = self.ratio(Receiver::Acks, Receiver::BareAnswering);
        writeln!(f, "\nd / bare recvmmsg and sendmmsg: {answering:.2}")?;
        self.complaints
            .iter()
            .try_for_each(|complaint| writeln!(f, "{complaint}"))
    }
}
