//! The only room that reads a clock, and the arithmetic between its two clocks.
//!
//! Everything is judged on `CLOCK_BOOTTIME`, which counts suspend and which nobody can set. `CLOCK_REALTIME` is
//! printed, and it is what the kernel stamps datagrams with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use beacon_common::Moment;
use rustix::time::{ClockId, Timespec};

/// What the collector's time is ahead of `CLOCK_BOOTTIME`, in nanoseconds, modulo 2^64: nothing, unless it goes on where
/// that of another process has ended.
static AHEAD: AtomicU64 = AtomicU64::new(0);

/// Both clocks at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The clock that is judged by.
    pub now: Moment,
    /// The wall clock: nanoseconds since the Unix epoch.
    pub wall_nanos: u64,
}

/// What tells when stamps of the wall clock were made, although that may have been set meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Ages {
    clock: Reading,
    /// What the wall clock would show, had it not been set.
    unset_wall_nanos: u64,
}

/// All clocks at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The clock that is judged by, and the wall clock.
    pub clock: Reading,
    /// `CLOCK_MONOTONIC`, which stands still while the machine is suspended.
    pub awake: Moment,
}

/// How far apart two readings of one clock may lie for a reading of the other in between to belong to both.
const TOGETHER: Duration = Duration::from_micros(100);

/// Reads both clocks as one. Where this process loses its processor in between, it reads again, a few times.
#[must_use]
pub fn read() -> Reading {
    together(read_once)
}

/// Reads all clocks as one.
#[must_use]
pub fn sight() -> Sight {
    together(|| {
        let before = now();
        let awake = Moment::from_nanos(nanos(clock_gettime(ClockId::Monotonic)));
        let (clock, _) = read_once();
        (Sight { clock, awake }, clock.now.since(before))
    })
}

/// What `read` returns beside the time that it took.
fn together<T>(read: impl Fn() -> (T, Duration)) -> T {
    let mut reading = read();
    for _ in 0..3 {
        if reading.1 <= TOGETHER {
            break;
        }
        reading = read();
    }
    reading.0
}

/// Both clocks, and how long it took to read them.
fn read_once() -> (Reading, Duration) {
    let before = now();
    let wall_nanos = nanos(clock_gettime(ClockId::Realtime));
    let took = now().since(before);
    let reading = Reading {
        now: before + took / 2,
        wall_nanos,
    };
    (reading, took)
}

/// Reads the clock that is judged by.
#[must_use]
pub fn now() -> Moment {
    // The number alone is shared, and it is set before there is a second thread.
    let ahead = AHEAD.load(Ordering::Relaxed);
    Moment::from_nanos(boottime_nanos().wrapping_add(ahead))
}

/// Reads `CLOCK_BOOTTIME` as it is: nanoseconds since the machine was booted.
#[must_use]
pub fn boottime_nanos() -> u64 {
    nanos(clock_gettime(ClockId::Boottime))
}

/// Reads `CLOCK_MONOTONIC`, by which service managers tell the time: microseconds.
#[must_use]
pub fn monotonic_micros() -> u64 {
    nanos(clock_gettime(ClockId::Monotonic)) / 1_000
}

/// Has it be `now` when `CLOCK_BOOTTIME` is this. To be called before any moment is taken.
pub fn set(now: Moment, boottime_nanos: u64) {
    AHEAD.store(now.as_nanos().wrapping_sub(boottime_nanos), Ordering::Relaxed);
}

impl Reading {
    /// The wall time of `at` in microseconds since the Unix epoch, if the wall clock was then what it is now.
    #[must_use]
    pub const fn wall_micros(&self, at: Moment) -> u64 {
        let later = at.as_nanos().saturating_sub(self.now.as_nanos());
        let earlier = self.now.as_nanos().saturating_sub(at.as_nanos());
        self.wall_nanos.saturating_add(later).saturating_sub(earlier) / 1_000
    }

    /// Tells the age of stamps that the kernel has made since `earlier`, when none was waiting.
    #[must_use]
    pub const fn ages_since(self, earlier: &Self) -> Ages {
        let passed = self.now.as_nanos().saturating_sub(earlier.now.as_nanos());
        Ages {
            clock: self,
            unset_wall_nanos: earlier.wall_nanos.saturating_add(passed),
        }
    }
}

