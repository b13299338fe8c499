use super::*;
use crate::track::event::{Cause, Detail, Marks, SourceId, State};
use beacon_common::{Health, Seq};
use std::time::Duration;

const BOUND: usize = 4;

/// A queue, and what is offered to it in turn.
struct Scene {
    queue: Queue,
    counts: Counts,
    now: Moment,
    id: u64,
}

fn scene() -> Scene {
    let counts = Counts::default();
    Scene {
        queue: Queue::new(EventSet::ALL, BOUND, counts.clone()),
        counts,
        now: Moment::from_micros(1),
        id: 0,
    }
}

fn label(name: &str) -> Label {
    Label::new(name).unwrap()
}

fn event_of(name: &str, happening: Happening, marks: Marks) -> SourceEvent {
    let state = match happening {
        Happening::Down => State::Down,
        Happening::Late => State::Late,
        _ => State::Up,
    };
    SourceEvent {
        happening,
        id: SourceId::FIRST,
        label: label(name),
        addr: None,
        state,
        was: State::Late,
        is_new: false,
        cause: Some(Cause::Silent),
        session: None,
        seq: Seq::FIRST,
        interval_ms: 1_000,
        status: Health::Ok,
        since: Duration::ZERO,
        silent: Duration::ZERO,
        bound: None,
        received: 1,
        lost: 0,
        duplicate: 0,
        reordered: 0,
        detail: Detail::None,
        marks,
        group: None,
    }
}

impl Scene {
    fn offer_what(&mut self, what: What) {
        self.now = self.now.after_ms(1);
        self.id += 1;
        self.queue.offer(Call {
            id: self.id,
            time_us: 0,
            event: Box::new(Event { at: self.now, what }),
        });
    }

    fn offer(&mut self, name: &str, happening: Happening) {
        self.offer_what(What::Source(event_of(name, happening, Marks::default())));
    }

    fn offer_in_mass(&mut self, name: &str, happening: Happening) {
        let marks = Marks {
            mass: true,
            ..Marks::default()
        };
        self.offer_what(What::Source(event_of(name, happening, marks)));
    }

    fn silenced(&mut self, name: &str, happening: Happening) {
        let marks = Marks {
            silenced: true,
            ..Marks::default()
        };
        self.offer_what(What::Source(event_of(name, happening, marks)));
    }

    /// The next call as the name of its source and its event.
    fn next(&mut self) -> Option<String> {
        let call = self.queue.next()?;
        Some(match &call.event.what {
            What::Source(source) => format!("{} {}", source.label, source.happening.name()),
            what => EventName::of(what).name().to_owned(),
        })
    }

    fn done(&mut self, name: &str) {
        self.queue.done(Subject::Source(label(name)));
    }

    /// All that can begin at once.
    fn all(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }

    fn count(&self, outcome: Outcome) -> u64 {
        self.counts.of(outcome)
    }
}

#[test]
fn different_sources_run_at_once_and_one_source_never_does() {
    let mut scene = scene();
    for (name, happening) in [
        ("a", Happening::Down),
        ("b", Happening::Down),
        ("a", Happening::Moved),
    ] {
        scene.offer(name, happening);
    }
    assert_eq!(scene.all(), ["a down", "b down"]);
    scene.offer("a", Happening::Up);
    scene.done("b");
    assert_eq!(scene.all(), [""; 0], "a still runs");
    scene.done("a");
    assert_eq!(scene.all(), ["a moved"]);
    scene.done("a");
    assert_eq!(scene.all(), ["a up"]);
    scene.done("a");
    assert_eq!((scene.queue.len(), scene.queue.lanes.len()), (0, 0));
}

#[test]
fn of_states_that_wait_only_the_last_is_run() {
    let mut scene = scene();
    scene.offer("a", Happening::Down);
    assert_eq!(scene.next().unwrap(), "a down");
    for happening in [
        Happening::Up,
        Happening::Moved,
        Happening::Late,
        Happening::Down,
        Happening::Up,
    ] {
        scene.offer("a", happening);
    }
    assert_eq!(scene.queue.len(), 2);
    assert_eq!(scene.count(Outcome::Replaced), 3);
    scene.done("a");
    assert_eq!(scene.next().unwrap(), "a moved");
    scene.done("a");
    assert_eq!(scene.next().unwrap(), "a up");
}

#[test]
fn a_full_queue_drops_the_new_but_never_what_a_source_already_has_there() {
    let mut scene = scene();
    for name in ["a", "b", "c", "d"] {
        scene.offer(name, Happening::Down);
    }
    scene.offer("e", Happening::Down);
    assert_eq!((scene.queue.len(), scene.count(Outcome::Dropped)), (BOUND, 1));
    scene.offer("a", Happening::Up);
    scene.offer("e", Happening::Up);
    assert_eq!((scene.queue.len(), scene.count(Outcome::Dropped)), (BOUND, 2));
    assert_eq!(scene.all(), ["a up", "b down", "c down", "d down"]);
    for name in ["a", "b", "c", "d"] {
        scene.done(name);
    }
    assert_eq!((scene.queue.len(), scene.queue.lanes.len()), (0, 0));
}

