//! Names become addresses beside the schedule: the system's resolver may take as long as it likes.

use beacon_common::Moment;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use crate::helper::{Answer, Helpers};
use crate::link::Silence;

/// A name that resolved is asked for again after this long.
const AGAIN: Duration = Duration::from_secs(300);
/// One that did not, after this long at first, and twice as long each time…
const RETRY: Duration = Duration::from_secs(1);
/// …until it is asked for this often.
const RETRY_AT_LEAST: Duration = Duration::from_secs(60);
/// However often its collector is lost, a name is asked for no sooner after the last time than this…
const WHEN_LOST: Duration = Duration::from_secs(10);
/// …and while it stays lost, no sooner than this.
const WHILE_LOST: Duration = Duration::from_secs(30);

/// When to ask for a name.
#[derive(Clone, Debug)]
pub struct Timetable {
    /// `None` while an answer is awaited.
    due: Option<Moment>,
    asked: Moment,
    failures: u32,
}

impl Timetable {
    /// A name that has never been asked for is due now.
    #[must_use]
    pub const fn new(now: Moment) -> Self {
        Self {
            due: Some(now),
            asked: now,
            failures: 0,
        }
    }

    /// When to ask next; never while an answer is awaited.
    #[must_use]
    pub fn due(&self) -> Moment {
        self.due.unwrap_or(Moment::NEVER)
    }

    /// Whether the last answer was that there is none.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.failures != 0
    }

    /// The name is asked for.
    pub fn asked(&mut self, now: Moment) {
        self.due = None;
        self.asked = now;
    }

    /// The answer has come.
    pub fn answered(&mut self, now: Moment, is_success: bool) {
        let wait = if is_success {
            self.failures = 0;
            AGAIN
        } else {
            let wait = RETRY
                .saturating_mul(1 << self.failures.min(6))
                .min(RETRY_AT_LEAST);
            self.failures = self.failures.saturating_add(1);
            wait
        };
        self.due = Some(now + wait);
    }

    /// The collector does not answer: it may have moved.
    pub fn hasten(&mut self, silence: Silence) {
        let rest = match silence {
            Silence::Lost => WHEN_LOST,
            Silence::StillLost => WHILE_LOST,
        };
        if let Some(due) = &mut self.due {
            *due = (*due).min(self.asked + rest);
        }
    }
}

/// The answer to a question.
#[derive(Debug)]
pub struct Resolved {
    /// Which collector's name it was.
    pub collector: usize,
    /// Its addresses, or why there are none.
    pub addresses: io::Result<Vec<SocketAddr>>,
}

/// Begins to ask for the addresses of a name, for the collector at that place.
pub fn ask(collector: usize, name: &str, port: u16, helpers: &Helpers) {
    let name = name.to_owned();
    let answer = move |addresses| Answer::Resolved(Resolved { collector, addresses });
    let question = move || answer((name, port).to_socket_addrs().map(Iterator::collect));
    helpers.begin(Box::new(question), move |error| answer(Err(error)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    fn at(seconds: u64) -> Moment {
        Moment::ORIGIN + Duration::from_secs(seconds)
    }

    #[test]
    fn a_name_that_does_not_resolve_is_asked_for_ever_more_rarely() {
        let mut timetable = Timetable::new(at(0));
        let mut now = at(0);
        let waits: Vec<_> = std::iter::repeat_with(|| {
            timetable.asked(now);
            assert_eq!(timetable.due(), Moment::NEVER);
            timetable.answered(now, false);
            let wait = timetable.due().since(now).as_secs();
            now = timetable.due();
            wait
        })
        .take(9)
        .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        timetable.answered(now, true);
        assert_eq!(timetable.due(), now + AGAIN);
        timetable.answered(now, false);
        assert_eq!(timetable.due(), now + RETRY, "a success forgets the failures");
    }

    #[test]
    fn a_lost_collector_is_asked_for_soon_but_not_all_the_time() {
        let mut timetable = Timetable::new(at(0));
        timetable.asked(at(0));
        timetable.hasten(Silence::Lost);
        assert_eq!(timetable.due(), Moment::NEVER, "already asked");
        timetable.answered(at(1), true);
        timetable.hasten(Silence::StillLost);
        assert_eq!(timetable.due(), at(30));
        timetable.hasten(Silence::Lost);
        assert_eq!(timetable.due(), at(10));
        timetable.asked(at(100));
        timetable.answered(at(100), false);
        timetable.hasten(Silence::Lost);
        assert_eq!(timetable.due(), at(101), "sooner already");
    }

    #[test]
    fn a_question_is_answered_for_its_collector() {
        let (mut awaited, wake) = UnixStream::pair().unwrap();
        let helpers = Helpers::new(wake);
        ask(4, "127.0.0.1", 9, &helpers);
        awaited.read_exact(&mut [0]).unwrap();
        let Some(Answer::Resolved(resolved)) = helpers.answer() else {
            panic!("no answer");
        };
        assert_eq!(resolved.collector, 4);
        assert_eq!(resolved.addresses.unwrap(), ["127.0.0.1:9".parse().unwrap()]);
    }
}
