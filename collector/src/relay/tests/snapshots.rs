//! `state` lines of all sources, that were asked for.

use super::*;
use crate::track::event::SourceId;

#[test]
fn a_snapshot_of_many_never_crowds_out_what_happens() {
    let queue = Fake::default();
    let mut scene = Scene::new(&queue, EventSet::ALL);
    for source in 0..1_000 {
        scene.beat(source);
        scene.flush();
        queue.read_all();
    }
    scene.tracker.ask_all_states();
    let mut lines = Vec::new();
    let mut wakes = 0;
    let mut is_all_told = scene.flush();
    while let Some((what, woken)) = queue.read() {
        lines.push(shown(&what));
        if lines.len() % 7 == 0 {
            scene.bye(lines.len() % 1_000);
            scene.bye((lines.len() + 1) % 1_000);
            is_all_told = scene.flush();
        }
        if woken {
            wakes += 1;
            is_all_told = scene.flush();
        }
    }
    assert!(is_all_told);
    assert_eq!(scene.relay.teller.dropped(), 0);
    assert!(wakes > 100, "{wakes} wakes");
    assert_eq!(
        lines.iter().filter(|line| line.starts_with("state ")).count(),
        1_000
    );
}

/// Of five sources one is down, one late, one stopped.
fn mixed(queue: &Fake) -> Scene<'_> {
    let mut scene = Scene::new(queue, EventSet::ALL);
    (0..5).for_each(|source| scene.beat(source));
    scene.pass(Duration::from_secs(10));
    scene.beat(1);
    scene.pass(Duration::from_millis(1_500));
    scene.bye(3);
    scene.beat(0);
    scene.beat(4);
    scene.read_to_the_end();
    scene
}

#[test]
fn a_snapshot_tells_the_worst_first() {
    let queue = Fake::default();
    let mut scene = mixed(&queue);
    scene.tracker.ask_all_states();
    let expected = [
        "state s2 down",
        "state s1 late",
        "state s3 stopped",
        "state s0 up",
        "state s4 up",
    ];
    assert_eq!(scene.read_to_the_end(), expected);
}

#[test]
fn whoever_changes_its_state_during_a_snapshot_is_not_missed() {
    let queue = Fake::default();
    let mut scene = mixed(&queue);
    scene.tracker.ask_all_states();
    for expected in [
        "state s2 down",
        "state s1 late",
        "state s3 stopped",
        "state s0 up",
    ] {
        let line = scene.tracker.poll_state(scene.clock.now).unwrap();
        assert_eq!(shown(&line.what), expected);
    }
    // Told before, with a state that the snapshot has not come to; told before; and not told yet.
    scene.beat(2);
    scene.bye(0);
    scene.bye(4);
    let expected = [
        "up s2 up",
        "stopped s0 stopped",
        "stopped s4 stopped",
        "state s4 stopped",
        "state s2 up",
    ];
    assert_eq!(scene.read_to_the_end(), expected);
}

#[test]
fn a_search_among_many_is_left_and_taken_up_again() {
    let queue = Fake::default();
    let mut scene = Scene::new(&queue, EventSet::ALL);
    for source in 0..4_000 {
        scene.beat(source);
        scene.flush();
        queue.read_all();
    }
    scene.tracker.ask_all_states();
    assert!(!scene.flush());
    assert!(scene.relay.is_paused(), "there is room");
    assert_eq!(queue.read_all(), [""; 0]);
    assert!(!scene.flush());
    assert!(!scene.relay.is_paused(), "there is none");
    assert_eq!(scene.read_to_the_end().len(), 4_000);
    assert!(!scene.relay.is_paused());
}

/// However much room there is: the sockets have their turn in between.
#[test]
fn many_lines_are_told_a_part_at_a_time() {
    const SOURCES: usize = 9_000;
    let queue = Fake::of(100_000);
    let mut scene = Scene::new(&queue, EventSet::ALL);
    (0..SOURCES).for_each(|source| scene.beat(source));
    assert!(scene.flush());
    assert_eq!(queue.read_all().len(), SOURCES);
    (0..SOURCES).for_each(|source| scene.tracker.ask_state(SourceId(source as u32)));
    for _ in 0..2 {
        assert!(!scene.flush());
        assert!(scene.relay.is_paused(), "there is room");
        assert_eq!(queue.read_all().len(), LINES_A_FLUSH);
    }
    assert!(scene.flush());
    assert_eq!(queue.read_all().len(), SOURCES - 2 * LINES_A_FLUSH);
}
