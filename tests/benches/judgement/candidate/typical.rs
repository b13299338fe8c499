//! The typical offset between the two clocks, and the mean deviation from it (docs/judgement.md, "A candidate").

/// So many outliers in a row on one side are no outliers but where the offset is now.
const OUTLIERS_TO_JUMP: i8 = 4;

/// The centre takes in 1/n of the nth step, down to this part.
const CENTRE_BEATS: u16 = 8;

/// The deviation takes in 1/n of the nth deviation, down to this part.
const DEVIATION_BEATS: u16 = 16;

/// Keeps sixteen times the deviation, and four times it, within 32 bits.
const MAX_DEVIATION_US: u32 = (1 << 28) - 1;

/// A robust centre of offsets: collector clock minus sender clock, in microseconds, modulo 2^64.
pub(super) struct Typical {
    offset_us: i64,
    /// The offset nearest to the typical one in the present run of outliers.
    nearest_us: i64,
    /// Sixteen times the mean absolute deviation from the typical offset.
    deviation_16us: u32,
    /// How many outliers came in a row; negative where they lie below the typical offset.
    run: i8,
    interval_us: u32,
}

impl Typical {
    pub(super) fn new(offset_us: i64, interval_us: u32) -> Self {
        let (least_us, _) = deviation_bounds_us(interval_us);
        Self {
            offset_us,
            nearest_us: offset_us,
            deviation_16us: (interval_us / 8).clamp(least_us, MAX_DEVIATION_US) * 16,
            run: 0,
            interval_us,
        }
    }

    pub(super) const fn offset_us(&self) -> i64 {
        self.offset_us
    }

    pub(super) const fn deviation_us(&self) -> u32 {
        self.deviation_16us / 16
    }

    /// Takes in the offset of the `beats`th beat. What a beat was delayed by that waited in a queue says nothing of
    /// the next one.
    pub(super) fn observe(&mut self, offset_us: i64, is_queued: bool, beats: u16) {
        let step_us = offset_us.wrapping_sub(self.offset_us);
        if is_queued && step_us > 0 {
            return;
        }
        let deviation_us = self.deviation_us();
        let limit_us = i64::from(2 * deviation_us);
        let clipped_us = step_us.clamp(-limit_us, limit_us);
        if clipped_us == step_us {
            self.run = 0;
        } else {
            self.run_on(offset_us, step_us);
        }
        if self.run.unsigned_abs() >= OUTLIERS_TO_JUMP.unsigned_abs() {
            self.offset_us = self.nearest_us;
            self.run = 0;
        } else {
            let taken_us = clipped_us / i64::from(beats.min(CENTRE_BEATS));
            self.offset_us = self.offset_us.wrapping_add(taken_us);
        }
        self.take_deviation(step_us, deviation_us, beats);
    }

    /// Counts an outlier, and keeps the one nearest to the typical offset.
    fn run_on(&mut self, offset_us: i64, step_us: i64) {
        let side = step_us.signum() as i8;
        if self.run.signum() != side {
            self.run = side;
            self.nearest_us = offset_us;
            return;
        }
        self.run += side;
        let nearest_us = self.nearest_us.wrapping_sub(self.offset_us).unsigned_abs();
        if step_us.unsigned_abs() < nearest_us {
            self.nearest_us = offset_us;
        }
    }

    /// Follows the mean deviation: as a plain mean at first, then with a memory of sixteen beats, with outliers
    /// clipped.
    fn take_deviation(&mut self, step_us: i64, deviation_us: u32, beats: u16) {
        let (least_us, most_us) = deviation_bounds_us(self.interval_us);
        let step_us = u32::try_from(step_us.unsigned_abs()).unwrap_or(u32::MAX);
        let change_16us = if beats < DEVIATION_BEATS {
            let taken_us = i64::from(step_us.min(self.interval_us / 8));
            (taken_us * 16 - i64::from(self.deviation_16us)) / i64::from(beats)
        } else {
            i64::from(step_us.min(4 * deviation_us)) - i64::from(deviation_us)
        };
        let next_16us = i64::from(self.deviation_16us) + change_16us;
        self.deviation_16us = next_16us.clamp(i64::from(least_us) * 16, i64::from(most_us) * 16) as u32;
    }
}

/// The bounds of the mean deviation: a grain of the clocks' drift, and half an interval.
fn deviation_bounds_us(interval_us: u32) -> (u32, u32) {
    let least_us = (interval_us >> 13).clamp(20, MAX_DEVIATION_US);
    (least_us, (interval_us / 2).clamp(least_us, MAX_DEVIATION_US))
}
