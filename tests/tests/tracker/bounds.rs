//! The work of one call is bounded, however much there is to do.

use std::collections::BTreeMap;

use beacon_collector::track::config::Config;
use beacon_collector::track::event::{Event, Happening, State, What};
use beacon_collector::track::tracker::Tracker;
use beacon_common::{FRAME_LEN, Frame};
use beacon_tests::line::Line;
use beacon_tests::stage::{at, beat, home, label};

const FLEET: u32 = 100_000;

/// A call that tells more than this would keep the sockets waiting.
const MOST_A_CALL: usize = 4_096;

fn fleet() -> Tracker {
    let mut tracker = Tracker::new(Config {
        admit_rate: None,
        ..Config::default()
    });
    for number in 0..FLEET {
        let mut bytes = [0; FRAME_LEN];
        Frame {
            label: label(&format!("n{number}")),
            ..beat(1)
        }
        .emit(None, &mut bytes);
        tracker.on_datagram(at(0), home(), &bytes);
    }
    assert_eq!(
        std::iter::from_fn(|| tracker.poll_event()).count(),
        FLEET as usize
    );
    tracker
}

fn happening(event: &Event) -> Option<(Happening, String)> {
    match &event.what {
        What::Source(told) => Some((told.happening, told.label.to_string())),
        _ => None,
    }
}

#[test]
fn a_fleet_that_dies_at_once_is_told_in_bounded_pieces_and_each_source_once() {
    let mut tracker = fleet();
    let mut told: BTreeMap<(&str, String), u32> = BTreeMap::new();
    let mut calls = 0;
    while let Some(next) = tracker.next_deadline().filter(|&next| next <= at(10_000)) {
        tracker.on_time(next.max(at(1_500)));
        let events: Vec<_> = std::iter::from_fn(|| tracker.poll_event()).collect();
        assert!(events.len() <= MOST_A_CALL, "{} events by one call", events.len());
        for (happening, name) in events.iter().filter_map(happening) {
            *told.entry((happening.name(), name)).or_default() += 1;
        }
        calls += 1;
    }
    assert!(calls > 2 * FLEET as usize / MOST_A_CALL);
    assert_eq!(told.len(), 2 * FLEET as usize, "late and down, of each");
    assert!(told.values().all(|&times| times == 1));
    let down = State::ALL.iter().position(|state| *state == State::Down);
    assert_eq!(
        down.map(|index| tracker.tick().sources[index]),
        Some(u64::from(FLEET))
    );
}

/// As long as there is more to do now, the next deadline says so.
#[test]
fn unfinished_work_is_asked_for_at_once() {
    let mut tracker = fleet();
    let now = at(1_500);
    let mut late = 0;
    while late < FLEET as usize {
        assert!(
            tracker.next_deadline().is_some_and(|next| next <= now),
            "{late} told, the rest is not"
        );
        tracker.on_time(now);
        let events = std::iter::from_fn(|| tracker.poll_event());
        late += events.filter(|event| Line::of(event).is_some()).count();
    }
    assert_eq!(late, FLEET as usize);
    assert!(tracker.next_deadline().is_some_and(|next| next > now));
}