#[test]
fn ten_thousand_sources_that_come_and_go_take_no_more_than_their_place() {
    let mut scene = scene();
    scene.queue.bound = 10_000;
    let names: Vec<_> = (0..10_000).map(|number| format!("s{number}")).collect();
    for happening in [Happening::Down, Happening::Up, Happening::Down] {
        for name in &names {
            scene.offer(name, happening);
        }
    }
    assert_eq!(scene.queue.len(), 10_000);
    assert_eq!(scene.count(Outcome::Replaced), 20_000);
    let expected: Vec<_> = names.iter().map(|name| format!("{name} down")).collect();
    assert_eq!(scene.all(), expected);
}

#[test]
fn nothing_is_run_for_a_silenced_source() {
    let mut scene = scene();
    scene.offer("a", Happening::Down);
    scene.offer("b", Happening::Down);
    scene.silenced("a", Happening::Up);
    assert_eq!(scene.count(Outcome::Withheld), 2);
    assert_eq!(scene.queue.len(), 1);
    scene.offer("a", Happening::Down);
    assert_eq!(scene.all(), ["b down", "a down"]);
}

#[test]
fn a_silence_reaches_what_waits() {
    let mut scene = scene();
    scene.offer("a", Happening::Down);
    scene.offer("a", Happening::Moved);
    scene.offer("b", Happening::Down);
    scene.queue.silence(label("a"));
    assert_eq!(scene.count(Outcome::Withheld), 2);
    assert_eq!(scene.queue.len(), 1);
    assert_eq!(scene.all(), ["b down"]);
    // Its hook runs, so that nothing else of it may begin before that has ended.
    scene.offer("b", Happening::Up);
    scene.queue.silence(label("b"));
    assert_eq!(scene.queue.len(), 0);
    scene.offer("b", Happening::Down);
    assert_eq!(scene.all(), [""; 0]);
    scene.queue.done(Subject::Source(label("b")));
    assert_eq!(scene.all(), ["b down"]);
}

#[test]
fn a_silence_reaches_a_fall_that_is_held() {
    let mut scene = scene();
    scene.offer_in_mass("a", Happening::Down);
    scene.offer_in_mass("b", Happening::Down);
    scene.queue.silence(label("a"));
    assert_eq!(scene.count(Outcome::Withheld), 1);
    scene.offer_what(What::MassOver(Mass { count: 2, total: 10 }));
    assert_eq!(scene.all(), ["b down", "mass_over"]);
    assert_eq!(scene.queue.len(), 0);
}

#[test]
fn falls_wait_for_the_end_of_a_mass_loss() {
    let mut scene = scene();
    let mass = |count| Mass { count, total: 10 };
    scene.offer_what(What::MassLoss(mass(5)));
    for name in ["a", "b"] {
        scene.offer_in_mass(name, Happening::Late);
        scene.offer_in_mass(name, Happening::Down);
    }
    // It was down before, and what has taken it out is to be undone.
    scene.offer_in_mass("c", Happening::Up);
    assert_eq!(scene.all(), ["mass_loss", "c up"]);
    scene.queue.done(Subject::Collector);
    // It is back: nothing has happened to it, and putting it back does no harm.
    scene.offer_in_mass("a", Happening::Up);
    assert_eq!(scene.all(), ["a up"]);
    assert_eq!(scene.count(Outcome::Withheld), 1);
    let of_the_next_one = Mass { count: 4, total: 10 };
    scene.offer_what(What::MassOver(of_the_next_one));
    assert_eq!(scene.all(), ["b down", "mass_over"]);
    assert_eq!(scene.queue.len(), 0);
}

#[test]
fn a_fleet_that_is_gone_is_not_run_for() {
    let mut scene = scene();
    scene.offer_in_mass("a", Happening::Down);
    scene.offer_what(What::MassOver(Mass { count: 5, total: 10 }));
    assert_eq!(scene.all(), ["mass_over"]);
    assert_eq!(scene.count(Outcome::Withheld), 1);
    assert_eq!(scene.queue.len(), 0);
}

/// Several workers tell: a fall may come behind the end of its mass loss, or before the beginning of the next one.
#[test]
fn a_fall_belongs_to_the_mass_loss_of_its_moment() {
    let mut scene = scene();
    let early = scene.now.after_us(1);
    scene.offer_what(What::MassOver(Mass { count: 1, total: 10 }));
    let marks = Marks {
        mass: true,
        ..Marks::default()
    };
    let what = What::Source(event_of("a", Happening::Down, marks));
    scene.queue.offer(Call {
        id: 7,
        time_us: 0,
        event: Box::new(Event { at: early, what }),
    });
    scene.offer_in_mass("b", Happening::Down);
    assert_eq!(scene.all(), ["mass_over", "a down"]);
    assert_eq!(scene.queue.len(), 1, "b waits");
}

#[test]
fn what_was_not_asked_for_is_only_looked_at() {
    let mut scene = scene();
    scene.queue.events = [EventName::Source(Happening::Down)].into_iter().collect();
    scene.offer_in_mass("a", Happening::Down);
    scene.offer_what(What::MassOver(Mass { count: 1, total: 10 }));
    assert_eq!(scene.all(), ["a down"]);
}
