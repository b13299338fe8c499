//! A binary heap of sources by the time at which they are looked at.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use crate::rival::{NEVER, Tick, Timer};

#[derive(Default)]
pub(crate) struct Heap(BinaryHeap<Reverse<(Tick, u32)>>);

impl Timer for Heap {
    fn arm(&mut self, source: u32, at: Tick) {
        self.0.push(Reverse((at, source)));
    }

    fn pass(&mut self, now: Tick, deadlines: &mut [Tick]) {
        while let Some(mut first) = self.0.peek_mut().filter(|first| first.0.0 <= now) {
            let deadline = &mut deadlines[first.0.1 as usize];
            if *deadline <= now {
                *deadline = NEVER;
                PeekMut::pop(first);
            } else {
                // In its place: it sinks to where it belongs, which is cheaper than out and in again.
                first.0.0 = *deadline;
            }
        }
    }
}
