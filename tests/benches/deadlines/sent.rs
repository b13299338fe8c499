//! What the load has said last, source by source.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use beacon_common::Moment;
use beacon_tests::load::{Beacons, Fleet, Turn, now};

/// What the labels begin with; the source's number follows.
pub(crate) const LABEL_PREFIX: &str = "load";

/// The last beat of every source.
#[derive(Clone)]
pub(crate) struct Sent(Arc<[Beat]>);

#[derive(Default)]
struct Beat {
    at_nanos: AtomicU64,
    seq: AtomicU32,
}

/// A source's last beat: when it was written, just before it was handed to the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastBeat {
    pub(crate) at: Moment,
    pub(crate) seq: u32,
}

impl Sent {
    pub(crate) fn new(sources: u32) -> Self {
        Self((0..sources).map(|_| Beat::default()).collect())
    }

    /// The last beat of the source with this label; `None` where it is none of ours.
    pub(crate) fn last(&self, label: &str) -> Option<(u32, LastBeat)> {
        let number = label.strip_prefix(LABEL_PREFIX)?.strip_prefix('-')?;
        let source: u32 = number.parse().ok()?;
        let beat = self.0.get(source as usize)?;
        let last = LastBeat {
            at: Moment::from_nanos(beat.at_nanos.load(Ordering::Relaxed)),
            seq: beat.seq.load(Ordering::Relaxed),
        };
        Some((source, last))
    }

    /// For every source, whether it has said nothing for so long.
    pub(crate) fn silent_for(&self, span: Duration) -> Vec<bool> {
        let now = now();
        let last = self.0.iter().map(|beat| beat.at_nanos.load(Ordering::Relaxed));
        last.map(|at| now.since(Moment::from_nanos(at)) > span).collect()
    }
}

/// Beacons whose last beats are kept.
pub(crate) struct Watched {
    beacons: Beacons,
    sent: Sent,
}

impl Watched {
    pub(crate) const fn new(beacons: Beacons, sent: Sent) -> Self {
        Self { beacons, sent }
    }
}

impl Fleet for Watched {
    fn datagram_len(&self) -> usize {
        self.beacons.datagram_len()
    }

    fn write(&self, turn: Turn, out: &mut [u8]) {
        self.beacons.write(turn, out);
        let beat = &self.sent.0[turn.source as usize];
        beat.at_nanos.store(now().as_nanos(), Ordering::Relaxed);
        beat.seq.store(turn.round + 1, Ordering::Relaxed);
    }

    fn is_answer(&self, datagram: &[u8]) -> bool {
        self.beacons.is_answer(datagram)
    }
}
