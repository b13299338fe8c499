//! Which collectors get the beats: all, or the first that answers.

use crate::living::Living;
use crate::support::{Agent, Collector, is_beat, is_bye};
use beacon_common::{Reason, Seq};
use rustix::process::Signal;

const MISSES: u32 = 3;

fn start(mode: &str, to: &[&str], more: &[&str]) -> Agent {
    let to = to.join(",");
    let arguments = [
        "--mode",
        mode,
        "--to",
        &to,
        "--interval",
        "100ms",
        "--label",
        "fridge-7",
    ];
    Agent::start(&[&arguments, more].concat())
}

/// The figures are counted in beats, which are an interval apart by their numbers, whatever the machine does.
#[test]
fn the_second_takes_over_when_the_first_dies_and_gives_back_when_it_lives() {
    let (first, second) = (Living::new(), Living::new());
    let address = first.address().to_owned();
    let agent = start("failover", &[&address, second.address()], &[]);
    let mut last = Seq::NONE;
    for number in 1..=5 {
        last = first.receive().frame.seq;
        assert_eq!(last, Seq::new(number));
    }
    assert!(second.rest().is_empty(), "the second is not needed");
    last = first.kill().last().map_or(last, |received| received.frame.seq);

    let taken_over = second.receive().frame;
    assert!(taken_over.seq > last && taken_over.seq.get() <= last.get() + MISSES + 1);
    agent.log_line("lost");
    for number in 1..=7 {
        assert_eq!(
            second.receive().frame.seq.get(),
            taken_over.seq.get() + number,
            "every beat"
        );
    }

    let first = Living::at(&address);
    let sent_before = second
        .rest()
        .last()
        .map_or(taken_over.seq.get() + 7, |received| received.frame.seq.get());
    let found = first.receive().frame;
    assert!(found.seq.get() <= sent_before + 2 * MISSES);
    agent.log_line("found");
    for number in 1..=5 {
        let frame = first.receive().frame;
        assert_eq!(frame.seq.get(), found.seq.get() + number, "every beat");
        assert_eq!(frame.session, taken_over.session);
    }
    let last_of_second = second.rest().last().map(|received| received.frame.seq);
    assert!(
        last_of_second.is_none_or(|seq| seq <= found.seq),
        "and the second none"
    );

    agent.signal(Signal::TERM);
    assert_eq!(agent.end().0, Some(0));
    assert!(first.kill().iter().any(|received| is_bye(&received.frame)));
    assert!(second.kill().is_empty());
}

#[test]
fn with_mode_all_both_get_every_beat() {
    let (one, other) = (Living::new(), Living::new());
    let agent = start("all", &[one.address(), other.address()], &["--count", "20"]);
    assert_eq!(agent.end().0, Some(0));
    let (one, other) = (one.kill(), other.kill());
    for received in [&one, &other] {
        let numbers = received.iter().map(|received| received.frame.seq.get());
        assert_eq!(numbers.collect::<Vec<_>>(), (1..=21).collect::<Vec<_>>());
    }
    let bytes = |received: &[crate::support::Received]| {
        received.iter().map(|received| received.bytes).collect::<Vec<_>>()
    };
    assert_eq!(bytes(&one), bytes(&other));
}

/// A name that does not resolve answers nobody; it costs the others no beat.
#[test]
fn a_collector_without_an_address_is_passed_over() {
    let second = Living::new();
    let _agent = start("failover", &["nobody.invalid", second.address()], &[]);
    for number in 1..=3 {
        assert_eq!(second.receive().frame.seq, Seq::new(number));
    }
}

#[test]
fn a_goodbye_that_the_one_in_use_does_not_hear_goes_to_all() {
    let (first, second) = (Collector::new(), Collector::new());
    let agent = start(
        "failover",
        &[&first.address(), &second.address()],
        &["--bye", "reboot"],
    );
    first.ack(&first.receive());
    agent.signal(Signal::TERM);
    let bye = second.receive();
    assert_eq!(bye.frame.kind, beacon_common::Kind::Bye(Reason::Reboot));
    second.ack(&bye);
    assert_eq!(agent.end().0, Some(0));
    assert_eq!(first.receive_until(is_bye).bytes, bye.bytes);
}

#[test]
fn once_goes_on_to_the_first_that_answers() {
    let (silent, second, third) = (Collector::new(), Living::new(), Living::new());
    let to = [&silent.address(), second.address(), third.address()];
    let agent = start("failover", &to, &["--once"]);
    assert_eq!(agent.end().0, Some(0));
    let tried = silent.receive();
    assert!(is_beat(&tried.frame));
    let received = second.kill();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].bytes, tried.bytes);
    assert!(third.kill().is_empty());
}

#[test]
fn a_sleep_goes_to_the_second_where_the_first_is_silent() {
    let (silent, second) = (Collector::new(), Living::new());
    let agent = start(
        "failover",
        &[&silent.address(), second.address()],
        &["--sleep-for", "8h"],
    );
    assert_eq!(agent.end().0, Some(0));
    assert_eq!(silent.receive().bytes, second.kill()[0].bytes);
}
