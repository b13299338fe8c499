//! Two live senders of one label, of which a reader that stood still was not told.

use super::*;
use crate::track::twins::MOST_PAIRS;

const BEAT: Kind = Kind::Beat(Health::Ok);

/// Something after which it does not stand any more.
type End = fn(&mut Scene<'_>);

fn events() -> EventSet {
    let told = [Happening::Up, Happening::DuplicateLabel, Happening::Forgotten];
    told.map(EventName::Source).into_iter().collect()
}

impl Scene<'_> {
    /// A sender in the session `older` shows that it lives beside the one in session 9, of each of these sources.
    fn beat_beside(&mut self, older: u32, sources: std::ops::Range<usize>) {
        for (session, ms) in [(9, 1_100), (9, 0), (older, 600), (9, 100), (older, 0)] {
            sources
                .clone()
                .for_each(|source| self.hear_in(session, source, BEAT));
            self.pass(Duration::from_millis(ms));
            self.flush();
        }
    }
}

/// The reader knows `s99`, and stands still.
fn stalled(queue: &Fake) -> Scene<'_> {
    let mut scene = Scene::new(queue, events());
    scene.hear_in(9, 99, BEAT);
    assert_eq!(scene.read_to_the_end(), ["up s99 up"]);
    (0..=CAPACITY).for_each(|source| scene.beat(source));
    scene.flush();
    scene
}

fn told_of_s99(scene: &mut Scene<'_>) -> Vec<String> {
    let mut lines = scene.read_to_the_end();
    lines.retain(|line| line.contains("s99"));
    lines
}

#[test]
fn what_was_missed_is_told_once_after_the_gap() {
    let queue = Fake::default();
    let mut scene = stalled(&queue);
    scene.beat_beside(3, 99..100);
    scene.beat_beside(4, 99..100);
    let lines = scene.read_to_the_end();
    let news = [
        "gap 3",
        "duplicate_label s99 up",
        "state s99 up",
        "state s16 down",
    ];
    assert_eq!(lines[CAPACITY..], news);
    assert_eq!(scene.relay.suspicions.len(), 0);
    scene.beat_beside(4, 99..100);
    assert_eq!(scene.read_to_the_end(), [""; 0]);
}

#[test]
fn it_is_told_as_it_is_by_then() {
    let queue = Fake::default();
    let mut scene = stalled(&queue);
    scene.beat_beside(3, 99..100);
    scene.pass(Duration::from_millis(2_000));
    assert_eq!(
        told_of_s99(&mut scene),
        ["duplicate_label s99 late", "state s99 late"]
    );
}

#[test]
fn what_does_not_stand_any_more_is_not_told() {
    let ends: [(End, &str); 4] = [
        (|scene| scene.hear_in(10, 99, BEAT), "state s99 up"),
        (|scene| scene.pass(Duration::from_secs(9)), "state s99 down"),
        (
            |scene| scene.hear_in(9, 99, Kind::Bye(Reason::Stop)),
            "state s99 stopped",
        ),
        (|scene| scene.forget(99), "forgotten s99 unknown"),
    ];
    for (end, told) in ends {
        let queue = Fake::default();
        let mut scene = stalled(&queue);
        scene.beat_beside(3, 99..100);
        end(&mut scene);
        assert_eq!(told_of_s99(&mut scene), [told]);
        assert_eq!(scene.relay.suspicions.len(), 0);
    }
}

/// It is the first line about it that the reader gets.
#[test]
fn one_that_the_reader_did_not_know_is_known_from_then_on() {
    let queue = Fake::default();
    let mut scene = stalled(&queue);
    scene.beat_beside(3, 200..200 + CAPACITY);
    (0..CAPACITY / 2).for_each(|_| drop(queue.read()));
    scene.flush();
    let waiting = queue.read_all().join("\n");
    assert!(waiting.contains("duplicate_label s200"), "{waiting}");
    assert!(!waiting.contains("state"), "{waiting}");
    scene.forget(200);
    assert_forgotten_is_told(&mut scene, 200);
}

#[test]
fn no_more_are_kept_than_pairs_are_remembered() {
    let queue = Fake::default();
    let mut scene = stalled(&queue);
    scene.beat_beside(3, 100..100 + MOST_PAIRS);
    assert_eq!(scene.relay.suspicions.len(), MOST_PAIRS);
    scene.beat_beside(3, 100 + MOST_PAIRS..150 + MOST_PAIRS);
    assert_eq!(scene.relay.suspicions.len(), MOST_PAIRS);
    let lines = scene.read_to_the_end();
    let told = lines.iter().filter(|line| line.starts_with("duplicate_label"));
    assert_eq!(told.count(), MOST_PAIRS);
    assert_eq!(scene.relay.suspicions.len(), 0);
}
