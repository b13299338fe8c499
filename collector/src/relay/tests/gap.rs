//! What a reader is told that was too slow, and when.

use super::*;

#[test]
fn after_a_gap_come_the_states_and_only_then_what_happens_next() {
    let queue = Fake::default();
    let mut scene = Scene::new(&queue, EventSet::ALL);
    (0..CAPACITY + 3).for_each(|source| scene.beat(source));
    assert!(!scene.flush());
    scene.bye(17);
    scene
        .relay
        .teller
        .tell(What::Tick(Default::default()), &scene.clock);
    assert!(!scene.flush());
    assert_eq!(scene.relay.teller.dropped(), 5);

    // One short of half empty, nothing may come; at half empty the relay is woken.
    let woken: Vec<_> = (0..CAPACITY / 2).map(|_| queue.read().unwrap().1).collect();
    assert_eq!(woken.iter().position(|&woken| woken), Some(CAPACITY / 2 - 1));
    scene.bye(18);
    assert!(scene.flush());
    scene.bye(16);
    scene.flush();
    let lines = queue.read_all();
    let rest: Vec<_> = (8..16).map(|source| format!("up s{source} up")).collect();
    assert_eq!(lines[..8], rest);
    assert_eq!(
        lines[8..],
        [
            "gap 6",
            "state s16 up",
            "state s17 stopped",
            "state s18 stopped",
            "stopped s16 stopped"
        ]
    );
    assert_eq!(scene.relay.teller.dropped(), 6);
}

#[test]
fn lines_wait_for_half_the_queue() {
    let queue = Fake::default();
    let mut scene = Scene::new(&queue, EventSet::ALL);
    (0..=CAPACITY).for_each(|source| scene.beat(source));
    scene.flush();
    (1..CAPACITY / 2).for_each(|_| assert_eq!(queue.read().map(|(_, woken)| woken), Some(false)));
    assert!(!scene.flush());
    assert_eq!((&queue).room(), CAPACITY / 2 - 1);
}

#[test]
fn a_filtered_line_is_no_dropped_one_but_the_gap_and_its_states_are_told() {
    let queue = Fake::default();
    let stopped = EventName::Source(Happening::Stopped);
    let mut scene = Scene::new(&queue, [stopped].into_iter().collect());
    (0..2 * CAPACITY).for_each(|source| scene.beat(source));
    scene
        .relay
        .teller
        .tell(What::Tick(Default::default()), &scene.clock);
    assert!(scene.flush());
    assert_eq!((queue.read_all().len(), scene.relay.teller.dropped()), (0, 0));
    (0..CAPACITY + 1).for_each(|source| scene.bye(source));
    // Filtered again, and so no reason for a state either.
    scene.beat(20);
    scene.flush();
    let lines = scene.read_to_the_end();
    assert_eq!(lines.len(), CAPACITY + 2);
    assert_eq!(lines[CAPACITY..], ["gap 1", "state s16 stopped"]);
    assert!(scene.end());
    assert_eq!(queue.read_all(), [""; 0]);
}
