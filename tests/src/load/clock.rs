//! The clock that the generator keeps.

use beacon_common::Moment;
use rustix::thread::{ClockId, Timespec};

/// Now.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "a load on real sockets runs in real time, all of it read here"
)]
pub fn now() -> Moment {
    let time = rustix::time::clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    Moment::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// Sleeps until `moment`, or less where a signal comes.
pub fn sleep_until(moment: Moment) {
    let seconds = moment.as_nanos() / 1_000_000_000;
    let nanos = moment.as_nanos() % 1_000_000_000;
    let until = Timespec {
        tv_sec: i64::try_from(seconds).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(nanos).unwrap_or_default(),
    };
    // Whoever sleeps looks at the clock afterwards, so that an early wake-up does no harm.
    let _ = rustix::thread::clock_nanosleep_absolute(ClockId::Boottime, &until);
}
