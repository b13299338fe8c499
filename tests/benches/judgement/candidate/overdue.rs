//! What a late arrival says of the next one: whether lateness lasts, and whether trouble comes in bursts.
//!
//! Both are learned from each source's own arrivals, as slopes of a regression through the origin that a few beats
//! of much lateness move more than many of a little. Where they are zero, a late or lost beat says nothing of the
//! next, and the deadline is the schedule's; where they are one, delay and loss are states of the path, and the
//! deadline follows. Fractions are of 2^15; times are of the interval.

/// The whole of a fraction: one interval, or a slope of one.
const ONE: i32 = 1 << 15;

/// The recent overdue time takes in 1/n of the newest.
const RECENT_BEATS: i32 = 8;

/// The usual overdue time takes in 1/n of the nth, down to this part.
const USUAL_BEATS: u16 = 512;

/// The usual overdue time is kept so much finer, for small parts of it to count.
const USUAL_GRAIN: i32 = 512;

/// Persistence takes in a sixteenth of what a beat shows that is late by a whole interval, and less of one that is
/// less late, by the square.
const PERSISTENCE_PART: i64 = (ONE as i64 * ONE as i64) * 16;

/// How much longer an interval lasts in a burst, in the overdue time that the burst lets one expect.
const STRETCH: i32 = 4;

/// When one source's beats come, as against when they were expected.
pub(super) struct Overdue {
    interval_us: u32,
    /// The usual overdue time, [`USUAL_GRAIN`] times finer than a fraction.
    usual: i32,
    /// The next slot of the sender's schedule, from the newest arrival on.
    slot_us: u64,
    /// How late the newest beat was for the slot before that.
    lateness: i32,
    /// Which part of a beat's lateness the next one is late by as well.
    persistence: i32,
    /// The mean overdue time of the last beats.
    recent: i32,
    /// Which part of an overdue time above the usual goes on.
    burstiness: i32,
}

impl Overdue {
    /// Of a source of which nothing is known: lateness is not taken to last.
    pub(super) const fn new(interval_us: u32) -> Self {
        Self {
            interval_us,
            usual: 0,
            slot_us: u64::MAX,
            lateness: 0,
            persistence: 0,
            recent: 0,
            burstiness: 0,
        }
    }

    /// Learns from an arrival so long after the one before it; it is the `beats`th.
    pub(super) fn observe(&mut self, arrived_us: u64, beats: u16) {
        let overdue = self.fraction(arrived_us.saturating_sub(self.slot_us));
        self.learn_persistence(overdue);
        self.learn_burstiness(overdue);
        self.recent += (overdue - self.recent) / RECENT_BEATS;
        self.usual += (overdue * USUAL_GRAIN - self.usual) / i32::from(beats.min(USUAL_BEATS));
    }

    fn learn_persistence(&mut self, overdue: i32) {
        if self.lateness > 0 {
            let shown = overdue.min(self.lateness) * ONE / self.lateness;
            let weight = i64::from(self.lateness * self.lateness);
            let step = weight * i64::from(shown - self.persistence) / PERSISTENCE_PART;
            self.persistence += step as i32;
        }
    }

    fn learn_burstiness(&mut self, overdue: i32) {
        let before = self.recent_above_usual();
        let missed = overdue - self.usual / USUAL_GRAIN - self.burstiness * before / ONE;
        let step = (i64::from(before) * i64::from(missed) / i64::from(2 * ONE)) as i32;
        self.burstiness = (self.burstiness + step.clamp(-ONE / 2, ONE / 2)).clamp(0, ONE);
    }

    const fn recent_above_usual(&self) -> i32 {
        self.recent - self.usual / USUAL_GRAIN
    }

    /// When the next beat is expected, after one that arrived so long before the next slot of its schedule and was
    /// so late for the slot before that.
    pub(super) fn expect(&mut self, slot_us: u64, late_us: u64) -> u64 {
        self.slot_us = slot_us.min(u32::MAX.into());
        self.lateness = self.fraction(late_us);
        let lasting = self.lateness * self.persistence / ONE;
        slot_us + part(lasting, self.interval_us.into())
    }

    /// By which part of it an interval counts as longer while beats come more overdue than usual: up to a half.
    pub(super) fn stretch(&self) -> i32 {
        let expected = self.burstiness * self.recent_above_usual().max(0) / ONE;
        (STRETCH * expected).min(ONE / 2)
    }

    /// A time as a fraction of the interval; a longer one counts as a whole interval.
    fn fraction(&self, time_us: u64) -> i32 {
        let interval_us = u64::from(self.interval_us);
        if time_us >= interval_us {
            ONE
        } else {
            (time_us * ONE as u64 / interval_us) as i32
        }
    }
}

/// A fraction of a time; it is not negative.
pub(super) const fn part(fraction: i32, time_us: u64) -> u64 {
    time_us.saturating_mul(fraction as u64) / ONE as u64
}
