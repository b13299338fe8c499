//! When the next beat is expected, and how much later it may come without being late.
//!
//! Chen, Toueg and Aguilera's NFD-E (2002, section 6.3) expects a beat at its scheduled time plus the mean
//! offset between the two clocks over a window. Here the mean is a robust centre that follows quickly
//! (docs/protocol.md, section 9): a step is clipped at twice the mean deviation, so that a burst of delayed
//! beats hardly moves it, and after four clipped steps to one side the centre jumps there, so that a changed
//! route or a corrected clock is followed at once. After a late beat the next slot of the schedule is waited for, and
//! what was overdue before tells how much longer. State: 27 bytes a source.

use super::config::Margin;
use super::overdue::{Overdue, Shown};
use super::stored::{Stored, stored};

/// The least safety margin: the grain in which decisions are made.
const LEAST_MARGIN_US: u64 = 10_000;

/// So many outliers in a row on one side are no outliers but where the offset is now.
const OUTLIERS_TO_JUMP: u8 = 4;

/// The centre takes in 1/n of the nth step, down to this part.
const CENTRE_BEATS: u8 = 8;

/// The deviation takes in 1/n of the nth deviation, down to this part.
const DEVIATION_BEATS: u8 = 16;

/// The late deadline's safety margin in mean deviations.
const LATE_DEVIATIONS: u64 = 4;

/// The down deadline's. It is less, because a false `down` needs lost beats as well, and what is left out here buys
/// fewer mistakes as part of a higher multiplier.
const DOWN_DEVIATIONS: u64 = 2;

/// Up to this part of the interval both margins are the same.
const SMALL_MARGIN_PART: u64 = 32;

/// Keeps sixteen times the deviation, and four times it, within 32 bits.
const MAX_DEVIATION_US: u64 = (1 << 28) - 1;

/// The offsets of one session's arrivals: collector clock minus sender clock, in microseconds, modulo 2^64.
///
/// Packed, because a source's record has not a byte to spare.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed)]
pub struct Arrivals {
    /// The typical offset.
    typical_us: i64,
    /// The offset nearest to the typical one in the present run of outliers, modulo 2^32.
    nearest_us: u32,
    /// Sixteen times the mean absolute deviation from the typical offset.
    deviation_16us: u32,
    overdue: Overdue,
    counts: Counts,
}

/// How many outliers came in a row, negative where they lie below the typical offset, in the upper three bits; and how
/// many offsets were taken in, up to [`DEVIATION_BEATS`], in the lower five.
#[derive(Clone, Copy, Debug)]
struct Counts(i8);

impl Counts {
    const BEATS_BITS: u32 = 5;

    const fn new(run: i8, beats: u8) -> Self {
        Self(run << Self::BEATS_BITS | beats as i8)
    }

    const fn run(self) -> i8 {
        self.0 >> Self::BEATS_BITS
    }

    const fn beats(self) -> u8 {
        self.0 as u8 & ((1 << Self::BEATS_BITS) - 1)
    }
}

const _: () = assert!(OUTLIERS_TO_JUMP <= 4 && DEVIATION_BEATS < 1 << Counts::BEATS_BITS);

/// What the newest beat, or the reply after it, says of the next.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// The offset between the clocks when it came; after a reply, which does not say, the typical one.
    pub offset_us: i64,
    /// The time from its sending to the next slot.
    pub next_us: u64,
    /// The interval, in milliseconds.
    pub interval_ms: u32,
}

impl Schedule {
    /// The interval, in microseconds.
    #[must_use]
    pub const fn interval_us(self) -> u64 {
        interval_us(self.interval_ms)
    }
}

