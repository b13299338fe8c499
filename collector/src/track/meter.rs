//! What a report tells beside the counters, measured while beats arrive: only where there are reports.

use beacon_common::Seq;

use super::delays::Delays;
use super::extent::ReorderExtent;
use super::loss_runs::{CLASSES, LossRuns};
use super::slots::{Filled, Slots};

/// What is measured of one source: how it loses, reorders and delays.
#[derive(Clone, Debug)]
pub struct Meter {
    loss_runs: LossRuns,
    reorder_extent: ReorderExtent,
    delays: Delays,
}

/// What was measured since the last report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The longest run of lost beats.
    pub loss_run_max: u32,
    /// The runs of lost beats by their length, in the classes of [`super::loss_runs::CLASS_NAMES`].
    pub loss_runs: [u32; CLASSES],
    /// The greatest reordering extent (RFC 4737, section 4.2).
    pub reorder_extent_max: u32,
    /// The medial delay variation and its 99th percentile, in microseconds (RFC 5481); `None` where no beat came.
    pub delays_us: Option<[u32; 2]>,
}

impl Meter {
    /// Of a source whose first frame is on this wheel, and had this offset.
    #[must_use]
    pub fn new(slots: &Slots, offset_us: i64) -> Self {
        Self {
            loss_runs: LossRuns::new(slots),
            reorder_extent: ReorderExtent::begun(),
            delays: Delays::new(offset_us),
        }
    }

    /// Of a source that was known before, whose schedule has turned `past` slots.
    #[must_use]
    pub fn resumed((slots, past): (&Slots, i64), offset_us: i64) -> Self {
        Self {
            loss_runs: LossRuns::resumed(slots, past),
            ..Self::new(slots, offset_us)
        }
    }

    /// A session began, whose first frame is on the wheel `new`; that of the one before it was `ended`.
    pub fn renew(&mut self, ended: &Slots, new: &Slots, offset_us: i64) {
        self.loss_runs.renew(ended, new);
        self.reorder_extent.renew();
        self.delays.renew(offset_us);
    }

    /// Takes a frame of the current session, before its wheel does.
    pub fn take(&mut self, slots: &Slots, seq: Seq, offset_us: i64) {
        let mut turned = *slots;
        let filled = turned.fill(seq);
        self.reorder_extent.take(slots, seq, filled);
        match filled {
            Filled::Newest(_) => self.loss_runs.turn(slots, seq),
            Filled::Reordered | Filled::Unexpected => {}
            Filled::Duplicate | Filled::Old => return,
        }
        self.delays.take(offset_us);
    }

    /// What was measured since this was last asked, with the wheel and how far it has turned past the newest beat and
    /// the waiting time (see [`Slots::lost`]).
    pub fn measured(&mut self, slots: &Slots, past: i64) -> Measured {
        self.loss_runs.look(slots, past);
        let (loss_run_max, loss_runs) = self.loss_runs.take();
        Measured {
            loss_run_max,
            loss_runs,
            reorder_extent_max: self.reorder_extent.take_max(),
            delays_us: self.delays.take_percentiles(),
        }
    }
}
