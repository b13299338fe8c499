//! The wheel of 64 slots against a set of every number that came (docs/protocol.md, section 10).
//!
//! The first two bytes say where the session begins; each pair after them is the next number, from the highest on.

#![no_main]

use std::collections::BTreeSet;

use beacon_collector::track::slots::{Filled, SLOTS, Slots};
use beacon_common::Seq;
use libfuzzer_sys::fuzz_target;

const WHEEL: i64 = SLOTS as i64;

/// Everything that came, and from which number on it was expected.
struct Naive {
    first: i64,
    came: BTreeSet<i64>,
}

impl Naive {
    fn highest(&self) -> i64 {
        self.came.last().copied().expect("a session begins with a beat")
    }

    /// The numbers from the first one to `top` that were expected and did not come.
    fn missing(&self, top: i64) -> i64 {
        if top < self.first {
            return 0;
        }
        top - self.first + 1 - self.came.range(self.first..=top).count() as i64
    }

    fn missing_off_the_wheel(&self) -> i64 {
        self.missing(self.highest() - WHEEL)
    }

    fn fill(&mut self, seq: i64) -> Filled {
        let highest = self.highest();
        if seq > highest {
            let before = self.missing_off_the_wheel();
            self.came.insert(seq);
            return Filled::Newest((self.missing_off_the_wheel() - before) as u32);
        }
        if seq <= highest - WHEEL {
            Filled::Old
        } else if !self.came.insert(seq) {
            Filled::Duplicate
        } else if seq < self.first {
            Filled::Unexpected
        } else {
            Filled::Reordered
        }
    }

    /// What is lost on the wheel when the schedule has turned `past` slots beyond the newest.
    fn lost(&self, past: i64) -> i64 {
        let highest = self.highest();
        let top = highest.saturating_add(past.min(0)).max(highest - WHEEL);
        self.missing(top) - self.missing_off_the_wheel() + past.max(0)
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&[where_from, expected], steps)) = bytes.split_first_chunk() else {
        return;
    };
    let seq = [1, 2, 64, 100, 1 << 31, u32::MAX - 300, u32::MAX][usize::from(where_from) % 7];
    let first = seq - u32::from(expected % SLOTS as u8).min(seq);
    let mut slots = Slots::new(Seq::new(first), Seq::new(seq));
    let mut naive = Naive {
        first: first.into(),
        came: BTreeSet::from([seq.into()]),
    };
    for step in steps.as_chunks::<2>().0 {
        let seq = (naive.highest() + step_by(*step)).clamp(0, u32::MAX.into());
        assert_eq!(slots.fill(Seq::new(seq as u32)), naive.fill(seq), "filled {seq}");
        let highest = naive.highest();
        assert_eq!(i64::from(slots.highest().get()), highest);
        assert_eq!(i64::from(slots.first().get()), naive.first);
        for number in [seq, highest, highest - 63, highest - 64, highest + 1, 0] {
            let is_on_it = number > highest - WHEEL;
            let is_filled = is_on_it && naive.came.contains(&number);
            assert_eq!(
                slots.is_filled(number as u64),
                is_filled,
                "{number} below {highest}"
            );
        }
        assert_eq!(slots.follows_directly(), naive.came.contains(&(highest - 1)));
        assert_eq!(slots.numbers() as i64, highest - naive.first + 1);
        assert_eq!(slots.empty() as i64, naive.lost(0));
        for past in [
            i64::MIN,
            -i64::from(step[1] % 67),
            i64::from(step[0]) - 128,
            1 << 40,
        ] {
            assert_eq!(
                slots.lost(past) as i64,
                naive.lost(past),
                "lost {past} past {highest}"
            );
        }
    }
});

/// Mostly near, at times over the whole wheel or far beyond it.
fn step_by([how, far]: [u8; 2]) -> i64 {
    let far = i64::from(far);
    match how >> 6 {
        0 => far % 3,
        1 => far % 70 - 69,
        2 => far - 128,
        _ => far << (how & 0x1f),
    }
}
