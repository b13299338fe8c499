//! Whether beats keep their time, by what they say of themselves.

use crate::support::{Agent, Collector};
use beacon_common::Frame;
use std::process::{Command, Stdio};

pub(crate) const INTERVAL: &str = "50ms";
const INTERVAL_US: i64 = 50_000;
const BEATS: usize = 40;
/// How much farther than a plain agent's a beat may be from an interval after the one before it.
const TOLERANCE_US: i64 = 5_000;
/// A machine that is busy may starve an agent. One that something holds up is held up each time.
const ATTEMPTS: usize = 10;

/// Takes beats, and says how far the worst was from its time. The first two are a random phase apart.
fn worst_deviation_us(collector: &Collector) -> i64 {
    let frames: Vec<Frame> = (0..BEATS).map(|_| collector.receive().frame).collect();
    let steps = frames[1..].windows(2).map(|pair| {
        let is_next = pair[1].seq.get() == pair[0].seq.get() + 1;
        assert!(is_next, "no beat is missing");
        (pair[1].sent_us as i64 - pair[0].sent_us as i64 - INTERVAL_US).abs()
    });
    steps.max().unwrap_or(i64::MAX)
}

/// Puts an agent, but nothing that it starts, before all that is not so urgent, where this is allowed.
fn make_urgent(agent: &Agent) {
    let mut command = Command::new("chrt");
    command.args(["--fifo", "--reset-on-fork", "--pid", "1"]);
    command.arg(agent.pid().to_string());
    let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// Expects beats of an agent that something might hold up to be as much on time as those of a plain one.
pub(crate) fn expect_on_time(what: &str, start: impl Fn(&Collector) -> Agent) -> Agent {
    let mut seen = Vec::new();
    for _ in 0..ATTEMPTS {
        let (plain_collector, collector) = (Collector::new(), Collector::new());
        let agent = start(&collector);
        make_urgent(&agent);
        let plain = Agent::start(&["--to", &plain_collector.address(), "--interval", INTERVAL]);
        make_urgent(&plain);
        let worst_us = worst_deviation_us(&collector);
        let plain_us = worst_deviation_us(&plain_collector);
        seen.push((worst_us, plain_us));
        if worst_us <= plain_us + TOLERANCE_US {
            println!("{what}: at most {worst_us} us off, a plain agent {plain_us} us");
            return agent;
        }
    }
    panic!("{what}: off by (this, a plain agent) {seen:?} us");
}
