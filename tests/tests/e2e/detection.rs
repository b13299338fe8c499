//! How soon a death is told: fifty of them, at random moments.

use std::time::Duration;

use beacon_tests::e2e::{Agent, Collector, Limit, Witness};
use beacon_tests::random::{Random, number_from_environment};

use super::{FAST, told_within_ms};

const ROUNDS: usize = 5;
const DEATHS_A_ROUND: usize = 10;

#[test]
fn fifty_deaths_are_told_within_the_bound_and_disturb_nobody() {
    let seed = number_from_environment("BEACON_SEED", 50);
    println!("BEACON_SEED={seed}");
    let mut random = Random::new(seed);
    let witness = Witness::start();
    // A margin that does not follow the arrivals keeps the load of the machine from making anybody late.
    let mut collector = Collector::start("127.0.0.1:0", &["--margin", "100ms"]);
    let bystanders = ["one", "two", "three"];
    let _alive = bystanders.map(|label| Agent::start(collector.address(), label, &["--interval", "1s"]));
    bystanders.iter().for_each(|label| {
        collector.tells(label, "up new");
    });
    for round in 0..ROUNDS {
        let labels: Vec<_> = (0..DEATHS_A_ROUND)
            .map(|number| format!("{round}-{number}"))
            .collect();
        let mut doomed = Vec::new();
        for label in &labels {
            doomed.push((
                Agent::start(collector.address(), label, &FAST),
                random.below(1_000),
            ));
        }
        for label in &labels {
            collector.tells(label, "up new");
        }
        doomed.sort_unstable_by_key(|(_, moment_ms)| *moment_ms);
        let mut passed_ms = 0;
        for (agent, moment_ms) in &mut doomed {
            Limit::after(Duration::from_millis(*moment_ms - passed_ms)).pass();
            passed_ms = *moment_ms;
            agent.kill();
        }
        for label in &labels {
            collector.tells(label, "late silent");
            let down = collector.tells(label, "down silent");
            let (silent_ms, bound_ms) = (down.number("silent_ms"), down.number("bound_ms"));
            assert!(silent_ms >= bound_ms, "never early: {down}");
            assert!(
                silent_ms <= bound_ms + told_within_ms(&witness),
                "seed {seed}: {down}"
            );
        }
    }
    // It fails where it has told anything of anybody else.
    collector.stop();
}
