//! Forged frames change counters and nothing else.

use beacon_collector::track::reject::Reject;
use beacon_tests::random::number_from_environment;
use beacon_tests::siege::Siege;

/// `BEACON_FORGED` sets how many frames are forged, `BEACON_SEED` what they are.
#[test]
fn forged_frames_are_counted_and_change_nothing() {
    let siege = Siege {
        forged: number_from_environment("BEACON_FORGED", 100_000),
        seed: number_from_environment("BEACON_SEED", 0x51e6e),
    };
    println!("{siege:?}");
    let repelled = siege
        .run()
        .unwrap_or_else(|difference| panic!("{siege:?}: {difference}"));
    println!("{repelled:?}");
    assert!(repelled.told >= 20, "hardly anything happened beside the flood");
    for reason in [
        Reject::Length,
        Reject::Magic,
        Reject::Version,
        Reject::Kind,
        Reject::Label,
        Reject::Interval,
        Reject::Key,
        Reject::Tag,
        Reject::Unkeyed,
    ] {
        let is_told = repelled.dropped.iter().any(|(told, _)| *told == reason);
        assert!(
            is_told || siege.forged < 100_000,
            "nothing is dropped for {reason:?}"
        );
    }
}
