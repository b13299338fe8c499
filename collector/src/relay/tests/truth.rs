//! What a reader knows who takes the lines as docs/events.md says: how many were dropped on the way, and in the end which
//! sources there are, how each of them is, whether a mass loss lasts and how long the collector was blind.

use super::{CAPACITY, Fake, Scene};
use crate::output::events::EventSet;
use crate::track::event::{Cause, Event, Happening, SourceEvent, State, What};
use crate::track::inventory::Expected;
use crate::track::tracker::Instruction;
use beacon_common::Label;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// What a reader knows from the lines it got.
#[derive(Default)]
struct Reader {
    states: HashMap<Label, State>,
    /// Those that flap: of them it knows the state in the last line, and that it need not be the present one.
    flapping: HashSet<Label>,
    is_mass: bool,
    blind: Duration,
    lines: u64,
    gaps: u64,
}

impl Reader {
    fn read(&mut self, what: &What) {
        match what {
            What::Gap { dropped } => self.gaps += dropped,
            What::Source(SourceEvent {
                happening,
                label,
                state,
                was,
                marks,
                ..
            }) => {
                if marks.flapping && *happening != Happening::Forgotten {
                    self.flapping.insert(*label);
                } else {
                    self.flapping.remove(label);
                }
                let known = self.states.get(label).copied();
                match happening {
                    Happening::Forgotten => {
                        self.states.remove(label);
                    }
                    Happening::State => {
                        self.states.insert(*label, *state);
                    }
                    _ => {
                        // Events join on seamlessly to what was known: nothing is missing and nothing is told twice.
                        assert_eq!(known.unwrap_or_default(), *was, "{label} {happening:?}");
                        self.states.insert(*label, *state);
                        self.lines += 1;
                    }
                }
            }
            What::MassLoss(_) => self.is_mass = true,
            What::MassOver(_) => self.is_mass = false,
            What::Blind { blind, .. } => self.blind += *blind,
            What::Start { .. } | What::Tick(_) | What::End(_) => {}
        }
    }
}

/// What may happen to the sources of a relay.
impl Scene<'_> {
    /// Something random happens to the source with this number, to all, or to the inventory, which has half of the numbers
    /// from `expected` on.
    fn happen(&mut self, (source, expected): (usize, usize), draw: &mut impl FnMut(u64) -> u64) {
        let label = |number: usize| Label::new(&format!("s{number}")).unwrap();
        match draw(320) {
            0..=159 => self.beat(source),
            160..=199 => self.bye(source),
            200..=201 => self.pass(Duration::from_secs(70)),
            // All fall together: nobody is heard for longer than the interval of a second.
            202..=205 => self.pass(Duration::from_secs(2)),
            206..=209 => {
                let (from, blind) = (self.clock.now, Duration::from_millis(100 + draw(900)));
                self.clock.now = from + blind;
                self.tracker.on_blind(from, self.clock.now, blind, Cause::Stalled);
            }
            210..=217 => {
                self.tracker
                    .operate(&label(source), Instruction::Forget, self.clock.now);
            }
            218 => {
                let listed = (expected..expected + 40).filter(|_| draw(2) == 0);
                let listed = listed.map(|number| Expected {
                    label: label(number),
                    group: None,
                });
                self.tracker.expect(listed.collect(), self.clock.now);
            }
            219 => self.tracker.ask_all_states(),
            _ => self.pass(Duration::from_millis(draw(800))),
        }
    }
}

/// Random beats, byes and silences of the sources of several relays, and a reader that now reads and now does not.
fn assert_the_truth_is_known_in_the_end(relays: usize, seed: u64) {
    let mut random = seed;
    let mut draw = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let queue = Fake::default();
    let mut scenes = vec![Scene::new(&queue, EventSet::ALL)];
    (1..relays).for_each(|_| scenes.push(scenes[0].beside()));
    let mut reader = Reader::default();
    for step in 0..2_000 {
        let number = draw(relays as u64) as usize;
        // No two relays tell of the same source.
        let first = 40 * number;
        let source = first + draw(40) as usize;
        scenes[number].happen((source, first), &mut draw);
        // Nor do they all come to tell at once.
        if draw(4) > 0 {
            scenes[number].flush();
        }
        // Now a reader that keeps up, now a slow one.
        let reads = if step / 100 % 2 == 0 { u64::MAX } else { draw(2) };
        let lines = std::iter::from_fn(|| queue.read()).take(usize::try_from(reads).unwrap_or(usize::MAX));
        lines.for_each(|(what, _)| reader.read(&what));
    }
    loop {
        let flushed: Vec<bool> = scenes.iter_mut().map(Scene::flush).collect();
        if flushed.iter().all(|&is_all| is_all) && queue.waiting.borrow().is_empty() {
            break;
        }
        std::iter::from_fn(|| queue.read()).for_each(|(what, _)| reader.read(&what));
    }
    assert_eq!(reader.gaps, scenes[0].relay.teller.dropped(), "seed {seed}");
    assert!(
        reader.gaps > 0 && reader.lines > 100,
        "seed {seed}: {} {}",
        reader.gaps,
        reader.lines
    );
    let outage = scenes[0].relay.teller.outages().now();
    assert_eq!(reader.is_mass, outage.mass.is_some(), "seed {seed}");
    assert_eq!(reader.blind, outage.blind_in_all, "seed {seed}");
    for scene in &mut scenes {
        scene.tracker.ask_all_states();
        while let Some(Event {
            what: What::Source(source),
            ..
        }) = scene.tracker.poll_state(scene.clock.now)
        {
            let (label, flaps) = (source.label, source.marks.flapping);
            assert_eq!(reader.flapping.contains(&label), flaps, "seed {seed}: {label}");
            assert_eq!(reader.is_mass, source.marks.mass, "seed {seed}: {label}");
            // The line before, of which `was` tells, is the last one that the reader got.
            let truth = if flaps { source.was } else { source.state };
            // Of an expected source that was never heard no line tells until it is asked for.
            let known = reader.states.remove(&label).unwrap_or_default();
            assert_eq!(known, truth, "seed {seed}: {label}");
        }
    }
    // What the reader knows beside those is gone.
    assert_eq!(reader.states, HashMap::new(), "seed {seed}");
}

#[test]
fn whatever_the_reader_does_it_knows_the_truth_in_the_end() {
    (1..=50).for_each(|seed| assert_the_truth_is_known_in_the_end(1, seed));
}

#[test]
fn it_knows_the_truth_of_several_relays_too() {
    (1..=50).for_each(|seed| assert_the_truth_is_known_in_the_end(3, seed));
}

/// A reader misses lines, not relays: who tells first tells of all.
#[test]
fn one_gap_tells_of_the_lines_that_several_dropped() {
    let queue = Fake::default();
    let mut one = Scene::new(&queue, EventSet::ALL);
    let mut other = one.beside();
    (0..=CAPACITY).for_each(|source| one.beat(source));
    one.flush();
    (20..23).for_each(|source| other.beat(source));
    other.flush();
    assert_eq!((one.relay.teller.dropped(), other.relay.teller.dropped()), (4, 4));
    assert_eq!(queue.read_all().len(), CAPACITY);
    assert!(other.flush() && one.flush());
    assert_eq!(
        queue.read_all(),
        [
            "gap 4",
            "state s20 up",
            "state s21 up",
            "state s22 up",
            "state s16 up"
        ]
    );
}
