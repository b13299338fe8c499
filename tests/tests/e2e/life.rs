//! What an agent's life is told as: it starts, dies, restarts, says goodbye, sleeps.

use beacon_common::Reason;
use beacon_tests::e2e::{Agent, Collector, Line, Sender, Signal, Witness};

use super::{FAST, LOOPBACKS, told_within_ms};

/// Down comes by its bound, and not before two whole intervals of 200 ms have gone by.
fn assert_down_in_time(down: &Line, witness: &Witness) {
    let (silent_ms, bound_ms) = (down.number("silent_ms"), down.number("bound_ms"));
    assert!(
        (400..=bound_ms + told_within_ms(witness)).contains(&silent_ms),
        "{down}"
    );
    assert_eq!((down.text("state"), down.text("was")), ("down", "late"));
}

#[test]
fn a_killed_agent_is_late_then_down_and_up_again_with_its_successor() {
    let witness = Witness::start();
    for listen in LOOPBACKS {
        let mut collector = Collector::start(listen, &[]);
        let mut agent = Agent::start(collector.address(), "a", &FAST);
        let up = collector.tells("a", "up new");
        assert_eq!(
            (up.text("state"), up.text("was"), up.text("status")),
            ("up", "unknown", "ok")
        );
        assert_eq!(
            (up.number("interval_ms"), up.number("seq"), up.number("received")),
            (200, 1, 1)
        );
        agent.kill();
        let late = collector.tells("a", "late silent");
        assert_eq!((late.text("state"), late.text("was")), ("late", "up"));
        let down = collector.tells("a", "down silent");
        assert_down_in_time(&down, &witness);
        assert_eq!(down.text("session"), up.text("session"));

        let _successor = Agent::start(collector.address(), "a", &FAST);
        let again = collector.tells("a", "up restart");
        assert_eq!((again.text("was"), again.number("seq")), ("down", 1));
        assert_ne!(again.text("session"), up.text("session"));
        collector.stop();
    }
}

#[test]
fn a_successor_within_the_bound_is_told_as_a_restart_and_nothing_else() {
    let mut collector = Collector::start("127.0.0.1:0", &["--report", "50ms"]);
    let mut agent = Agent::start(collector.address(), "a", &["--interval", "1s"]);
    let up = collector.tells("a", "up new");
    // A session's number grows by the second (docs/protocol.md, section 2): the third beat is a whole one away.
    collector.reports("a", |report| report.number("seq") == 3);
    agent.kill();
    let _successor = Agent::start(collector.address(), "a", &["--interval", "1s"]);
    let restarted = collector.tells("a", "restarted process");
    assert_eq!((restarted.text("state"), restarted.text("was")), ("up", "up"));
    assert!(restarted.text("session") > up.text("session"));
    collector.reports("a", |report| report.number("seq") == 2);
    collector.stop();
}

#[test]
fn an_agent_that_is_stopped_says_so_and_leaves_once_it_is_heard() {
    for (listen, arguments, told, logged) in [
        (
            LOOPBACKS[0],
            &[][..],
            "stopped stop",
            "goodbye (stop): acked by 1 of 1 collectors",
        ),
        (
            LOOPBACKS[1],
            &["--bye", "reboot"],
            "stopped reboot",
            "goodbye (reboot): acked",
        ),
        (
            LOOPBACKS[0],
            &["--bye", "upgrade"],
            "stopped upgrade",
            "goodbye (upgrade): acked",
        ),
    ] {
        let mut collector = Collector::start(listen, &[]);
        let mut agent = Agent::start(collector.address(), "a", &[&FAST, arguments].concat());
        collector.tells("a", "up new");
        assert_eq!(agent.stop(), Some(0));
        let stopped = collector.tells("a", told);
        assert!(
            stopped.as_json()["bound_ms"].is_null(),
            "silence leads nowhere any more: {stopped}"
        );
        assert!(
            agent.whole_log().iter().any(|line| line.contains(logged)),
            "{:?}",
            agent.whole_log()
        );

        let _successor = Agent::start(collector.address(), "a", &FAST);
        assert_eq!(collector.tells("a", "up restart").text("was"), "stopped");
        collector.stop();
    }
}

#[test]
fn the_signal_that_a_terminal_sends_says_goodbye_too() {
    let mut collector = Collector::start("127.0.0.1:0", &[]);
    let mut agent = Agent::start(collector.address(), "a", &FAST);
    collector.tells("a", "up new");
    agent.signal(Signal::INT);
    assert_eq!(agent.wait(), Some(0));
    collector.tells("a", "stopped stop");
    collector.stop();
}

#[test]
fn who_sleeps_longer_than_announced_is_late_then_down() {
    let witness = Witness::start();
    for listen in LOOPBACKS {
        let mut collector = Collector::start(listen, &[]);
        let arguments = [&FAST[..], &["--sleep-for", "1s"]].concat();
        assert_eq!(Agent::start(collector.address(), "a", &arguments).wait(), Some(0));
        let asleep = collector.tells("a", "asleep sleep");
        assert_eq!(asleep.number("wake_ms"), 1_000);
        let late = collector.tells("a", "late overslept");
        // The margin after a session's first frame is half an interval.
        let silent_ms = late.number("silent_ms");
        assert!(
            (1_000..=1_100 + told_within_ms(&witness)).contains(&silent_ms),
            "{late}"
        );
        let down = collector.tells("a", "down overslept");
        assert_down_in_time(&down, &witness);
        assert_eq!(down.number("bound_ms"), late.number("bound_ms"));
        collector.stop();
    }
}

#[test]
fn who_wakes_up_in_time_is_awake() {
    let mut collector = Collector::start("127.0.0.1:0", &[]);
    // Its session is from 1970, so that the agent's is newer within the same second too.
    let mut sleeper = Sender::new(collector.address(), "a");
    sleeper.beat_acked();
    sleeper.bye(Reason::Sleep, 8 * 3_600_000);
    collector.tells("a", "up new");
    assert_eq!(
        collector.tells("a", "asleep sleep").number("wake_ms"),
        8 * 3_600_000
    );
    let mut agent = Agent::start(collector.address(), "a", &FAST);
    assert_eq!(collector.tells("a", "up awake").text("was"), "asleep");
    assert_eq!(agent.stop(), Some(0));
    collector.tells("a", "stopped stop");
    collector.stop();
}

#[test]
fn a_frozen_agent_is_down_and_comes_back() {
    let witness = Witness::start();
    let mut collector = Collector::start("[::1]:0", &[]);
    let agent = Agent::start(collector.address(), "a", &FAST);
    let up = collector.tells("a", "up new");
    agent.signal(Signal::STOP);
    collector.tells("a", "late silent");
    assert_down_in_time(&collector.tells("a", "down silent"), &witness);
    agent.signal(Signal::CONT);
    let back = collector.tells("a", "up back");
    assert_eq!(back.text("session"), up.text("session"));
    assert_eq!(back.number("lost"), 0, "what was never sent is not lost: {back}");
    collector.stop();
}
