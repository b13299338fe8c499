use super::*;
use crate::output::Entry;
use crate::output::events::{EventName, EventSet};
use crate::teller::told;
use crate::track::commons::Commons;
use crate::track::config::Config;
use crate::track::event::Tick;
use crate::track::tracker::Instruction;
use crate::track::transmit::Peer;
use beacon_common::{FRAME_LEN, Flags, Frame, Health, Kind, Label, Moment, Reason, Seq, Session};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

mod end;
mod flapping;
mod forgotten;
mod gap;
mod outages;
mod snapshots;
mod truth;
mod twins;

const CAPACITY: usize = 16;

/// A queue whose reader reads when it is told to.
struct Fake {
    capacity: usize,
    waiting: RefCell<VecDeque<Entry>>,
    room_wanted: Cell<bool>,
}

impl Default for Fake {
    fn default() -> Self {
        Self::of(CAPACITY)
    }
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
        self.capacity - self.waiting.borrow().len()
    }

    fn want_room(&self) {
        self.room_wanted.set(true);
    }
}

impl Fake {
    fn of(capacity: usize) -> Self {
        Self {
            capacity,
            waiting: RefCell::default(),
            room_wanted: Cell::default(),
        }
    }

    /// Reads a line, and says whether the relay is woken by that.
    fn read(&self) -> Option<(What, bool)> {
        let what = self.waiting.borrow_mut().pop_front()?.what;
        let has_room = (&self).room() * 2 >= self.capacity;
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

fn config() -> Config {
    Config {
        forget: Duration::from_mins(1),
        ..Config::default()
    }
}

/// A tracker with its relay and their clock.
struct Scene<'a> {
    queue: &'a Fake,
    tracker: Tracker,
    commons: Commons,
    relay: Relay<&'a Fake>,
    clock: Reading,
    seq: u32,
}

impl<'a> Scene<'a> {
    fn new(queue: &'a Fake, events: EventSet) -> Self {
        let commons = Commons::new(&config());
        Self {
            queue,
            tracker: Tracker::sharing(config(), commons.clone()),
            commons,
            relay: Relay::new(Teller::new(queue, queue.capacity, told(events))),
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
            tracker: Tracker::sharing(config(), self.commons.clone()),
            commons: self.commons.clone(),
            relay: Relay::new(self.relay.teller.another()),
            ..Self::new(self.queue, EventSet::ALL)
        }
    }

    fn hear(&mut self, source: usize, kind: Kind) {
        self.hear_in(1, source, kind);
    }

    fn hear_in(&mut self, session: u32, source: usize, kind: Kind) {
        self.seq += 1;
        let frame = Frame {
            kind,
            flags: Flags::default(),
            misses: 0,
            label: Label::new(&format!("s{source}")).unwrap(),
            session: Session::new(session, 1),
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

    fn forget(&mut self, source: usize) {
        let label = Label::new(&format!("s{source}")).unwrap();
        self.tracker.operate(&label, Instruction::Forget, self.clock.now);
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

/// The reader is told that this source is kept no more.
fn assert_forgotten_is_told(scene: &mut Scene<'_>, source: usize) {
    let lines = scene.read_to_the_end();
    let wanted = format!("forgotten s{source} unknown");
    assert!(lines.contains(&wanted), "{lines:?}");
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
