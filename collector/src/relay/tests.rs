use super::*;
use crate::output::Entry;
use crate::output::events::{EventName, EventSet};
use crate::teller::told;
use crate::track::config::Config;
use crate::track::event::Tick;
use crate::track::transmit::Peer;
use beacon_common::{FRAME_LEN, Flags, Frame, Health, Kind, Label, Moment, Reason, Seq, Session};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

mod flapping;
mod truth;

const CAPACITY: usize = 16;

/// A queue whose reader reads when it is told to.
#[derive(Default)]
struct Fake {
    waiting: RefCell<VecDeque<Entry>>,
    room_wanted: Cell<bool>,
}

impl Queue for &Fake {
    fn push(&self, entry: Entry) -> Result<(), Full> {
        if self.room() == 0 {
            self.room_wanted.set(true);
            return Err(Full);
        }
        self.waiting.borrow_mut().push_back(entry);
        Ok(())
    }

    fn room(&self) -> usize {
        CAPACITY - self.waiting.borrow().len()
    }

    fn want_room(&self) {
        self.room_wanted.set(true);
    }
}

impl Fake {
    /// Reads a line, and says whether the relay is woken by that.
    fn read(&self) -> Option<(What, bool)> {
        let what = self.waiting.borrow_mut().pop_front()?.what;
        let has_room = (&self).room() * 2 >= CAPACITY;
        Some((what, has_room && self.room_wanted.replace(false)))
    }

    fn read_all(&self) -> Vec<String> {
        std::iter::from_fn(|| self.read())
            .map(|(what, _)| shown(&what))
            .collect()
    }
}

fn shown(what: &What) -> String {
    match what {
        What::Source(source) => {
            format!(
                "{} {} {}",
                source.happening.name(),
                source.label,
                source.state.name()
            )
        }
        What::Gap { dropped } => format!("gap {dropped}"),
        What::Start { .. } => "start".to_owned(),
        What::Tick(_) => "tick".to_owned(),
        What::Blind { .. } => "blind".to_owned(),
        What::MassLoss(_) => "mass_loss".to_owned(),
        What::MassOver(_) => "mass_over".to_owned(),
        What::End(_) => "end".to_owned(),
    }
}

/// A tracker with its relay and their clock.
struct Scene<'a> {
    queue: &'a Fake,
    tracker: Tracker,
    relay: Relay<&'a Fake>,
    clock: Reading,
    seq: u32,
}

impl<'a> Scene<'a> {
    fn new(queue: &'a Fake, events: EventSet) -> Self {
        Self {
            queue,
            tracker: Tracker::new(Config {
                forget: Duration::from_mins(1),
                ..Config::default()
            }),
            relay: Relay::new(Teller::new(queue, CAPACITY, told(events))),
            clock: Reading {
                now: Moment::from_nanos(1_000_000_000),
                wall_nanos: 1_700_000_000_000_000_000,
            },
            seq: 0,
        }
    }

    /// Another tracker whose relay tells to the same queue.
    fn beside(&self) -> Self {
        Self {
            relay: Relay::new(self.relay.teller.another()),
            ..Self::new(self.queue, EventSet::ALL)
        }
    }

    fn hear(&mut self, source: usize, kind: Kind) {
        self.seq += 1;
        let frame = Frame {
            kind,
            flags: Flags::default(),
            misses: 0,
            label: Label::new(&format!("s{source}")).unwrap(),
            session: Session::new(1, 1),
            sent_us: self.clock.now.as_micros(),
            seq: Seq::new(self.seq),
            interval_ms: 1_000,
            next_ms: 1_000,
            uptime_s: 1,
        };
        let mut bytes = [0; FRAME_LEN];
        frame.emit(None, &mut bytes);
        let peer = Peer {
            addr: "192.0.2.1:9".parse().unwrap(),
            socket: 0,
            local: None,
        };
        self.tracker.on_datagram(self.clock.now, peer, &bytes);
    }

    fn beat(&mut self, source: usize) {
        self.hear(source, Kind::Beat(Health::Ok));
    }

    fn bye(&mut self, source: usize) {
        self.hear(source, Kind::Bye(Reason::Stop));
    }

    fn pass(&mut self, time: Duration) {
        self.clock.now = self.clock.now + time;
        self.tracker.on_time(self.clock.now);
    }

    fn flush(&mut self) -> bool {
        self.relay.flush(&mut self.tracker, &self.clock)
    }

    /// What is left to tell, and then the end.
    fn end(&mut self) -> bool {
        self.relay.finish(&mut self.tracker, &self.clock)
            && self.relay.teller.end(&Tick::default(), &self.clock)
    }

    /// Reads all there is to read, however often the relay has to come again.
    fn read_to_the_end(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let is_all_told = self.flush();
            let more = self.queue.read_all();
            if is_all_told && more.is_empty() {
                return lines;
            }
            lines.extend(more);
        }
    }
}

#[test]
fn a_reader_that_keeps_up_is_told_all_in_order() {
    let queue = Fake::default();
    let mut scene = Scene::new(&queue, EventSet::ALL);
    scene
        .relay
        .teller
        .tell(What::Tick(Default::default()), &scene.clock);
    scene.beat(1);
    scene.beat(2);
    scene.bye(1);
    assert!(scene.flush());
    assert_eq!(
        queue.read_all(),
        ["tick", "up s1 up", "up s2 up", "stopped s1 stopped"]
    );
    assert_eq!(scene.relay.teller.dropped(), 0);
}

#[test]
fn wall_time_is_the_moment_plus_the_present_offset() {
    let queue = Fake::default();
    let mut scene = Scene::new(&queue, EventSet::ALL);
    scene.beat(1);
    scene.clock.now = scene.clock.now + Duration::from_millis(2);
    scene.flush();
    let entry = queue.waiting.borrow_mut().pop_front().unwrap();
    assert_eq!(entry.time_us, 1_699_999_999_998_000);
}

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
fn what_happens_is_counted_whether_a_line_tells_it_or_not() {
    let queue = Fake::default();
    let stopped = EventName::Source(Happening::Stopped);
    let mut scene = Scene::new(&queue, [stopped].into_iter().collect());
    let counts = scene.relay.teller.event_counts();
    (0..=CAPACITY).for_each(|source| scene.beat(source));
    scene
        .relay
        .teller
        .tell(What::Tick(Default::default()), &scene.clock);
    (0..=CAPACITY).for_each(|source| scene.bye(source));
    scene.flush();
    assert_eq!(scene.read_to_the_end().len(), CAPACITY + 2);
    let mut other = scene.beside();
    other.beat(1);
    other.flush();
    assert!(scene.end());
    let counted: HashMap<_, _> = counts.iter().filter(|&(_, count)| count > 0).collect();
    let expected = [
        (EventName::Source(Happening::Up), 18),
        (stopped, 17),
        (EventName::Source(Happening::State), 1),
        (EventName::Tick, 1),
        (EventName::Gap, 1),
        (EventName::End, 1),
    ];
    assert_eq!(counted, expected.into_iter().collect());
}
