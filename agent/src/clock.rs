//! The only room that reads a clock.

use beacon_common::Moment;
use rustix::time::{ClockId, Timespec};

/// Now, on the clock that the schedule, `sent_us` and round trips are on: it counts suspend, nobody can set
/// it, and its origin is the device's boot.
#[must_use]
pub fn now() -> Moment {
    let time = read(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    Moment::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// The wall clock's Unix seconds and the nanoseconds into that second, which only ever go into a session's
/// number. A clock that was never set says 1970; one beyond 32 bits, or before 1970, saturates.
#[must_use]
pub fn unix_time() -> (u32, u32) {
    let time = read(ClockId::Realtime);
    let seconds = u32::try_from(time.tv_sec.max(0)).unwrap_or(u32::MAX);
    (seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[expect(
    clippy::disallowed_methods,
    reason = "every other room takes its time from this one"
)]
fn read(clock: ClockId) -> Timespec {
    rustix::time::clock_gettime(clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_forward_from_boot() {
        let early = now();
        let late = now();
        assert!(early <= late);
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        assert!((uptime - late.as_nanos() as f64 / 1e9).abs() < 60.0);
        assert!(unix_time().0 > 1_700_000_000);
    }
}
