//! What is told of a source that flaps to a reader who asked for some events alone.

use super::*;

/// A fall is told until the source flaps; then it goes down for good.
fn told_of_one_that_flaps_and_dies(events: &[Happening]) -> Vec<String> {
    let queue = Fake::default();
    let events = events.iter().copied().map(EventName::Source).collect();
    let mut scene = Scene::new(&queue, events);
    // One that keeps a source for longer than it has to be steady.
    scene.tracker = Tracker::new(Config::default());
    let mut lines = Vec::new();
    for _ in 0..6 {
        scene.beat(1);
        for _ in 0..20 {
            scene.pass(Duration::from_secs(1));
            lines.extend(scene.read_to_the_end());
        }
    }
    for _ in 0..10 {
        scene.pass(Duration::from_mins(1));
        lines.extend(scene.read_to_the_end());
    }
    lines
}

#[test]
fn who_asks_for_down_and_up_is_told_the_state_that_flapping_has_left() {
    let lines = told_of_one_that_flaps_and_dies(&[Happening::Down, Happening::Up]);
    let mut expected = ["up s1 up", "down s1 down"].repeat(5);
    expected.extend(["up s1 up", "steady s1 down"]);
    assert_eq!(lines, expected);
}

#[test]
fn who_asks_for_no_state_that_is_held_back_is_not_told_of_the_end_of_flapping() {
    let lines = told_of_one_that_flaps_and_dies(&[Happening::Flapping]);
    assert_eq!(lines, ["flapping s1 late"]);
}
