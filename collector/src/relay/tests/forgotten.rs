//! Sources that are kept no more when the reader comes to hear of them.

use super::*;
use crate::track::inventory::Expected;

#[test]
fn a_forgotten_source_is_told_although_its_state_can_be_asked_for_no_more() {
    let queue = Fake::default();
    let mut scene = Scene::new(&queue, EventSet::ALL);
    scene.beat(99);
    scene.bye(99);
    (0..CAPACITY).for_each(|source| scene.beat(source));
    scene.pass(Duration::from_mins(2));
    scene.flush();
    assert_eq!(scene.tracker.tick().sources.iter().sum::<u64>(), 16);
    let lines = scene.read_to_the_end();
    let gap = lines.iter().position(|line| line.starts_with("gap")).unwrap();
    assert_eq!(lines[gap + 1..gap + 3], ["mass_loss", "forgotten s99 unknown"]);
    assert!(!lines.iter().any(|line| line.starts_with("state s99")));
}

/// So many sources are known to a reader, which then stands still until nothing is kept of any.
fn all_gone(queue: &Fake, sources: usize) -> Scene<'_> {
    let mut scene = Scene::new(queue, EventSet::ALL);
    for source in 0..sources {
        scene.beat(source);
        scene.flush();
        queue.read_all();
    }
    (0..sources).for_each(|source| scene.bye(source));
    scene.flush();
    scene.pass(Duration::from_mins(2));
    while scene.tracker.tick().sources.iter().sum::<u64>() > 0 {
        scene.pass(Duration::ZERO);
    }
    scene.flush();
    scene
}

#[test]
fn each_source_that_the_reader_knows_is_told_once_however_many_there_are() {
    const SOURCES: usize = 5_000;
    let queue = Fake::default();
    let mut scene = all_gone(&queue, SOURCES);
    let lines = scene.read_to_the_end();
    assert_eq!(lines[CAPACITY], format!("gap {}", SOURCES - CAPACITY));
    let mut expected: Vec<_> = (0..SOURCES)
        .map(|source| format!("forgotten s{source} unknown"))
        .collect();
    expected.sort();
    assert_eq!(lines[CAPACITY + 1..], expected);
    assert_eq!(scene.relay.forgotten.len(), 0);
}

#[test]
fn a_source_that_came_and_went_unseen_takes_neither_line_nor_memory() {
    let queue = Fake::default();
    let mut scene = all_gone(&queue, CAPACITY + 1);
    let kept = scene.relay.forgotten.len();
    assert_eq!(kept, CAPACITY + 1);
    for source in 100..3_000 {
        scene.beat(source);
        scene.bye(source);
        if source % 100 == 99 {
            scene.pass(Duration::from_mins(2));
        }
        scene.flush();
    }
    assert_eq!(scene.relay.forgotten.len(), kept);
    scene.beat(7);
    let lines = scene.read_to_the_end();
    assert_eq!(lines[CAPACITY], format!("gap {}", 1 + 2_900 * 3 + 1));
    assert_eq!(lines[2 * CAPACITY + 2..], ["state s7 up"]);
    assert_eq!(scene.relay.forgotten.len(), 0);
}

/// Its room in the table is another's when the reader comes to hear of it.
#[test]
fn one_that_takes_the_place_of_a_forgotten_one_is_another() {
    let queue = Fake::default();
    let mut scene = Scene::new(&queue, EventSet::ALL);
    scene.beat(99);
    (0..CAPACITY).for_each(|source| scene.beat(source));
    scene.flush();
    scene.forget(99);
    scene.beat(98);
    scene.flush();
    scene.forget(98);
    scene.beat(97);
    let lines = scene.read_to_the_end();
    let news = ["gap 4", "forgotten s99 unknown", "state s97 up", "state s15 up"];
    assert_eq!(lines[CAPACITY..], news);
}

