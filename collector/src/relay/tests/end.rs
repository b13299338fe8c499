//! The last lines.

use super::*;

#[test]
fn the_end_takes_the_last_room() {
    let queue = Fake::default();
    let mut scene = Scene::new(&queue, EventSet::ALL);
    (1..CAPACITY).for_each(|source| scene.beat(source));
    scene.flush();
    assert!(scene.end());
    assert_eq!(queue.read_all()[CAPACITY - 1], "end");
}

#[test]
fn the_end_comes_last_and_waits_for_room() {
    let queue = Fake::default();
    let mut scene = Scene::new(&queue, EventSet::ALL);
    (0..CAPACITY + 2).for_each(|source| scene.beat(source));
    assert!(!scene.end());
    queue.read_all();
    assert!(scene.end());
    assert_eq!(queue.read_all(), ["gap 2", "state s16 up", "state s17 up", "end"]);
}

#[test]
fn the_end_never_hides_that_lines_were_dropped() {
    let queue = Fake::default();
    let mut scene = Scene::new(&queue, EventSet::ALL);
    (0..CAPACITY + 2).for_each(|source| scene.beat(source));
    scene.flush();
    // The worker has given up on the reader, which comes back just then.
    let mut supervisor = scene.relay.teller.another();
    queue.read_all();
    assert!(supervisor.end(&Tick::default(), &scene.clock));
    assert_eq!(queue.read_all(), ["gap 2", "end"]);
}
