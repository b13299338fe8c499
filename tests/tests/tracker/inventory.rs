//! Sources that are expected before they are heard (docs/protocol.md, section 9).

use std::collections::BTreeSet;
use std::time::Duration;

use beacon_collector::track::commons::Commons;
use beacon_collector::track::config::Config;
use beacon_collector::track::event::{Cause, Event, SourceId, State, What};
use beacon_collector::track::inventory::Expected;
use beacon_collector::track::reject::Reject;
use beacon_collector::track::tracker::Tracker;
use beacon_common::{Reason, Seq};
use beacon_tests::line::Line;
use beacon_tests::stage::{Stage, at, beat, bye, gists, home, label};

use crate::expecting::{self, SETTLE_MS, called, config, expected, expecting, states};

/// The `state` lines of all sources, by label.
fn told_of_all(stage: &mut Stage) -> Vec<(String, &'static str, Option<&'static str>)> {
    stage.tracker.ask_all_states();
    let mut lines: Vec<_> = stage
        .polled()
        .iter()
        .map(|line| (line.source.to_string(), line.state, line.cause))
        .collect();
    lines.sort();
    lines
}

#[test]
fn whoever_is_not_heard_in_time_is_down_with_all_that_is_known() {
    let mut stage = expecting(config(), &["fridge-7", "lamp"]);
    assert_eq!(states(&stage), [2, 0, 0]);
    assert_eq!(stage.wait_until(SETTLE_MS - 1), []);
    let lines = stage.wait_until(SETTLE_MS + 9);
    assert_eq!(gists(&lines), [(SETTLE_MS, "down", "never"); 2]);
    let settle = Duration::from_millis(SETTLE_MS);
    let fridge = lines.iter().find(|line| line.source == label("fridge-7"));
    assert_eq!(
        fridge,
        Some(&Line {
            at: at(SETTLE_MS),
            source: label("fridge-7"),
            event: "down",
            addr: None,
            state: "down",
            was: "unknown",
            cause: Some("never"),
            session: None,
            seq: Seq::NONE,
            interval_ms: 0,
            status: "unknown",
            since: settle,
            silent: settle,
            bound: Some(settle),
            received: 0,
            lost: 0,
            duplicate: 0,
            reordered: 0,
            extra: Vec::new(),
            group: Some("kitchen".to_owned()),
        })
    );
    assert_eq!(states(&stage), [0, 2, 0]);
    assert_eq!(stage.wait_until(100_000_000), [], "once, and for ever");
}

#[test]
fn whoever_is_heard_at_last_is_new_whatever_it_was() {
    let mut stage = expecting(config(), &["fridge-7", "lamp"]);
    let early = stage.hear(10_000, &beat(10)).remove(0);
    assert_eq!((early.gist(), early.was), (("up", "new"), "unknown"));
    assert_eq!(
        (early.since, early.silent),
        (Duration::from_secs(10), Duration::from_secs(10))
    );
    assert_eq!(early.group.as_deref(), Some("kitchen"));
    let lines = stage.hear(70_000, &called("lamp", beat(70)));
    let lamp: Vec<_> = lines
        .into_iter()
        .filter(|line| line.source == label("lamp"))
        .collect();
    assert_eq!(
        gists(&lamp),
        [(SETTLE_MS, "down", "never"), (70_000, "up", "new")]
    );
    assert_eq!(
        (lamp[1].was, lamp[1].since),
        ("down", Duration::from_secs(10)),
        "down since 60 s"
    );
    assert_eq!(lamp[1].silent, Duration::from_secs(70));
    assert_eq!((lamp[1].addr, lamp[1].received), (Some(home().addr), 1));
    assert_eq!(states(&stage), [0, 1, 1], "the fridge has died meanwhile");
}

#[test]
fn a_goodbye_can_be_the_first_sign() {
    let mut stage = expecting(config(), &["fridge-7"]);
    let lines = stage.hear(SETTLE_MS + 5_000, &bye(7, Reason::Upgrade, 0));
    let gists = gists(&lines);
    assert_eq!(gists[1], (SETTLE_MS + 5_000, "stopped", "upgrade"));
    assert_eq!(lines[1].was, "down");
    assert_eq!(states(&stage), [0, 0, 0]);
    assert_eq!(stage.count(State::Stopped), 1);
}

#[test]
fn what_is_expected_is_never_forgotten_and_what_is_not_is() {
    let mut stage = expecting(
        Config {
            forget: Duration::from_secs(5),
            ..config()
        },
        &["fridge-7"],
    );
    stage.hear(1_000, &beat(1));
    stage.hear(1_000, &called("guest", beat(1)));
    let lines = stage.wait_until(1_000_000);
    let forgotten: Vec<_> = lines.iter().filter(|line| line.event == "forgotten").collect();
    assert_eq!(forgotten.len(), 1);
    assert_eq!(forgotten[0].source, label("guest"));
    assert_eq!(
        told_of_all(&mut stage),
        [("fridge-7".to_owned(), "down", Some("silent"))]
    );
    let back = stage.hear(1_000_500, &beat(2)).remove(0);
    assert_eq!(back.gist(), ("up", "back"));
}