/// An expected source may be known before it is heard, from a `state` line that somebody asked for.
#[test]
fn an_expected_one_is_told_though_it_was_never_heard_before_the_gap() {
    let queue = Fake::default();
    let mut scene = expecting(&queue);
    scene.beat(99);
    scene.flush();
    scene.tracker.expect(Vec::new(), scene.clock.now);
    scene.pass(Duration::ZERO);
    scene.forget(99);
    let lines = scene.read_to_the_end();
    let news = ["gap 2", "forgotten s99 unknown", "state s16 up"];
    assert_eq!(lines[CAPACITY..], news);
}

/// A scene whose reader knows `s99` as one that is expected, and stands still from then on.
fn expecting(queue: &Fake) -> Scene<'_> {
    let mut scene = Scene::new(queue, EventSet::ALL);
    let (label, group) = (Label::new("s99").unwrap(), None);
    scene
        .tracker
        .expect(vec![Expected { label, group }], scene.clock.now);
    scene.tracker.ask_all_states();
    assert_eq!(scene.read_to_the_end(), ["state s99 unknown"]);
    (0..=CAPACITY).for_each(|source| scene.beat(source));
    scene.flush();
    scene
}

/// That it is left out of the inventory may come before its line is looked at.
#[test]
fn an_expected_one_is_told_though_it_is_expected_no_more_when_its_sign_is_told() {
    let queue = Fake::default();
    let mut scene = expecting(&queue);
    scene.pass(Duration::from_secs(1));
    scene.beat(99);
    scene.tracker.expect(Vec::new(), scene.clock.now);
    scene.pass(Duration::ZERO);
    scene.flush();
    scene.forget(99);
    assert_forgotten_is_told(&mut scene, 99);
}

#[test]
fn an_expected_one_that_was_never_heard_is_told_though_it_is_left_out_as_it_goes_down() {
    let queue = Fake::default();
    let mut scene = expecting(&queue);
    scene.pass(Duration::from_mins(3));
    scene.tracker.expect(Vec::new(), scene.clock.now);
    scene.pass(Duration::ZERO);
    assert_forgotten_is_told(&mut scene, 99);
}

/// It is in the inventory when its line is looked at, but was not when it was heard.
#[test]
fn one_that_came_unseen_is_not_known_because_it_is_expected_from_then_on() {
    let queue = Fake::default();
    let mut scene = Scene::new(&queue, EventSet::ALL);
    scene.tracker.expect(Vec::new(), scene.clock.now);
    (0..=CAPACITY).for_each(|source| scene.beat(source));
    scene.flush();
    scene.beat(99);
    let (label, group) = (Label::new("s99").unwrap(), None);
    scene
        .tracker
        .expect(vec![Expected { label, group }], scene.clock.now);
    scene.pass(Duration::ZERO);
    scene.flush();
    scene.forget(99);
    assert_eq!(scene.read_to_the_end()[CAPACITY..], ["gap 3", "state s16 up"]);
}

/// Who asks for some events alone may hear of a source late: not when it comes, but when it goes down.
#[test]
fn one_that_came_unseen_and_was_told_of_later_is_known() {
    let queue = Fake::default();
    let events = [Happening::Down, Happening::Forgotten].map(EventName::Source);
    let mut scene = Scene::new(&queue, events.into_iter().collect());
    let die = |scene: &mut Scene<'_>, sources: std::ops::RangeInclusive<usize>| {
        sources.for_each(|source| scene.beat(source));
        scene.pass(Duration::from_secs(10));
        scene.flush();
    };
    die(&mut scene, 0..=CAPACITY);
    scene.beat(99);
    assert_eq!(scene.read_to_the_end()[CAPACITY], "gap 1");
    die(&mut scene, 99..=99);
    assert_eq!(scene.read_to_the_end(), ["down s99 down"]);
    die(&mut scene, 200..=200 + CAPACITY);
    scene.pass(Duration::from_secs(55));
    assert_forgotten_is_told(&mut scene, 99);
}