impl Ages {
    /// When a datagram arrived that the kernel stamped with `stamp_nanos` of the wall clock: no earlier than
    /// `complete`, up to which reception is known to have been complete, and no later than now.
    ///
    /// It was stamped before the wall clock was set or after, if it was set. The later of both moments that are not to
    /// come is taken: what seems to have come too early has its next beat seem late.
    #[must_use]
    pub fn arrival(&self, stamp_nanos: Option<u64>, complete: Moment) -> Moment {
        let now = self.clock.now;
        let stamp = stamp_nanos.unwrap_or(self.clock.wall_nanos);
        let as_set = self.clock.wall_nanos.checked_sub(stamp);
        let as_unset = self.unset_wall_nanos.checked_sub(stamp);
        let age = match (as_set, as_unset) {
            (Some(set), Some(unset)) => set.min(unset),
            (one, other) => one.or(other).unwrap_or_default(),
        };
        Moment::from_nanos(now.as_nanos().saturating_sub(age))
            .max(complete)
            .min(now)
    }
}

fn nanos(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

#[expect(
    clippy::disallowed_methods,
    reason = "every other room takes its time from this one"
)]
fn clock_gettime(clock: ClockId) -> Timespec {
    rustix::time::clock_gettime(clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    const READING: Reading = Reading {
        now: Moment::from_nanos(5_000_000),
        wall_nanos: 1_700_000_000_000_000_000,
    };

    const AGES: Ages = READING.ages_since(&READING);

    #[test]
    fn the_clocks_run_forward_from_boot_and_from_the_epoch() {
        let (early, late) = (read(), read());
        assert!(early.now <= late.now);
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        assert!((uptime - late.now.as_nanos() as f64 / 1e9).abs() < 60.0);
        assert!(late.wall_nanos > 1_700_000_000_000_000_000);
    }

    #[test]
    fn wall_time_is_told_by_the_present_offset() {
        let at = |nanos| READING.wall_micros(Moment::from_nanos(nanos));
        assert_eq!(at(5_000_000), 1_700_000_000_000_000);
        assert_eq!(at(4_000_000), 1_699_999_999_999_000);
        assert_eq!(at(6_000_000), 1_700_000_000_001_000);
    }

    #[test]
    fn a_stamp_becomes_the_moment_of_arrival() {
        let complete = Moment::from_nanos(1_000_000);
        let arrival = |age: i64| {
            AGES.arrival(
                Some(READING.wall_nanos.checked_add_signed(-age).unwrap()),
                complete,
            )
            .as_nanos()
        };
        assert_eq!(arrival(0), 5_000_000);
        assert_eq!(arrival(1_500_000), 3_500_000);
        assert_eq!(AGES.arrival(None, complete), READING.now);
    }

    /// Stamped before it was set by so much, or after.
    #[test]
    fn a_step_of_the_wall_clock_is_seen() {
        let complete = Moment::from_nanos(1_000_000);
        for step in [
            86_400_000_000_000,
            -86_400_000_000_000,
            3_000_000_000,
            -3_000_000_000,
        ] {
            let set = Reading {
                now: Moment::from_nanos(5_000_000_000),
                wall_nanos: READING
                    .wall_nanos
                    .checked_add_signed(4_995_000_000 + step)
                    .unwrap(),
            };
            let ages = set.ages_since(&READING);
            let age = 1_000_000;
            let stamped = [set.wall_nanos - age, READING.wall_nanos + 4_995_000_000 - age];
            let arrived = stamped.map(|stamp| ages.arrival(Some(stamp), complete).as_nanos());
            assert_eq!(arrived, [4_999_000_000; 2], "{step}");
        }
    }

    /// A stamp of another day than any that the wall clock has shown.
    #[test]
    fn a_stamp_of_another_day_stays_within_the_drain() {
        const DAY: i64 = 86_400_000_000_000;
        let complete = Moment::from_nanos(1_000_000);
        let stamped = |nanos: u64| AGES.arrival(Some(nanos), complete);
        assert_eq!(
            stamped(READING.wall_nanos.checked_add_signed(DAY).unwrap()),
            READING.now
        );
        assert_eq!(
            stamped(READING.wall_nanos.checked_add_signed(-DAY).unwrap()),
            complete
        );
        assert_eq!(stamped(0), complete);
        assert_eq!(stamped(u64::MAX), READING.now);
    }
}
