//! What a reader knows: how many lines were dropped on the way, and in the end the present state of every source.

use super::{CAPACITY, Fake, Scene};
use crate::output::events::EventSet;
use crate::track::event::{Event, Happening, SourceEvent, State, What};
use beacon_common::Label;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// What a reader knows from the lines it got.
#[derive(Default)]
struct Reader {
    states: HashMap<Label, State>,
    /// Those that flap: of them it knows the state in the last line, and that it need not be the present one.
    flapping: HashSet<Label>,
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
            What::Start { .. }
            | What::Tick(_)
            | What::Blind { .. }
            | What::MassLoss(_)
            | What::MassOver(_)
            | What::End(_) => {}
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
        let mut source = || 40 * number + draw(40) as usize;
        let (one, kind) = (source(), draw(8));
        let scene = &mut scenes[number];
        match kind {
            0..=3 => scene.beat(one),
            4 => scene.bye(one),
            5 if draw(20) == 0 => scene.pass(Duration::from_secs(70)),
            _ => scene.pass(Duration::from_millis(draw(800))),
        }
        scene.flush();
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
    let mut sources = 0;
    for scene in &mut scenes {
        scene.tracker.ask_all_states();
        while let Some(Event {
            what: What::Source(source),
            ..
        }) = scene.tracker.poll_state(scene.clock.now)
        {
            let (label, flaps) = (source.label, source.marks.flapping);
            assert_eq!(reader.flapping.contains(&label), flaps, "seed {seed}: {label}");
            // The line before, of which `was` tells, is the last one that the reader got.
            let known = if flaps { source.was } else { source.state };
            assert_eq!(reader.states.get(&label), Some(&known), "seed {seed}: {label}");
            sources += 1;
        }
    }
    assert_eq!(reader.states.len(), sources, "seed {seed}");
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
