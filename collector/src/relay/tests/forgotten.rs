//! Sources that are kept no more when the reader comes to hear of them.

use super::*;

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
    assert_eq!(lines[gap + 1], "forgotten s99 unknown");
    assert!(!lines.iter().any(|line| line.starts_with("state s99")));
}
