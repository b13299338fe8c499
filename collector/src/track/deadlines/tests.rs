use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn ms(ms: u64) -> Moment {
    Moment::from_nanos(ms * TICK_NANOS)
}

/// The wheel, and who is armed.
#[derive(Default)]
struct Armed {
    wheel: Deadlines,
    sources: BTreeSet<u32>,
}

impl Armed {
    fn arm(&mut self, source: u32, at: Moment) {
        if self.sources.insert(source) {
            self.wheel.arm(source, at);
        } else {
            self.wheel.set(source, at);
        }
        self.wheel.sweep();
    }

    fn expired(&mut self, now: Moment) -> Vec<u32> {
        let mut sources = Vec::new();
        let mut due = Deadlines::NOBODY;
        while let Some(due) = self.wheel.expire(now, &mut due) {
            for source in due {
                assert!(self.sources.remove(source), "{source} is not armed");
                sources.push(*source);
            }
        }
        sources.sort_unstable();
        sources
    }
}

#[test]
fn nothing_is_brought_up_before_its_time() {
    let mut armed = Armed::default();
    armed.arm(3, Moment::from_nanos(5 * TICK_NANOS + 1));
    assert!(armed.expired(Moment::from_nanos(6 * TICK_NANOS - 1)).is_empty());
    assert_eq!(armed.wheel.next(), Some(ms(6)));
    assert_eq!(armed.expired(ms(6)), [3]);
    assert_eq!(armed.wheel.next(), None);
}

#[test]
fn a_moment_that_has_passed_is_due_at_once() {
    let mut armed = Armed::default();
    assert!(armed.expired(ms(1_000_000)).is_empty());
    armed.arm(0, ms(5));
    assert_eq!(armed.expired(ms(1_000_000)), [0]);
}

#[test]
fn what_lies_beyond_the_horizon_is_brought_up_there() {
    let mut armed = Armed::default();
    armed.arm(0, Moment::NEVER);
    assert!(armed.expired(ms(HORIZON - 1)).is_empty());
    assert_eq!(armed.expired(ms(HORIZON)), [0]);
}

#[test]
fn a_whole_slot_is_spread_in_bounded_steps_and_in_order() {
    let mut armed = Armed::default();
    let many = (SPREAD_AT_ONCE * CHUNK * 4) as u32;
    (0..many).for_each(|source| armed.arm(source, ms(5_000 + u64::from(source % 3_000))));
    let mut due = Deadlines::NOBODY;
    assert_eq!(armed.wheel.expire(ms(9_000), &mut due), Some(&[][..]));
    let mut last = 0;
    while let Some(due) = armed.wheel.expire(ms(9_000), &mut due) {
        for source in due {
            assert!(source % 3_000 >= last);
            last = source % 3_000;
        }
    }
    assert_eq!(last, 2_999);
}

/// A beat every second puts the deadline off by a second: nobody is told, and there is one entry all the time.
#[test]
fn a_deadline_that_is_put_off_takes_its_entry_with_it() {
    let mut armed = Armed::default();
    for second in 0..100 {
        armed.arm(1, ms(second * 1_000 + 1_500));
        assert!(armed.expired(ms(second * 1_000 + 999)).is_empty());
        assert_eq!((armed.wheel.entries, armed.wheel.stale), (1, 0));
    }
    assert!(armed.expired(ms(100_499)).is_empty());
    assert_eq!(armed.expired(ms(100_500)), [1]);
}

/// Whoever moves a deadline to and fro makes a stale entry each time; they must not pile up.
#[test]
fn stale_entries_are_swept() {
    let mut armed = Armed::default();
    for round in 0..700_000 {
        armed.arm(round % 10, ms(1_000_000 - u64::from(round)));
    }
    assert!(armed.wheel.chunks.len() * CHUNK < 2 * STALE_KEPT);
    assert_eq!(armed.expired(ms(1_000_000)).len(), 10);
}

/// A far promise, a near one, and the same far one again, to the tick: both far entries look current.
#[test]
fn entries_of_a_source_that_carry_the_same_tick_do_not_pile_up_either() {
    let mut armed = Armed::default();
    for round in 1..300_000 {
        armed.arm(7, ms(1_000_000));
        armed.arm(7, ms(round));
        assert_eq!(armed.expired(ms(round)), [7]);
    }
    assert!(armed.wheel.chunks.len() * CHUNK < 2 * STALE_KEPT);
    armed.arm(7, ms(1_000_000));
    assert_eq!(armed.expired(ms(1_000_000)), [7]);
}

/// The tick is kept modulo 2^32, which comes round after 49 days.
#[test]
fn ticks_go_on_where_their_lower_half_comes_round() {
    let mut armed = Armed::default();
    let round = 1 << 32;
    assert!(armed.expired(ms(round - 10)).is_empty());
    armed.arm(1, ms(round - 5));
    armed.arm(2, ms(round + 5));
    armed.arm(3, ms(round + 100_000));
    assert_eq!(armed.expired(ms(round)), [1]);
    assert_eq!(armed.expired(ms(round + 5)), [2]);
    assert!(armed.expired(ms(round + 99_999)).is_empty());
    assert_eq!(armed.expired(ms(round + 100_000)), [3]);
}

#[derive(Clone, Debug)]
enum Operation {
    Arm(u32, u64),
    Expire(u64),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let ahead = (0..40u32).prop_flat_map(|bits| 0..1u64 << bits);
    let operation = prop_oneof![
        5 => (0..40u32, ahead.clone()).prop_map(|(source, ahead)| Operation::Arm(source, ahead)),
        3 => ahead.prop_map(Operation::Expire),
    ];
    prop::collection::vec(operation, 1..200)
}

proptest! {
    /// The naive rival: a map from source to deadline.
    #[test]
    fn the_wheel_does_what_a_map_does(operations in operations()) {
        let mut armed = Armed::default();
        let mut map: BTreeMap<u32, u64> = BTreeMap::new();
        let mut now = 0;
        for operation in operations {
            match operation {
                Operation::Arm(source, ahead) => {
                    let at = now + ahead;
                    armed.arm(source, Moment::from_nanos(at));
                    map.insert(source, at);
                }
                Operation::Expire(ahead) => {
                    now += ahead;
                    let tick = now / TICK_NANOS;
                    let due = |at: u64| at.div_ceil(TICK_NANOS) <= tick;
                    let expected: Vec<u32> = map.iter().filter(|&(_, &at)| due(at)).map(|(&s, _)| s).collect();
                    map.retain(|_, at| !due(*at));
                    prop_assert_eq!(armed.expired(Moment::from_nanos(now)), expected);
                }
            }
            let earliest = map.values().map(|at| at.div_ceil(TICK_NANOS)).min();
            if let Some(earliest) = earliest {
                let next = armed.wheel.next();
                prop_assert!(next.is_some_and(|next| next <= ms(earliest.max(now / TICK_NANOS))));
            }
        }
    }
}
