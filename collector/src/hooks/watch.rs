//! When a hook has had its time: it is asked to end, and then killed.

use std::time::Duration;

use beacon_common::Moment;
use rustix::process::Signal;

/// How long a hook that is asked to end (SIGTERM) may take to.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// A hook that does not die is killed again this often: what it starts just then may escape the first time.
const KILL_AGAIN: Duration = Duration::from_secs(1);

/// The time of one hook.
#[derive(Debug)]
pub(super) struct Watch {
    stage: Stage,
    /// When it gets its next signal.
    next: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    InTime,
    Asked,
    Killed,
}

impl Watch {
    /// The watch of a hook that begins `now` and may take as long as `timeout`.
    pub(super) fn new(now: Moment, timeout: Duration) -> Self {
        Self {
            stage: Stage::InTime,
            next: now + timeout,
        }
    }

    /// Its time is up at `moment`, if it is not before.
    pub(super) fn shorten(&mut self, moment: Moment) {
        self.next = self.next.min(moment);
    }

    /// When [`Watch::signal`] has something to say.
    pub(super) const fn next(&self) -> Moment {
        self.next
    }

    /// What the hook's processes are to be sent now.
    pub(super) fn signal(&mut self, now: Moment) -> Option<Signal> {
        if now < self.next {
            return None;
        }
        let (stage, again, signal) = match self.stage {
            Stage::InTime => (Stage::Asked, GRACE, Signal::TERM),
            Stage::Asked | Stage::Killed => (Stage::Killed, KILL_AGAIN, Signal::KILL),
        };
        (self.stage, self.next) = (stage, now + again);
        Some(signal)
    }

    /// Whether its time was up before it ended.
    pub(super) fn is_over(&self) -> bool {
        self.stage != Stage::InTime
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_once_and_then_killed_until_it_is_dead() {
        let begun = Moment::from_micros(7);
        let timeout = Duration::from_secs(30);
        let mut watch = Watch::new(begun, timeout);
        assert_eq!(watch.signal(begun + (timeout - Duration::from_nanos(1))), None);
        assert!(!watch.is_over());
        let told: Vec<_> = (0..4)
            .map(|_| (watch.next(), watch.signal(watch.next())))
            .collect();
        let asked = begun + timeout;
        let killed = asked + GRACE;
        assert_eq!(
            told,
            [
                (asked, Some(Signal::TERM)),
                (killed, Some(Signal::KILL)),
                (killed + KILL_AGAIN, Some(Signal::KILL)),
                (killed + KILL_AGAIN * 2, Some(Signal::KILL)),
            ]
        );
        assert!(watch.is_over());
    }

    #[test]
    fn the_end_of_the_collector_comes_first_only_where_it_is_earlier() {
        let begun = Moment::ORIGIN;
        let mut watch = Watch::new(begun, Duration::from_secs(30));
        watch.shorten(begun + Duration::from_secs(40));
        assert_eq!(watch.next(), begun + Duration::from_secs(30));
        watch.shorten(begun + Duration::from_secs(5));
        assert_eq!(watch.signal(begun + Duration::from_secs(5)), Some(Signal::TERM));
    }
}
