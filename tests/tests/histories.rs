//! The tracker and the naive model say the same of ten thousand random histories.

use std::collections::BTreeMap;

use beacon_tests::player::Player;
use beacon_tests::random::number_from_environment;

/// `BEACON_SEED` sets the seed of the first history, `BEACON_HISTORIES` how many there are; history n has the
/// seed of the first plus n, so that a single one is repeated with its seed and one history.
#[test]
fn tracker_and_model_tell_the_same_of_random_histories() {
    let first = number_from_environment("BEACON_SEED", 0x00be_ac07);
    let count = number_from_environment("BEACON_HISTORIES", 10_000);
    let mut believed = 0;
    let mut told: BTreeMap<_, u64> = BTreeMap::new();
    let seeds = (0..count).map(|n| first.wrapping_add(n));
    for seed in seeds.chain(ONCE_TOLD_APART) {
        let mut player = Player::new(seed);
        if let Err(difference) = player.play() {
            panic!("BEACON_SEED={seed} BEACON_HISTORIES=1 repeats this: {difference}");
        }
        believed += player.believed;
        for (gist, times) in player.told {
            *told.entry(gist).or_default() += times;
        }
    }
    println!("{count} histories from seed {first}, {believed} replies believed:");
    told.iter()
        .for_each(|((event, cause), times)| println!("{times:9} {event} {cause}"));
    if count >= 10_000 {
        assert!(believed >= 10_000, "hardly anyone answers");
        for gist in EVERY_EDGE {
            assert!(
                told.get(&gist).is_some_and(|&times| times >= 100),
                "{gist:?} is hardly ever told"
            );
        }
    }
}

/// A source that flaps is steady, then down, in a time for which the collector was blind.
const ONCE_TOLD_APART: [u64; 1] = [777_006_478];

/// Random histories prove nothing of an edge that they never take.
const EVERY_EDGE: [(&str, &str); 29] = [
    ("up", "new"),
    ("up", "back"),
    ("up", "restart"),
    ("up", "awake"),
    ("late", "silent"),
    ("late", "overslept"),
    ("down", "silent"),
    ("down", "overslept"),
    ("down", "never"),
    ("stopped", "stop"),
    ("stopped", "reboot"),
    ("stopped", "upgrade"),
    ("asleep", "sleep"),
    ("restarted", "reboot"),
    ("restarted", "process"),
    ("restarted", "renewed"),
    ("moved", "-"),
    ("status", "-"),
    ("forgotten", "-"),
    ("duplicate_label", "-"),
    ("flapping", "silent"),
    ("steady", "silent"),
    ("steady", "back"),
    ("steady", "stop"),
    ("report", "silent"),
    ("state", "never"),
    ("blind", "stalled"),
    ("mass_loss", "-"),
    ("mass_over", "-"),
];
