//! Trackers that expect sources, for the tests of the inventory.

use std::time::Duration;

use beacon_collector::track::config::Config;
use beacon_collector::track::event::State;
use beacon_collector::track::inventory::Expected;
use beacon_common::Frame;
use beacon_tests::stage::{Stage, at, label};

/// How long whoever is expected has time to be heard.
pub(crate) const SETTLE_MS: u64 = 60_000;

pub(crate) fn config() -> Config {
    Config {
        settle: Duration::from_millis(SETTLE_MS),
        ..Config::default()
    }
}

/// Those called so, `fridge-7` being of the kitchen.
pub(crate) fn expected<T: AsRef<str>>(names: &[T]) -> Vec<Expected> {
    let expected = |name: &T| Expected {
        label: label(name.as_ref()),
        group: (name.as_ref() == "fridge-7").then(|| "kitchen".into()),
    };
    names.iter().map(expected).collect()
}

/// Those called so are expected from the start on.
pub(crate) fn expecting<T: AsRef<str>>(config: Config, names: &[T]) -> Stage {
    let mut stage = Stage::new(config);
    stage.tracker.expect(expected(names), at(0));
    stage
}

/// The same frame of another source.
pub(crate) fn called(name: &str, frame: Frame) -> Frame {
    Frame {
        label: label(name),
        ..frame
    }
}

/// How many are unknown, down and up.
pub(crate) fn states(stage: &Stage) -> [u64; 3] {
    [State::Unknown, State::Down, State::Up].map(|state| stage.count(state))
}
