//! Whether a source that is not known is let in: there is room, and not too many come at once. All trackers of one
//! collector share this, and only a source that comes or goes touches it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use beacon_common::Moment;

use super::reject::Reject;

/// So many seconds' worth of new sources may come at once.
const BURST_SECONDS: u64 = 10;

const NANOS_A_SECOND: u64 = 1_000_000_000;

/// The bounds on new sources.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Bounds>);

#[derive(Debug)]
struct Bounds {
    /// How many sources may still be taken in; below zero where more are expected than there was room for.
    room: AtomicI64,
    rate: Option<Rate>,
}

/// A leaky bucket as the generic cell rate algorithm keeps it (ITU-T I.371, annex A): one moment.
#[derive(Debug)]
struct Rate {
    nanos_a_source: u64,
    /// When the sources that came until now would all have come at the rate, in nanoseconds.
    paid_until: AtomicU64,
}

impl Admission {
    /// Room for so many sources, of which so many a second may be new.
    #[must_use]
    pub fn new(sources: u32, a_second: Option<NonZeroU32>) -> Self {
        let rate = a_second.map(|a_second| Rate {
            nanos_a_source: NANOS_A_SECOND / u64::from(a_second.get()),
            paid_until: AtomicU64::new(0),
        });
        Self(Arc::new(Bounds {
            room: AtomicI64::new(sources.into()),
            rate,
        }))
    }

    /// Lets one source in.
    ///
    /// # Errors
    /// [`Reject::Full`] where there is no room, [`Reject::Rate`] where too many come at once.
    pub(super) fn admit(&self, now: Moment) -> Result<(), Reject> {
        self.restore()?;
        if self.0.rate.as_ref().is_none_or(|rate| rate.pass(now)) {
            return Ok(());
        }
        self.leave();
        Err(Reject::Rate)
    }

    /// Lets in a source that was known before the collector was restarted, however many come at once.
    ///
    /// # Errors
    /// [`Reject::Full`] where there is no room.
    pub(super) fn restore(&self) -> Result<(), Reject> {
        let one_less = |left: i64| (left > 0).then(|| left - 1);
        // The count alone is shared, nothing is published by it.
        self.0
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .map(drop)
            .map_err(|_| Reject::Full)
    }

    /// Keeps room for one source that is expected, whether there is any or not.
    pub(super) fn reserve(&self) {
        self.0.room.fetch_sub(1, Ordering::Relaxed);
    }

    /// Gives back the room of one source.
    pub(super) fn leave(&self) {
        self.0.room.fetch_add(1, Ordering::Relaxed);
    }
}

impl Rate {
    fn pass(&self, now: Moment) -> bool {
        let now = now.as_nanos();
        let at_most = now.saturating_add(BURST_SECONDS * NANOS_A_SECOND);
        let pay = |paid_until: u64| {
            let paid_until = paid_until.max(now).saturating_add(self.nanos_a_source);
            (paid_until <= at_most).then_some(paid_until)
        };
        self.paid_until
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn no_more_are_let_in_than_there_is_room_for_however_many_come() {
        let admission = Admission::new(1_000, None);
        let admit = || admission.admit(Moment::ORIGIN);
        let admitted: usize = thread::scope(|scope| {
            let doors: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..500).filter(|_| admit().is_ok()).count()))
                .collect();
            doors.into_iter().map(|door| door.join().unwrap()).sum()
        });
        assert_eq!(admitted, 1_000);
        admission.leave();
        assert_eq!([admit(), admit()], [Ok(()), Err(Reject::Full)]);
    }

    #[test]
    fn who_is_expected_takes_room_from_the_others_and_needs_none() {
        let admission = Admission::new(2, None);
        (0..3).for_each(|_| admission.reserve());
        let admit = || admission.admit(Moment::ORIGIN);
        admission.leave();
        assert_eq!(admit(), Err(Reject::Full));
        admission.leave();
        assert_eq!([admit(), admit()], [Ok(()), Err(Reject::Full)]);
    }

    #[test]
    fn a_burst_is_let_in_and_then_so_many_a_second() {
        let admission = Admission::new(u32::MAX, NonZeroU32::new(1_000));
        let start_us = 86_400_000_000;
        let admitted = |after_us: u64| {
            let at = Moment::from_micros(start_us + after_us);
            (0..20_000).take_while(|_| admission.admit(at).is_ok()).count()
        };
        assert_eq!(admitted(0), 10_000);
        assert_eq!(admission.admit(Moment::from_micros(start_us)), Err(Reject::Rate));
        assert_eq!(admitted(999), 0);
        assert_eq!(admitted(1_000), 1);
        assert_eq!(admitted(1_001_000), 1_000);
        assert_eq!(admitted(3_600_000_000), 10_000);
    }

    #[test]
    fn who_is_refused_for_coming_too_fast_takes_no_room() {
        let admission = Admission::new(11, NonZeroU32::new(1));
        let at = |seconds: u64| admission.admit(Moment::from_micros(seconds * 1_000_000));
        assert!((0..10).all(|_| at(1).is_ok()));
        assert!((0..10).all(|_| at(1) == Err(Reject::Rate)));
        assert_eq!([at(2), at(3)], [Ok(()), Err(Reject::Full)]);
    }
}
