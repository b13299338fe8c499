//! What the operator says of a source (docs/control.md): silence it, or forget it.

use std::time::Duration;

use beacon_collector::track::event::{Cause, SourceId, State};
use beacon_collector::track::reject::Reject;
use beacon_collector::track::silences::{MAX_SILENCES, Reason, Silence};
use beacon_collector::track::stored::Record;
use beacon_collector::track::tracker::{Instruction, Outcome, Portion};
use beacon_common::{Frame, Health, Kind};
use beacon_tests::line::Line;
use beacon_tests::stage::{Stage, at, beat, bye, gists, label};

use crate::expecting::{config, expecting};

/// From the beat of 9 s to the down deadline, with a margin.
const DOWN_BY_MS: u64 = 13_000;

fn silence(lasts_ms: u64) -> Instruction {
    Instruction::Silence {
        lasts: Duration::from_millis(lasts_ms),
        reason: Reason::new("moved to the attic").expect("it is short"),
    }
}

fn operate(stage: &mut Stage, ms: u64, name: &str, instruction: Instruction) -> Outcome {
    assert_eq!(stage.wait_until(ms), [], "nothing else happens");
    stage.tracker.operate(&label(name), instruction, at(ms))
}

fn steady() -> Stage {
    let mut stage = Stage::default();
    stage.hear_steady(1..=9);
    stage
}

fn is_silenced(line: &Line) -> bool {
    line.extra.iter().any(|(key, _)| *key == "silenced")
}

/// How many sources of each state are silenced, where there are any.
fn silenced(stage: &Stage) -> Vec<(State, u64)> {
    let counts = stage
        .tracker
        .survey(SourceId::FIRST, false, at(DOWN_BY_MS))
        .silenced;
    let counts = State::ALL.into_iter().zip(counts);
    counts.filter(|&(_, count)| count > 0).collect()
}

#[test]
fn lines_say_that_a_source_is_silenced_until_that_ends() {
    let mut stage = steady();
    let outcome = operate(&mut stage, 9_100, "fridge-7", silence(8_000));
    assert_eq!(outcome, Outcome::Silenced(at(17_100)));
    let told = stage.polled();
    assert_eq!((told.len(), told[0].gist()), (1, ("state", "new")));
    assert!(is_silenced(&told[0]));

    let lines = stage.wait_until(DOWN_BY_MS);
    let names: Vec<_> = lines.iter().map(Line::gist).collect();
    assert_eq!(
        names,
        [("late", "silent"), ("down", "silent")],
        "it is judged as ever"
    );
    assert!(lines.iter().all(is_silenced));

    assert_eq!(stage.wait_until(17_099), []);
    assert_eq!(stage.polled(), []);
    assert_eq!(stage.wait_until(17_100), []);
    let over = stage.polled();
    assert_eq!((over.len(), over[0].state), (1, "down"));
    assert!(!is_silenced(&over[0]), "it ends by itself, and says so");
    let up = stage.hear(20_000, &beat(20));
    assert_eq!(gists(&up), [(20_000, "up", "back")]);
    assert!(!is_silenced(&up[0]));
}

#[test]
fn a_survey_says_who_flaps() {
    let mut stage = steady();
    for fall in 1..=6 {
        let seq = 9 + 3 * fall;
        stage.hear(u64::from(seq) * 1_000, &beat(seq));
        let rows = stage.tracker.survey(SourceId::FIRST, true, at(30_000)).rows;
        assert_eq!((rows.len(), rows[0].flapping), (1, fall == 6), "fall {fall}");
    }
}

#[test]
fn a_survey_counts_the_living_by_health_without_the_silenced() {
    let mut stage = Stage::default();
    let healths = [
        ("a", Health::Critical),
        ("b", Health::Warning),
        ("c", Health::Critical),
        ("d", Health::Ok),
    ];
    for (name, health) in healths {
        let (label, kind) = (label(name), Kind::Beat(health));
        stage.hear(
            1_000,
            &Frame {
                label,
                kind,
                ..beat(1)
            },
        );
    }
    stage.hear(
        1_000,
        &Frame {
            label: label("d"),
            ..bye(2, beacon_common::Reason::Stop, 0)
        },
    );
    let counted = |stage: &Stage| stage.tracker.survey(SourceId::FIRST, false, at(1_000)).healths;
    assert_eq!(
        counted(&stage),
        [0, 1, 2, 0],
        "in the order of the codes, and none that has stopped"
    );
    operate(&mut stage, 1_000, "c", silence(60_000));
    assert_eq!(counted(&stage), [0, 1, 1, 0]);
}

#[test]
fn a_silence_is_taken_back_and_said_anew() {
    let mut stage = steady();
    assert_eq!(
        operate(&mut stage, 9_100, "fridge-7", Instruction::Unsilence),
        Outcome::NotSilenced
    );
    operate(&mut stage, 9_100, "fridge-7", silence(1_000_000));
    operate(&mut stage, 9_200, "fridge-7", silence(100));
    assert_eq!(stage.polled().len(), 1, "asked for twice, told once");
    assert_eq!(stage.wait_until(9_300), []);
    assert!(!is_silenced(&stage.polled()[0]), "the last word counts");
    operate(&mut stage, 9_400, "fridge-7", silence(1_000_000));
    stage.polled();
    assert_eq!(
        operate(&mut stage, 9_500, "fridge-7", Instruction::Unsilence),
        Outcome::Unsilenced
    );
    assert!(!is_silenced(&stage.polled()[0]));
    for instruction in [silence(1), Instruction::Unsilence, Instruction::Forget] {
        assert_eq!(
            operate(&mut stage, 9_500, "fridge-8", instruction),
            Outcome::Unknown
        );
    }
}