/// What the sign of life before a beat let expect, and what lies between the two.
#[derive(Clone, Copy, Debug)]
pub struct Spacing {
    /// What the earlier one said of the next.
    pub schedule: Schedule,
    /// The margin by which its next slot may have been put off.
    pub margin: Margin,
    /// The time between the two sendings; zero where it is not known.
    pub sent_us: u64,
    /// The time between the two arrivals.
    pub arrived_us: u64,
    /// Whether the later one is the very next beat and says nothing of slots that were skipped.
    pub is_next: bool,
    /// Whether the next slot was awaited all the while: not after a goodbye, nor while the collector could not listen.
    pub is_awaited: bool,
    /// How many beats the session has had by now, whether they came or not.
    pub beats: u64,
}

impl Spacing {
    /// Whether the beat came out of a queue, closer to the one before it than it was sent: what it was delayed by says
    /// nothing of the next one.
    const fn is_queued(self) -> bool {
        self.arrived_us < self.sent_us.div_ceil(2)
    }
}

/// When the next beat is due after the newest arrival, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Awaited {
    /// The next slot of the sender's schedule.
    pub slot_us: u64,
    /// The same, and the part of the newest beat's lateness that lasts.
    pub expected_us: u64,
    /// The safety margin of the late deadline.
    pub margin_us: u64,
}

impl Arrivals {
    /// The arrivals of a session of which one beat has come. Intervals are in milliseconds.
    #[must_use]
    pub fn new(offset_us: i64, interval_ms: u32) -> Self {
        let (least_us, _) = deviation_bounds_us(interval_ms);
        let deviation_us = (short_interval_us(interval_ms) / 8)
            .max(least_us)
            .min(MAX_DEVIATION_US) as u32;
        Self {
            typical_us: offset_us,
            nearest_us: offset_us as u32,
            deviation_16us: deviation_us * 16,
            overdue: Overdue::NEW,
            counts: Counts::new(0, 1),
        }
    }

    /// Takes in the offset of one more beat.
    #[inline(always)]
    pub fn observe(&mut self, offset_us: i64, spacing: Spacing, interval_ms: u32) {
        let overdue_us = self.learn(spacing);
        let step = offset_us.wrapping_sub(self.typical_us);
        if spacing.is_queued() && step > 0 {
            return;
        }
        let beats = (self.counts.beats() + 1).min(DEVIATION_BEATS);
        let deviation_us = self.deviation_16us / 16;
        let limit_us = i64::from(2 * deviation_us);
        let run = if step.unsigned_abs() <= limit_us.unsigned_abs() {
            self.typical_us = self.typical_us.wrapping_add(part_of(step, beats));
            0
        } else {
            self.take_outlier(offset_us, step, part_of(limit_us, beats))
        };
        self.counts = Counts::new(run, beats);
        // A sender that is late by itself is as unsteady as a path that delays: o does not show it, because S is
        // read when the beat is sent.
        let late_us = if spacing.is_next { overdue_us } else { 0 };
        self.take_deviation(step.unsigned_abs().max(late_us), deviation_us, interval_ms);
    }

    /// Learns from how much later than expected the beat came, and says how much that is.
    #[inline(always)]
    fn learn(&mut self, spacing: Spacing) -> u64 {
        let Spacing { schedule, .. } = spacing;
        let slot_us = self.slot_after_us(schedule, spacing.margin);
        let overdue_us = spacing.arrived_us.saturating_sub(slot_us);
        if spacing.is_awaited {
            let mut overdue = self.overdue;
            overdue.observe(Shown {
                overdue_us,
                late_us: schedule.next_us.saturating_sub(slot_us),
                interval_us: schedule.interval_us(),
                beats: spacing.beats,
            });
            self.overdue = overdue;
        }
        overdue_us
    }

    /// The centre takes in an outlier's part, which is clipped, or jumps to where a run of them lies. Returns how long the
    /// run is by now.
    fn take_outlier(&mut self, offset_us: i64, step: i64, part_us: i64) -> i8 {
        let run = self.run_on(offset_us, step);
        if run.unsigned_abs() >= OUTLIERS_TO_JUMP {
            self.typical_us = self.nearest_us(offset_us);
            return 0;
        }
        self.typical_us = self.typical_us.wrapping_add(part_us * step.signum());
        run
    }

