//! What befell all sources together while the reader stood still.

use super::*;
use crate::track::event::{Cause, Mass};

/// A scene whose reader stands still: the queue is full, and a line is dropped.
fn stalled(queue: &Fake) -> Scene<'_> {
    let mut scene = Scene::new(queue, EventSet::ALL);
    (0..=CAPACITY).for_each(|source| scene.beat(source));
    scene.flush();
    scene
}

impl Scene<'_> {
    fn tell_at(&mut self, seconds: u64, what: What) {
        let now = self.clock.now + Duration::from_secs(seconds);
        let clock = Reading { now, ..self.clock };
        self.relay.teller.tell(what, &clock);
    }

    /// The lines behind those that waited, without the states.
    fn news(&mut self) -> Vec<String> {
        let mut lines = self.read_to_the_end().split_off(CAPACITY);
        lines.retain(|line| !line.starts_with("state"));
        lines
    }
}

fn mass(count: u64) -> Mass {
    Mass { count, total: 20 }
}

fn blind(seconds: u64, cause: Cause) -> What {
    let blind = Duration::from_secs(seconds);
    What::Blind { blind, cause }
}

#[test]
fn whether_a_mass_loss_lasts_is_told_after_the_gap() {
    let (loss, over) = (What::MassLoss(mass(10)), What::MassOver(mass(9)));
    for (missed, told) in [
        (vec![&loss], vec!["gap 2", "mass_loss"]),
        (vec![&loss, &over], vec!["gap 3", "mass_over"]),
        (vec![&over], vec!["gap 2", "mass_over"]),
        (vec![&over, &loss], vec!["gap 3", "mass_loss"]),
    ] {
        let queue = Fake::default();
        let mut scene = stalled(&queue);
        for (seconds, what) in (1..).zip(missed) {
            scene.tell_at(seconds, what.clone());
        }
        assert_eq!(scene.news(), told);
        assert_eq!(scene.read_to_the_end(), [""; 0], "it is told once");
    }
}

/// One worker may be woken before another that had to tell what came first.
#[test]
fn a_line_about_a_mass_loss_that_comes_too_late_is_left_out() {
    let queue = Fake::default();
    let mut one = Scene::new(&queue, EventSet::ALL);
    let mut other = one.beside();
    one.tell_at(2, What::MassOver(mass(9)));
    other.tell_at(1, What::MassLoss(mass(10)));
    assert_eq!(queue.read_all(), ["mass_over"]);

    (0..CAPACITY).for_each(|source| one.beat(source));
    one.flush();
    other.tell_at(3, What::MassLoss(mass(10)));
    queue.read_all();
    // Not behind, and so told before what the other one has missed.
    one.tell_at(4, What::MassOver(mass(9)));
    assert!(other.flush());
    assert_eq!(queue.read_all(), ["mass_over", "gap 1"]);
}

#[test]
fn the_blind_times_that_were_missed_are_told_as_one() {
    let queue = Fake::default();
    let mut scene = stalled(&queue);
    scene.tell_at(3, blind(2, Cause::Stalled));
    let mut other = scene.beside();
    other.tell_at(9, blind(4, Cause::Suspended));
    let wall = scene.clock.wall_micros(scene.clock.now + Duration::from_secs(9));
    queue.read_all();
    scene.flush();
    let told: Vec<_> = queue.waiting.take().into();
    assert_eq!(told[0].what, What::Gap { dropped: 3 });
    assert_eq!(told[1].what, blind(6, Cause::Suspended));
    assert_eq!(told[1].time_us, wall);
    assert!(other.flush());
    assert_eq!(queue.read_all(), [""; 0], "it is told once, whoever missed it");
}

#[test]
fn what_nobody_asked_for_is_not_told_after_a_gap_either() {
    let queue = Fake::default();
    let up = EventName::Source(Happening::Up);
    let mut scene = Scene::new(&queue, [up].into_iter().collect());
    (0..=CAPACITY).for_each(|source| scene.beat(source));
    scene.flush();
    scene.tell_at(1, What::MassLoss(mass(10)));
    scene.tell_at(2, blind(1, Cause::Stalled));
    assert_eq!(scene.news(), ["gap 1"]);
}