#[test]
fn whoever_was_never_heard_can_be_silenced_too() {
    let mut stage = expecting(config(), &["lamp"]);
    operate(&mut stage, 100, "lamp", silence(100_000));
    assert!(is_silenced(&stage.polled()[0]));
    let down = stage.wait_until(60_100);
    assert_eq!(gists(&down), [(60_000, "down", "never")]);
    assert!(is_silenced(&down[0]));
    assert_eq!(silenced(&stage), [(State::Down, 1)]);
    let heard = stage.tracker.survey(SourceId::FIRST, true, at(60_100));
    let next = heard.next.expect("the expected come behind");
    let rows = stage.tracker.survey(next, true, at(60_100)).rows;
    assert_eq!(
        (rows.len(), rows[0].label, rows[0].state),
        (1, label("lamp"), State::Down)
    );
    assert_eq!((rows[0].cause, rows[0].session), (Some(Cause::Never), None));
    let shown = rows[0].silence.as_ref().unwrap();
    assert_eq!(
        (shown.until, shown.reason.as_str()),
        (at(100_100), "moved to the attic")
    );
    assert_eq!(
        operate(&mut stage, 60_200, "lamp", Instruction::Forget),
        Outcome::Unheard
    );
}

#[test]
fn a_source_is_forgotten_in_any_state_and_comes_back_as_new() {
    for (ms, was) in [(9_100, State::Up), (10_600, State::Late), (60_000, State::Down)] {
        let mut stage = steady();
        operate(&mut stage, 9_100, "fridge-7", silence(1_000_000));
        stage.wait_until(ms);
        assert_eq!(
            operate(&mut stage, ms, "fridge-7", Instruction::Forget),
            Outcome::Forgotten(was)
        );
        let told = stage.wait_until(ms);
        assert_eq!(gists(&told), [(ms, "forgotten", "-")]);
        assert_eq!((told[0].was, is_silenced(&told[0])), (was.name(), true));
        assert_eq!(stage.tracker.tick().sources, [0; 6]);
        assert_eq!(stage.polled(), []);
        // Its deadlines are not another's.
        assert_eq!(stage.wait_until(70_000), []);
        let mut other = beat(70);
        other.label = label("lamp");
        assert_eq!(gists(&stage.hear(70_000, &other)), [(70_000, "up", "new")]);
        let up = stage.hear(70_100, &beat(70));
        assert_eq!(gists(&up), [(70_100, "up", "new")]);
        assert_eq!((up[0].received, is_silenced(&up[0])), (1, false));
        let lines = stage.wait_until(80_000);
        let names: Vec<_> = lines.iter().map(|line| line.event).collect();
        assert_eq!(names, ["late", "late", "down", "down"]);
    }
}

#[test]
fn an_expected_source_that_is_forgotten_is_expected_anew() {
    let mut stage = expecting(config(), &["fridge-7"]);
    stage.hear_steady(1..=9);
    operate(&mut stage, 9_100, "fridge-7", Instruction::Forget);
    assert_eq!(gists(&stage.wait_until(9_100)), [(9_100, "forgotten", "-")]);
    assert_eq!(stage.count(State::Unknown), 1);
    let down = stage.wait_until(100_000);
    assert_eq!(gists(&down), [(69_100, "down", "never")]);
    let up = stage.hear(100_100, &beat(100));
    assert_eq!(gists(&up), [(100_100, "up", "new")]);
    assert_eq!((stage.count(State::Unknown), stage.count(State::Up)), (0, 1));
}

#[test]
fn silences_outlive_the_process_and_are_bounded() {
    let mut before = steady();
    operate(&mut before, 9_100, "fridge-7", silence(50_000));
    assert!(before.tracker.take_changed(), "worth saving at once");
    let begin = before.tracker.portion(Portion::BEGINNING, Vec::new());
    assert!(matches!(begin.records[..], [Record::Silenced(_)]));
    let rest = before.tracker.portion(SourceId::FIRST, Vec::new());

    let mut after = Stage::default();
    after
        .tracker
        .begin_resuming(&begin.blindness, at(9_100), at(9_100));
    for record in begin.records.into_iter().chain(rest.records) {
        after.tracker.restore(record, at(9_100)).unwrap();
    }
    after.tracker.resume(at(9_100), at(9_100));
    let lines = after.wait_until(DOWN_BY_MS);
    assert!(lines.len() == 2 && lines.iter().all(is_silenced), "{lines:#?}");

    for number in 1..MAX_SILENCES {
        let silence = Record::Silenced(Silence {
            label: label(&format!("s{number}")),
            until: at(90_000),
            reason: Reason::new("").unwrap(),
        });
        after.tracker.restore(silence, at(DOWN_BY_MS)).unwrap();
    }
    let one_more = Record::Silenced(Silence {
        label: label("one-more"),
        until: at(90_000),
        reason: Reason::new("").unwrap(),
    });
    assert_eq!(after.tracker.restore(one_more, at(DOWN_BY_MS)), Err(Reject::Full));
    let mut other = beat(13);
    other.label = label("lamp");
    after.hear(DOWN_BY_MS, &other);
    assert_eq!(
        after.tracker.operate(&label("lamp"), silence(1), at(DOWN_BY_MS)),
        Outcome::Full
    );
    assert_eq!(silenced(&after), [(State::Down, 1)], "the others are not there");
}