    /// Counts an outlier, and keeps the one nearest to the typical offset.
    const fn run_on(&mut self, offset_us: i64, step: i64) -> i8 {
        let (run, side) = (self.counts.run(), step.signum() as i8);
        if run.signum() != side {
            self.nearest_us = offset_us as u32;
            return side;
        }
        let nearest = self.nearest_us(offset_us).wrapping_sub(self.typical_us);
        if step.unsigned_abs() < nearest.unsigned_abs() {
            self.nearest_us = offset_us as u32;
        }
        run + side
    }

    /// The offset nearest to the typical one in the present run, which is within 35 minutes of this one.
    const fn nearest_us(&self, offset_us: i64) -> i64 {
        let apart_us = (offset_us as u32).wrapping_sub(self.nearest_us) as i32;
        offset_us.wrapping_sub(apart_us as i64)
    }

    /// Follows the mean deviation: as a plain mean at first, then with a memory of sixteen beats, with
    /// outliers clipped.
    #[inline(always)]
    fn take_deviation(&mut self, taken_us: u64, deviation_us: u32, interval_ms: u32) {
        let (least_us, most_us) = deviation_bounds_us(interval_ms);
        let eighth_us = short_interval_us(interval_ms) / 8;
        let deviation_16us = u64::from(self.deviation_16us);
        let beats = self.counts.beats();
        let next_16us = if beats < DEVIATION_BEATS {
            deviation_of_first(deviation_16us, taken_us.min(eighth_us), beats)
        } else {
            let deviation_us = u64::from(deviation_us);
            deviation_16us + taken_us.min(eighth_us.max(4 * deviation_us)) - deviation_us
        };
        self.deviation_16us = next_16us.max(least_us * 16).min(most_us * 16) as u32;
    }

    /// The typical offset.
    #[must_use]
    pub const fn typical_us(&self) -> i64 {
        self.typical_us
    }

    /// The safety margin α of the late deadline, in microseconds.
    #[must_use]
    pub fn margin_us(&self, margin: Margin, interval_ms: u32) -> u64 {
        self.deviations_us(LATE_DEVIATIONS, margin, interval_ms)
    }

    /// The safety margin of the down deadline: that of the late one as long as it is small or little is known.
    fn down_margin_us(&self, margin: Margin, schedule: Schedule) -> u64 {
        let late_us = self.margin_us(margin, schedule.interval_ms);
        if self.counts.beats() < DEVIATION_BEATS {
            return late_us;
        }
        let small_us = late_us.min(schedule.interval_us() / SMALL_MARGIN_PART);
        self.deviations_us(DOWN_DEVIATIONS, margin, schedule.interval_ms)
            .max(small_us)
    }

    /// A safety margin of so many deviations: between 10 ms and half an interval, and half an interval as long as one
    /// beat is all there is to go by.
    fn deviations_us(&self, deviations: u64, margin: Margin, interval_ms: u32) -> u64 {
        let half_us = u64::from(interval_ms) * 500;
        match margin {
            Margin::Fixed(margin) => margin.as_micros() as u64,
            Margin::Auto if self.counts.beats() == 1 => half_us.max(LEAST_MARGIN_US),
            Margin::Auto => {
                let spread_us = deviations * u64::from(self.deviation_16us / 16);
                spread_us.min(half_us).max(LEAST_MARGIN_US)
            }
        }
    }

    /// What follows from the newest sign of life.
    #[must_use]
    #[inline(always)]
    pub fn awaited(&self, schedule: Schedule, margin: Margin) -> Awaited {
        let slot_us = self.slot_after_us(schedule, margin);
        let late_us = schedule.next_us.saturating_sub(slot_us);
        let overdue = self.overdue;
        Awaited {
            slot_us,
            expected_us: slot_us + overdue.lasting_us(late_us, schedule.interval_us()),
            margin_us: self.margin_us(margin, schedule.interval_ms),
        }
    }