#[test]
fn states_are_told_of_the_unheard_too() {
    let mut stage = expecting(config(), &["a", "b", "c"]);
    stage.hear(1_000, &called("b", beat(1)));
    let told = |name: &str, state, cause| (name.to_owned(), state, cause);
    assert_eq!(
        told_of_all(&mut stage),
        [
            told("a", "unknown", None),
            told("b", "up", Some("new")),
            told("c", "unknown", None)
        ]
    );
    stage.hear(SETTLE_MS - 500, &called("b", beat(60)));
    stage.wait_until(SETTLE_MS);
    let [_, _, c] = told_of_all(&mut stage).try_into().unwrap();
    assert_eq!(c, told("c", "down", Some("never")));
}

fn ids(stage: &mut Stage, until: u64) -> Vec<SourceId> {
    stage.tracker.on_time(at(until));
    let id = |event: Event| match event.what {
        What::Source(told) => Some(told.id),
        _ => None,
    };
    std::iter::from_fn(|| stage.tracker.poll_event())
        .filter_map(id)
        .collect()
}

#[test]
fn the_state_of_an_unheard_source_is_told_once_and_of_the_source_that_it_became() {
    let mut stage = expecting(config(), &["a"]);
    let [id] = ids(&mut stage, SETTLE_MS)[..] else {
        panic!("it is down")
    };
    (0..3).for_each(|_| stage.tracker.ask_state(id));
    assert_eq!(stage.polled().len(), 1);
    assert_eq!(stage.polled(), []);
    stage.tracker.ask_state(id);
    stage.hear(SETTLE_MS + 1, &called("a", beat(1)));
    stage.tracker.ask_state(id);
    let lines = stage.polled();
    assert_eq!((lines.len(), lines[0].state), (1, "up"));
}

#[test]
fn blindness_puts_off_what_was_to_be_heard() {
    let mut stage = expecting(config(), &["a"]);
    stage.wait_until(30_000);
    let blind = Duration::from_secs(50);
    stage
        .tracker
        .on_blind(at(30_000), at(80_000), blind, Cause::Stalled);
    assert_eq!(stage.wait_until(SETTLE_MS + 49_999), []);
    let line = stage.wait_until(SETTLE_MS + 50_000).remove(0);
    assert_eq!(line.gist(), ("down", "never"));
    assert_eq!(line.bound, Some(Duration::from_secs(110)));
}

#[test]
fn whoever_was_never_heard_is_no_loss() {
    let names: Vec<String> = (0..20).map(|n| format!("s{n}")).collect();
    let mut stage = expecting(config(), &names);
    stage.tracker.on_time(at(SETTLE_MS));
    let events: Vec<_> = std::iter::from_fn(|| stage.tracker.poll_event()).collect();
    assert_eq!(events.len(), 20);
    assert!(events.iter().all(|event| matches!(event.what, What::Source(_))));
}

#[test]
fn others_are_refused_where_only_the_inventory_is_let_in() {
    let only = Config {
        inventory_only: true,
        ..config()
    };
    let mut stage = expecting(only, &["fridge-7"]);
    assert_eq!(stage.hear(0, &called("guest", beat(1))), []);
    assert_eq!(stage.rejected(), [(Reject::Full, 1)]);
    assert_eq!(gists(&stage.hear(1_000, &beat(1))), [(1_000, "up", "new")]);
    assert_eq!(stage.rejected(), [(Reject::Full, 1)]);
}

#[test]
fn room_is_kept_for_the_expected_and_no_rate_holds_them_up() {
    let config = Config {
        max_sources: 3,
        admit_rate: std::num::NonZeroU32::new(1),
        ..config()
    };
    let mut stage = expecting(config, &["a", "b"]);
    for guest in ["g1", "g2"] {
        stage.hear(0, &called(guest, beat(1)));
    }
    assert_eq!(stage.rejected(), [(Reject::Full, 1)]);
    for name in ["a", "b"] {
        assert_eq!(stage.hear(0, &called(name, beat(1))).len(), 1);
    }
    assert_eq!(states(&stage), [0, 0, 3]);

    let config = Config {
        admit_rate: std::num::NonZeroU32::new(1),
        ..expecting::config()
    };
    let names: Vec<String> = (0..50).map(|n| format!("s{n}")).collect();
    let mut stage = expecting(config, &names);
    for name in &names {
        assert_eq!(stage.hear(0, &called(name, beat(1))).len(), 1, "{name}");
    }
}

