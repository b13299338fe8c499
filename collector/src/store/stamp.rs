//! When a state was saved, told so that another process can tell how long ago that was: even after a boot, when the
//! clock that everything is judged by has begun anew.

use std::fs;
use std::time::Duration;

use beacon_common::Moment;

use crate::clock;
use crate::track::stored::stored;

/// Where the kernel tells which boot this is (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// A moment on three clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which boot it was; 0 where the system does not tell.
    boot: u128,
    /// `CLOCK_BOOTTIME`, in nanoseconds.
    boottime_nanos: u64,
    /// The collector's time.
    pub now: Moment,
    /// The wall clock: nanoseconds since the Unix epoch.
    wall_nanos: u64,
}

stored!(Stamp { boot, boottime_nanos, now, wall_nanos } where |stamp| stamp.now < LAST);

/// Two hundred years: as much again lies before all moments come to an end.
const LAST: Moment = Moment::from_nanos(200 * 365 * 86_400 * 1_000_000_000);

impl Stamp {
    /// Now.
    #[must_use]
    pub fn take() -> Self {
        let boottime_nanos = clock::boottime_nanos();
        let clock = clock::read();
        Self {
            boot: boot_id().unwrap_or_default(),
            boottime_nanos,
            now: clock.now,
            wall_nanos: clock.wall_nanos,
        }
    }

    /// How long this was before `later`. Within one boot that is told by a clock that nobody can set; else by the wall
    /// clock, but it is no less than the time since the boot.
    #[must_use]
    pub fn away_until(&self, later: &Self) -> Duration {
        let since_boot = later.boottime_nanos;
        let is_same_boot = self.boot != 0 && self.boot == later.boot && self.boottime_nanos <= since_boot;
        let nanos = if is_same_boot {
            since_boot - self.boottime_nanos
        } else {
            later.wall_nanos.saturating_sub(self.wall_nanos).max(since_boot)
        };
        Duration::from_nanos(nanos)
    }

    /// Has the collector's time go on from here: all moments that were saved mean now what they meant then.
    pub fn go_on(&self) {
        let here = Self::take();
        let now = (self.now + self.away_until(&here)).min(LAST);
        clock::set(now, here.boottime_nanos);
    }
}

fn boot_id() -> Option<u128> {
    let text = fs::read_to_string(BOOT_ID).ok()?;
    u128::from_str_radix(&text.trim().replace('-', ""), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    const SAVED: Stamp = Stamp {
        boot: 7,
        boottime_nanos: 1_000 * SECOND,
        now: Moment::from_nanos(9_000 * SECOND),
        wall_nanos: 1_800_000_000 * SECOND,
    };

    fn away_s(later: Stamp) -> u64 {
        SAVED.away_until(&later).as_secs()
    }

    #[test]
    fn within_a_boot_the_wall_clock_is_not_asked() {
        let later = Stamp {
            boottime_nanos: 1_060 * SECOND,
            wall_nanos: 0,
            ..SAVED
        };
        assert_eq!(away_s(later), 60);
    }

    #[test]
    fn after_a_boot_the_wall_clock_tells_and_less_than_the_time_since_the_boot_it_cannot_be() {
        let booted = |wall_s: u64| Stamp {
            boot: 8,
            boottime_nanos: 20 * SECOND,
            wall_nanos: wall_s * SECOND,
            ..SAVED
        };
        assert_eq!(away_s(booted(1_800_000_300)), 300);
        assert_eq!(away_s(booted(1_800_000_010)), 20);
        assert_eq!(away_s(booted(0)), 20, "no battery behind the clock");
    }

    #[test]
    fn a_boot_that_has_no_name_or_ran_backwards_is_another_one() {
        let nameless = Stamp { boot: 0, ..SAVED };
        let later = Stamp {
            wall_nanos: SAVED.wall_nanos + 5_000 * SECOND,
            ..nameless
        };
        assert_eq!(nameless.away_until(&later).as_secs(), 5_000);
        let earlier = Stamp {
            boottime_nanos: 10 * SECOND,
            wall_nanos: SAVED.wall_nanos + 30 * SECOND,
            ..SAVED
        };
        assert_eq!(away_s(earlier), 30);
    }

    #[test]
    fn the_boot_has_a_name() {
        assert_eq!(Stamp::take().boot, Stamp::take().boot);
        assert_ne!(boot_id(), None);
    }
}
