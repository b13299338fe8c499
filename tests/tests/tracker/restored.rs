//! Sources of the inventory that were never heard, when the collector goes on after a restart (docs/operations.md).

use std::time::Duration;

use beacon_collector::track::config::Config;
use beacon_collector::track::reject::Reject;
use beacon_collector::track::stored::Record;
use beacon_collector::track::tracker::{Portion, Tracker};
use beacon_tests::stage::{Stage, at, beat, gists, label};

use crate::expecting::{SETTLE_MS, called, config, expected, expecting, states};

fn records(tracker: &Tracker) -> Vec<Record> {
    let mut records = Vec::new();
    let mut next = Some(Portion::BEGINNING);
    while let Some(from) = next {
        let portion = tracker.portion(from, Vec::new());
        records.extend(portion.records);
        next = portion.next;
    }
    records
}

/// The collector ends at `ended`, and another one goes on at `begun` and expects those called so.
fn restarted(before: &Stage, (ended, begun): (u64, u64), names: &[&str], config: Config) -> Stage {
    let mut stage = Stage::new(config);
    let (heard_until, now) = (at(ended), at(begun));
    let blindness = before.tracker.portion(Portion::BEGINNING, Vec::new()).blindness;
    stage.tracker.begin_resuming(&blindness, heard_until, now);
    for record in records(&before.tracker) {
        assert_eq!(stage.tracker.restore(record, now), Ok(()));
    }
    stage.tracker.resume(heard_until, now);
    stage.tracker.expect(expected(names), now);
    stage
}

#[test]
fn the_time_to_be_heard_goes_on_and_is_put_off_by_the_blindness_alone() {
    let before = expecting(config(), &["fridge-7"]);
    let mut stage = restarted(&before, (30_000, 40_000), &["fridge-7", "added"], config());
    assert_eq!(states(&stage), [2, 0, 0]);
    assert_eq!(stage.wait_until(SETTLE_MS + 10_000 - 1), []);
    let lines = stage.wait_until(SETTLE_MS + 10_000);
    assert_eq!(gists(&lines), [(SETTLE_MS + 10_000, "down", "never")]);
    assert_eq!(
        (lines[0].source, lines[0].since, lines[0].group.as_deref()),
        (label("fridge-7"), Duration::from_secs(70), Some("kitchen"))
    );
    let lines = stage.wait_until(10 * SETTLE_MS);
    assert_eq!(gists(&lines), [(40_000 + SETTLE_MS, "down", "never")]);
    assert_eq!(lines[0].source, label("added"));
}

#[test]
fn whoever_is_down_stays_so_and_is_not_told_again() {
    let mut before = expecting(config(), &["fridge-7"]);
    before.wait_until(SETTLE_MS + 20_000);
    let mut stage = restarted(
        &before,
        (SETTLE_MS + 20_000, SETTLE_MS + 30_000),
        &["fridge-7"],
        config(),
    );
    assert_eq!(states(&stage), [0, 1, 0]);
    let state = stage.state(10 * SETTLE_MS);
    assert_eq!(
        (state.state, state.cause, state.addr, state.session),
        ("down", Some("never"), None, None)
    );
    assert_eq!(
        [state.since, state.silent],
        [9 * SETTLE_MS, 10 * SETTLE_MS].map(Duration::from_millis)
    );
    let up = stage.hear(10 * SETTLE_MS, &beat(600)).remove(0);
    assert_eq!((up.gist(), up.was), (("up", "new"), "down"));
    assert_eq!(states(&stage), [0, 0, 1]);
}

#[test]
fn whom_the_list_leaves_out_is_forgotten_aloud() {
    let mut before = expecting(config(), &["gone", "goes", "stays"]);
    before.wait_until(SETTLE_MS);
    for names in [&["stays"][..], &[]] {
        let mut stage = restarted(&before, (SETTLE_MS, SETTLE_MS), names, config());
        let mut lines = stage.wait_until(SETTLE_MS);
        lines.sort_by_key(|line| line.source);
        let told: Vec<_> = lines.iter().map(|line| (line.event, line.was)).collect();
        assert_eq!(told, vec![("forgotten", "down"); 3 - names.len()]);
        assert_eq!(lines[0].source, label("goes"));
        assert_eq!(states(&stage), [0, names.len() as u64, 0]);
        assert_eq!(stage.wait_until(10 * SETTLE_MS), []);
    }
}

#[test]
fn whoever_is_heard_while_the_portions_are_handed_out_is_heard_and_takes_one_place() {
    let mut before = expecting(config(), &["fridge-7"]);
    let unheard = before.tracker.portion(Portion::BEGINNING, Vec::new()).records;
    before.hear(1_000, &beat(1));
    let heard = records(&before.tracker);
    assert!(matches!(
        (&unheard[..], &heard[..]),
        ([Record::Unheard(..)], [Record::Heard(_)])
    ));
    let mut stage = Stage::new(Config {
        max_sources: 1,
        ..config()
    });
    for record in unheard.iter().chain(&heard).chain(&unheard) {
        assert_eq!(stage.tracker.restore(record.clone(), at(1_000)), Ok(()));
    }
    stage.tracker.expect(expected(&["fridge-7"]), at(1_000));
    assert_eq!(states(&stage), [0, 0, 1]);
    assert_eq!(stage.hear(1_000, &called("guest", beat(1))), []);
    assert_eq!(stage.rejected(), [(Reject::Full, 1)]);
    let gists = gists(&stage.wait_until(SETTLE_MS));
    assert_eq!(
        gists.iter().map(|gist| gist.1).collect::<Vec<_>>(),
        ["late", "down"]
    );
}

#[test]
fn more_than_there_is_room_for_are_refused() {
    let before = expecting(config(), &["a", "b"]);
    let mut tracker = Tracker::new(Config {
        max_sources: 1,
        ..config()
    });
    let restored: Vec<_> = records(&before.tracker)
        .into_iter()
        .map(|record| tracker.restore(record, at(0)))
        .collect();
    assert_eq!(restored, [Ok(()), Err(Reject::Full)]);
}

#[test]
fn whoever_comes_to_be_expected_or_missed_or_is_left_out_is_worth_saving() {
    let mut stage = expecting(config(), &["a"]);
    assert!(stage.tracker.take_changed());
    stage.wait_until(SETTLE_MS - 1);
    assert!(!stage.tracker.take_changed());
    stage.wait_until(SETTLE_MS);
    assert!(stage.tracker.take_changed());
    stage.tracker.expect(expected(&["b"]), at(SETTLE_MS));
    stage.wait_until(SETTLE_MS);
    assert!(stage.tracker.take_changed());
}

/// More than a portion takes, of both.
#[test]
fn all_are_handed_out_once() {
    let names: Vec<String> = (0..3_000).map(|number| format!("s{number}")).collect();
    let mut stage = expecting(config(), &names);
    for name in names.iter().step_by(2) {
        stage.hear(0, &called(name, beat(1)));
    }
    let records = records(&stage.tracker);
    let heard = records.iter().filter(|record| matches!(record, Record::Heard(_)));
    assert_eq!(heard.count(), 1_500);
    let mut labels: Vec<_> = records.iter().map(|record| *record.label()).collect();
    labels.sort();
    labels.dedup();
    assert_eq!(labels.len(), 3_000);
}