#[test]
fn a_new_list_adds_and_leaves_out() {
    let mut stage = expecting(
        Config {
            max_sources: 6,
            forget: Duration::from_secs(20),
            ..config()
        },
        &["stays", "goes", "fridge-7", "missed"],
    );
    stage.hear(0, &beat(1));
    stage.hear(SETTLE_MS, &called("guest", beat(1)));
    assert_eq!(states(&stage), [0, 4, 1], "the fridge is down for long");

    let now = SETTLE_MS + 10_000;
    stage.wait_until(now);
    stage
        .tracker
        .expect(expected(&["stays", "added", "guest"]), at(now));
    let lines = stage.wait_until(now);
    let mut gone: Vec<_> = lines
        .iter()
        .map(|line| (line.source.to_string(), line.event, line.was, line.state))
        .collect();
    gone.sort();
    let forgotten = |name: &str| (name.to_owned(), "forgotten", "down", "unknown");
    assert_eq!(
        gone,
        ["fridge-7", "goes", "missed"].map(forgotten),
        "the fridge was heard, and is like any other now: down for more than --forget"
    );
    assert_eq!(states(&stage), [1, 2, 0]);

    let lines = stage.wait_until(now + SETTLE_MS);
    assert_eq!(
        gists(&lines),
        [(now + SETTLE_MS, "down", "never")],
        "no guest is forgotten"
    );
    assert_eq!(lines[0].source, label("added"));
    // Three are expected, so there is room for three more.
    for name in ["g1", "g2", "g3", "g4"] {
        stage.hear(now + SETTLE_MS, &called(name, beat(1)));
    }
    assert_eq!(stage.rejected(), [(Reject::Full, 1)]);
}

#[test]
fn a_list_that_is_read_again_unchanged_changes_nothing() {
    let mut stage = expecting(config(), &["a", "b"]);
    stage.hear(1_000, &called("b", beat(1)));
    stage.hear(SETTLE_MS - 1, &called("b", beat(2)));
    stage.tracker.expect(expected(&["b", "a"]), at(SETTLE_MS - 1));
    let lines = stage.wait_until(SETTLE_MS);
    assert_eq!(gists(&lines), [(SETTLE_MS, "down", "never")]);
    assert_eq!(states(&stage), [0, 1, 1]);
}

#[test]
fn whoever_was_restored_is_heard_already() {
    let mut before = Stage::new(config());
    before.hear(0, &beat(1));
    let mut stage = Stage::new(config());
    for record in before.tracker.portion(SourceId::FIRST, Vec::new()).records {
        assert_eq!(stage.tracker.restore(record, at(1)), Ok(()));
    }
    stage.tracker.expect(expected(&["fridge-7", "lamp"]), at(1));
    assert_eq!(states(&stage), [1, 0, 1]);
}

/// More than are looked at by one call.
#[test]
fn a_large_inventory_is_read_and_missed_in_bounded_pieces() {
    let names = |from: u32, to: u32| -> Vec<Expected> {
        let expected = |n| Expected {
            label: label(&format!("n{n}")),
            group: None,
        };
        (from..to).map(expected).collect()
    };
    let commons = Commons::new(&config());
    let mut tracker = Tracker::sharing(config(), commons);
    let unknown = |tracker: &Tracker| tracker.tick().sources[5];
    tracker.expect(names(0, 50_000), at(0));
    assert_eq!(unknown(&tracker), 50_000, "at once, as nobody is heard yet");
    let mut told = BTreeSet::new();
    let mut run = |tracker: &mut Tracker, now| {
        let mut calls = 0;
        while tracker.next_deadline().is_some_and(|next| next <= now) {
            tracker.on_time(now);
            let lines: Vec<_> = std::iter::from_fn(|| tracker.poll_event())
                .filter_map(|event| Line::of(&event))
                .collect();
            assert!(lines.len() <= 4_096, "{} lines by one call", lines.len());
            for line in lines {
                assert!(told.insert((line.event, line.source)), "{line:?} again");
            }
            calls += 1;
        }
        (calls, told.len())
    };
    tracker.expect(names(25_000, 75_000), at(1_000));
    let (calls, forgotten) = run(&mut tracker, at(1_000));
    assert!(calls > 10, "{calls}");
    assert_eq!((forgotten, unknown(&tracker)), (25_000, 50_000));
    let (_, with_missed) = run(&mut tracker, at(SETTLE_MS));
    assert_eq!(
        (with_missed, unknown(&tracker)),
        (50_000, 25_000),
        "those of the first list"
    );
    let (_, with_missed) = run(&mut tracker, at(SETTLE_MS + 1_000));
    assert_eq!(
        (with_missed, unknown(&tracker)),
        (75_000, 0),
        "those of the second"
    );
    assert_eq!(tracker.next_deadline(), None);
}
