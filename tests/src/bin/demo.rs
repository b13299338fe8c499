//! `cargo demo`: a collector and three agents on loopback, and what a collector says when they come and go.
//!
//! Everything is real: the programs, the sockets, the signals. It ends by itself, and takes its children with it.

#![expect(clippy::print_stdout, reason = "it is there to be read")]

use std::thread;
use std::time::Duration;

use beacon_tests::e2e::{Agent, Collector, Line};

/// The count ends an agent whose demo was killed before it could clean up.
const BEATS: [&str; 4] = ["--interval", "500ms", "--count", "120"];

/// The time to read what was said before the next thing happens.
const READING: Duration = Duration::from_secs(2);

fn main() {
    println!("Building the two programs, if that was not done before ...");
    let mut stage = Stage::new();
    stage.everyone_comes();
    stage.one_is_killed();
    stage.one_is_stopped();
    stage.one_is_restarted();
    stage.the_dead_one_returns();
    stage.close();
}

/// What may come between on a machine that is busy: a beat is late there, and its source back with the next.
const BETWEEN: [&str; 2] = ["late silent", "up back"];

/// A collector, and the agents that beat at it.
struct Stage {
    collector: Collector,
    fridge: Agent,
    camera: Agent,
    modem: Agent,
}

impl Stage {
    fn new() -> Self {
        let collector = Collector::start("127.0.0.1:0", &["--name", "demo"]);
        let to = collector.address();
        say(&format!(
            "A collector listens on {to}. Three agents begin to beat at it, every 500 ms."
        ));
        let start = |label| Agent::start(to, label, &BEATS);
        Self {
            fridge: start("fridge"),
            camera: start("camera"),
            modem: start("modem"),
            collector,
        }
    }

    fn everyone_comes(&mut self) {
        for label in ["fridge", "camera", "modem"] {
            self.tell(
                label,
                "up new",
                "The first beat of a source that the collector did not know.",
            );
        }
    }

    fn one_is_killed(&mut self) {
        say("The fridge loses its power (kill -9). It cannot say goodbye.");
        self.fridge.kill();
        self.tell(
            "fridge",
            "late silent",
            "A beat is overdue. That may be a lost datagram, so nothing is sure yet.",
        );
        let down = "Silence for three intervals: it is down. That took silent_ms, and could not take longer than \
                    bound_ms.";
        self.tell("fridge", "down silent", down);
    }

    fn one_is_stopped(&mut self) {
        say("The camera's agent is stopped in order (SIGTERM).");
        self.camera.stop();
        self.tell(
            "camera",
            "stopped stop",
            "It said goodbye, so nobody has to be woken up.",
        );
    }

    fn one_is_restarted(&mut self) {
        say("The modem's agent is killed and started again at once.");
        self.modem.kill();
        self.modem = Agent::start(self.collector.address(), "modem", &BEATS);
        self.tell(
            "modem",
            "restarted process",
            "A new session before the old one was missed for long: a restart, no outage.",
        );
    }

    fn the_dead_one_returns(&mut self) {
        say("The fridge gets its power back.");
        self.fridge = Agent::start(self.collector.address(), "fridge", &BEATS);
        self.tell(
            "fridge",
            "up restart",
            "It is back, in a new session. since_ms says how long it was down.",
        );
    }

    fn close(mut self) {
        say("The end: all agents are stopped, then the collector.");
        for (agent, label) in [(&mut self.fridge, "fridge"), (&mut self.modem, "modem")] {
            agent.stop();
            tell(&mut self.collector, label, "stopped stop", "Goodbye.");
        }
        let lines = self.collector.stop().len();
        say(&format!(
            "That was the whole life of {lines} lines. README.md says how to set up two hosts."
        ));
    }

    fn tell(&mut self, label: &str, what: &str, explanation: &str) {
        tell(&mut self.collector, label, what, explanation);
    }
}

/// Waits for the event of a source that is `wanted`, and shows it with its explanation.
fn tell(collector: &mut Collector, label: &str, wanted: &str, explanation: &str) {
    loop {
        let line = collector.next_of(label, wanted);
        let what = line.what();
        if what == wanted {
            return show(&line, explanation);
        }
        if !BETWEEN.contains(&what.as_str()) {
            collector.fail(format_args!("tells of {label}: {what}, where {wanted} was due"));
        }
        show(
            &line,
            "This machine is busy, and a beat came later than it was due.",
        );
    }
}

fn say(what: &str) {
    thread::sleep(READING);
    println!("\n# {what}");
}

/// Shows the keys of a line that matter here, as they stand in it.
fn show(line: &Line, explanation: &str) {
    let keys = [
        "time",
        "event",
        "source",
        "state",
        "was",
        "cause",
        "since_ms",
        "silent_ms",
        "bound_ms",
    ];
    let shown: Vec<_> = keys
        .iter()
        .filter_map(|key| Some(format!("\"{key}\":{}", line.as_json().get(key)?)))
        .collect();
    println!("\n  {{{}}}", shown.join(","));
    println!("  {explanation}");
}
