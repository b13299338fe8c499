//! What SIGUSR1 logs.

use beacon_common::Limit;
use log::info;

use crate::collector::Collector;
use crate::link::State;

/// The log target of the statistics, so that they are shown to whoever asks for them.
pub const LOG_TARGET: &str = "beacon_agent::statistics";

/// What the agent counts of itself; what it knows of each collector is there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statistics {
    /// Beats that the network took.
    pub beats: u64,
    /// Beats that it did not take for any collector.
    pub unsent: u64,
    /// Slots that went by while the device slept or starved.
    pub skipped: u64,
    /// How often that happened, and when it was told.
    pub skips: Limit,
    /// Probes that were answered.
    pub probes: u64,
    /// Datagrams that were no business of this agent.
    pub ignored: u64,
}

impl Statistics {
    /// Logs them, a line for the agent and one for each collector.
    pub fn log(&self, collectors: &[Collector]) {
        info!(
            target: LOG_TARGET,
            "beats {} unsent {} skipped {} probes {} ignored {}",
            self.beats, self.unsent, self.skipped, self.probes, self.ignored
        );
        for collector in collectors {
            info!(target: LOG_TARGET, "{}", describe(collector));
        }
    }
}

fn describe(collector: &Collector) -> String {
    let link = collector.link();
    let state = match (link.state(), collector.address()) {
        (_, None) => "unresolved",
        (State::Untried, _) => "not answered yet",
        (State::Answering, _) => "answering",
        (State::Lost, _) => "lost",
    };
    let mut text = format!(
        "{collector}: {state}; acks {} lost {}; {}",
        link.acks(),
        link.losses(),
        link.round_trips()
    );
    for (trouble, total) in collector.troubles() {
        text += &format!("; {trouble} {total}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use beacon_common::{Moment, Seq};

    #[test]
    fn a_collector_is_described_on_one_line() {
        let mut collector = Collector::new("192.0.2.1".parse().unwrap(), None, 3, Moment::ORIGIN);
        assert_eq!(
            describe(&collector),
            "192.0.2.1: not answered yet; acks 0 lost 0; no round trip"
        );
        collector.ask(Seq::FIRST, 0);
        let from = "192.0.2.1:7878".parse().unwrap();
        assert!(collector.answer(Seq::FIRST, 0, 250, from).is_some());
        assert_eq!(
            describe(&collector),
            "192.0.2.1: answering; acks 1 lost 0; round trip min 0.250 mean 0.250 max 0.250 last 0.250 \
             smoothed 0.250 ms"
        );
        let unresolved = Collector::new("a".parse().unwrap(), None, 3, Moment::ORIGIN);
        assert_eq!(
            describe(&unresolved),
            "a: unresolved; acks 0 lost 0; no round trip"
        );
    }
}