    /// How long after it is expected the next beat has not come for its source to be down, where so much is waited for
    /// beats that do not come: M - 1 intervals. Never before it is late: where no beat is waited for, the smaller margin
    /// would be all there is.
    #[must_use]
    pub fn patience_us(&self, waited_us: u64, schedule: Schedule, margin: Margin) -> u64 {
        let late_us = self.margin_us(margin, schedule.interval_ms);
        let overdue = self.overdue;
        let patience_us = self.down_margin_us(margin, schedule) + waited_us;
        patience_us.max(late_us) + overdue.stretch_us(waited_us + schedule.interval_us())
    }

    /// How long after an arrival the first slot of the sender's schedule is that does not lie before it. Never later
    /// than the promise plus the margin: an estimate that is too high, after a step of the sender's clock, must not
    /// hide a death.
    fn slot_after_us(&self, schedule: Schedule, margin: Margin) -> u64 {
        let ahead_us = self.typical_us.wrapping_sub(schedule.offset_us);
        let apart_us = ahead_us.unsigned_abs();
        if ahead_us > 0 {
            schedule.next_us + apart_us.min(self.margin_us(margin, schedule.interval_ms))
        } else if apart_us <= schedule.next_us {
            schedule.next_us - apart_us
        } else {
            until_slot_us(apart_us - schedule.next_us, schedule.interval_us())
        }
    }
}

/// What is missing to the next slot, where one was so long ago.
#[cold]
const fn until_slot_us(since_us: u64, interval_us: u64) -> u64 {
    (interval_us - since_us % interval_us) % interval_us
}

stored!(Arrivals { typical_us, nearest_us, deviation_16us, overdue, counts } where |arrivals| {
    u64::from(arrivals.deviation_16us) <= MAX_DEVIATION_US * 16
});

impl Stored for Counts {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.run().store(bytes);
        self.beats().store(bytes);
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        let (run, beats) = (i8::restore(bytes)?, u8::restore(bytes)?);
        let is_sound = run.unsigned_abs() < OUTLIERS_TO_JUMP && (1..=DEVIATION_BEATS).contains(&beats);
        is_sound.then(|| Self::new(run, beats))
    }
}

/// The part of a step that the centre takes in. A constant to divide by costs a tenth of any other.
fn part_of(clipped_us: i64, beats: u8) -> i64 {
    if beats >= CENTRE_BEATS {
        clipped_us / i64::from(CENTRE_BEATS)
    } else {
        part_of_first(clipped_us, beats)
    }
}

#[cold]
#[inline(never)]
fn part_of_first(clipped_us: i64, beats: u8) -> i64 {
    clipped_us / i64::from(beats)
}

/// Sixteen times the plain mean of the first deviations.
#[cold]
#[inline(never)]
fn deviation_of_first(before_16us: u64, taken_us: u64, beats: u8) -> u64 {
    let change = (taken_us as i64 * 16 - before_16us as i64) / i64::from(beats);
    before_16us.saturating_add_signed(change)
}

/// The bounds of the mean deviation: a grain of the clocks' drift, and half an interval.
fn deviation_bounds_us(interval_ms: u32) -> (u64, u64) {
    let interval_us = short_interval_us(interval_ms);
    let least_us = (interval_us >> 13).max(20);
    (least_us, (interval_us / 2).max(least_us).min(MAX_DEVIATION_US))
}

/// The interval as far as deviations follow it, which have 32 bits.
fn short_interval_us(interval_ms: u32) -> u64 {
    interval_us(interval_ms).min(u32::MAX.into())
}

const fn interval_us(interval_ms: u32) -> u64 {
    interval_ms as u64 * 1_000
}

#[cfg(test)]
mod tests;
