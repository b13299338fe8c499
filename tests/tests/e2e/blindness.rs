//! A collector that is stopped for a while blames nobody for what it did not hear.

use std::time::Duration;

use beacon_tests::e2e::{Blindfold, VICTIM, Witness};

use super::told_within_ms;

/// The bigger run is `cargo run --release -p beacon-tests --bin blindness`.
#[test]
fn a_stopped_collector_calls_nobody_down_but_who_died_meanwhile() {
    let witness = Witness::start();
    for workers in ["1", "3"] {
        let blindfold = Blindfold {
            sources: 300,
            interval: Duration::from_millis(500),
            stop: Duration::from_secs(3),
            // A margin that does not follow the arrivals keeps the load of the machine from making anybody late.
            arguments: &["--workers", workers, "--margin", "250ms"],
        };
        let blamed = blindfold.run().unwrap();
        let [blind] = blamed.all("blind")[..] else {
            panic!("{workers} workers tell of it once: {:#?}", blamed.all("blind"));
        };
        assert_eq!(blind.what(), "blind stalled");
        assert!((2_500..20_000).contains(&blind.number("blind_ms")), "{blind}");
        let [down] = blamed.all("down")[..] else {
            panic!("{workers} workers, one died: {:#?}", blamed.all("down"));
        };
        assert_eq!(down.source(), Some(VICTIM));
        let up = blamed
            .all("up")
            .into_iter()
            .find(|line| line.source() == Some(VICTIM));
        let bound_ms = up.map_or(0, |up| up.number("bound_ms"));
        let took_ms = down.micros_since(blind) / 1_000;
        assert!(
            took_ms <= bound_ms + told_within_ms(&witness),
            "{took_ms} ms after the blindness, of {bound_ms}: {down}"
        );
        assert_eq!(blamed.all("mass_loss").len(), 0);
    }
}
