//! Who competes.

use crate::heap::Heap;
use crate::sweep::Sweep;
use crate::wheel::Wheel;

/// Milliseconds of the bench's own time.
pub(crate) type Tick = u32;

/// No deadline at all.
pub(crate) const NEVER: Tick = Tick::MAX;

/// Knows which sources to look at when.
pub(crate) trait Timer {
    /// Arms a source that is not armed.
    fn arm(&mut self, source: u32, at: Tick);

    /// A source has beaten: its deadline is a later one. The collector's wheel keeps the deadlines itself.
    fn put_off(&mut self, source: u32, at: Tick, deadlines: &mut [Tick]) {
        deadlines[source as usize] = at;
    }

    /// Looks at each source whose time may have come: at those that are truly due it is over with, and the others
    /// are armed again.
    fn pass(&mut self, now: Tick, deadlines: &mut [Tick]);
}

/// A way to do it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rival {
    /// The deadlines are stored, and nobody looks: what all the others pay too.
    None,
    /// The collector's own.
    Wheel,
    /// A binary heap.
    Heap,
    /// A look at all deadlines, every so many milliseconds.
    Sweep(Tick),
}

impl Rival {
    pub(crate) const ALL: [Self; 6] = [
        Self::None,
        Self::Wheel,
        Self::Heap,
        Self::Sweep(1),
        Self::Sweep(5),
        Self::Sweep(10),
    ];

    pub(crate) fn name(self) -> String {
        match self {
            Self::None => "nothing: deadlines are stored".to_owned(),
            Self::Wheel => "the collector's wheel".to_owned(),
            Self::Heap => "binary heap".to_owned(),
            Self::Sweep(period) => format!("sweep every {period} ms"),
        }
    }

    pub(crate) fn timer(self) -> Box<dyn Timer> {
        match self {
            Self::None => Box::new(Nobody),
            Self::Wheel => Box::new(Wheel::default()),
            Self::Heap => Box::new(Heap::default()),
            Self::Sweep(period) => Box::new(Sweep::every(period)),
        }
    }
}

struct Nobody;

impl Timer for Nobody {
    fn arm(&mut self, _source: u32, _at: Tick) {}

    fn pass(&mut self, _now: Tick, _deadlines: &mut [Tick]) {}
}
