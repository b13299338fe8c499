//! What a service manager is told, where there is one that asks for it (sd_notify(3)).

use std::time::Duration;

use beacon_common::Moment;
use beacon_common::manager::Manager;

use crate::track::event::{State, Tick};

/// How often the sources are counted for it, and the workers shown to be at work; more often where its watchdog asks.
const LOOKS_EVERY: Duration = Duration::from_secs(10);

/// What it has not heard, because it is told too much at once, is told again after this time.
const TELL_AGAIN: Duration = Duration::from_millis(100);

/// What is told, and what was.
#[derive(Debug)]
pub struct Notifier {
    manager: Manager,
    /// It knows that all is in place.
    is_ready: bool,
    /// The sources by state that it knows of.
    told: Option<[u64; State::ALL.len()]>,
    due: Moment,
}

impl Notifier {
    /// For the manager that the environment names; `None` without one.
    #[must_use]
    pub fn from_environment(now: Moment) -> Option<Self> {
        Some(Self::new(Manager::from_environment()?, now))
    }

    /// For this manager, which has heard nothing yet.
    #[must_use]
    pub const fn new(manager: Manager, now: Moment) -> Self {
        Self {
            manager,
            is_ready: false,
            told: None,
            due: now,
        }
    }

    /// When the workers are to be asked what they have counted.
    #[must_use]
    pub const fn due(&self) -> Moment {
        self.due
    }

    /// All that was to be read is in force, or refused.
    pub fn ready(&mut self, now: Moment) {
        self.is_ready = self.manager.tell("READY=1");
        if !self.is_ready {
            self.due = now + TELL_AGAIN;
        }
    }

    /// Files are read again from now on, which is `monotonic_us` on `CLOCK_MONOTONIC`, until it is ready.
    pub fn reloading(&self, monotonic_us: u64) {
        self.manager
            .tell(&format!("RELOADING=1\nMONOTONIC_USEC={monotonic_us}"));
    }

    /// The end begins.
    pub fn stopping(&self) {
        self.manager.tell("STOPPING=1");
    }

    /// All workers answer, and have counted this.
    pub fn alive(&mut self, tick: &Tick, now: Moment) {
        self.look_again(now);
        if self.manager.feed_every().is_some() {
            self.manager.tell("WATCHDOG=1");
        }
        if self.told != Some(tick.sources) && self.manager.tell(&status(tick)) {
            self.told = Some(tick.sources);
        }
        if !self.is_ready {
            self.ready(now);
        }
    }

    /// A worker does not answer: the watchdog is not fed, and barks if that goes on.
    pub fn look_again(&mut self, now: Moment) {
        let every = self.manager.feed_every();
        self.due = now + every.map_or(LOOKS_EVERY, |every| every.min(LOOKS_EVERY));
    }
}

/// `STATUS=12 up, 1 late, …`: up in any case, and what there is of the others.
fn status(tick: &Tick) -> String {
    let counted = State::ALL.into_iter().zip(tick.sources);
    let shown = counted.filter(|&(state, count)| state == State::Up || count > 0);
    let shown: Vec<_> = shown
        .map(|(state, count)| format!("{count} {}", state.name()))
        .collect();
    format!("STATUS={}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;
    use std::path::PathBuf;

    fn at(ms: u64) -> Moment {
        Moment::ORIGIN.after_ms(ms)
    }

    fn heard(manager: &UnixDatagram) -> Vec<String> {
        manager.set_nonblocking(true).unwrap();
        let mut bytes = [0; 200];
        let next = || manager.recv(&mut bytes).ok().map(|len| bytes[..len].to_vec());
        std::iter::from_fn(next)
            .map(|word| String::from_utf8(word).unwrap())
            .collect()
    }

    fn notifier(watchdog_usec: Option<&str>) -> (Notifier, PathBuf, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager = Manager::new(path.as_ref(), watchdog_usec.map(AsRef::as_ref)).unwrap();
        (Notifier::new(manager, at(0)), path, directory)
    }

    fn tick(up: u64, down: u64) -> Tick {
        Tick {
            sources: [up, 0, down, 0, 0, 0],
            ..Tick::default()
        }
    }

    #[test]
    fn what_is_known_is_not_told_again() {
        let (mut notifier, path, _directory) = notifier(None);
        let manager = UnixDatagram::bind(path).unwrap();
        notifier.ready(at(0));
        assert_eq!(notifier.due(), at(0));
        notifier.alive(&tick(0, 0), at(1));
        assert_eq!(notifier.due(), at(10_001));
        notifier.alive(&tick(3, 1), at(10_001));
        notifier.alive(&tick(3, 1), at(20_001));
        assert_eq!(heard(&manager), ["READY=1", "STATUS=0 up", "STATUS=3 up, 1 down"]);
        notifier.reloading(1_234);
        notifier.ready(at(20_002));
        notifier.stopping();
        let expected = ["RELOADING=1\nMONOTONIC_USEC=1234", "READY=1", "STOPPING=1"];
        assert_eq!(heard(&manager), expected);
    }

    #[test]
    fn the_watchdog_is_fed_only_while_the_workers_answer() {
        let (mut notifier, path, _directory) = notifier(Some("3000000"));
        let manager = UnixDatagram::bind(path).unwrap();
        notifier.ready(at(0));
        notifier.alive(&tick(0, 0), at(0));
        assert_eq!(notifier.due(), at(1_500));
        notifier.look_again(at(1_500));
        assert_eq!(notifier.due(), at(3_000));
        assert_eq!(heard(&manager), ["READY=1", "WATCHDOG=1", "STATUS=0 up"]);
    }

    #[test]
    fn a_manager_that_has_not_heard_is_told_again_soon() {
        let (mut notifier, path, _directory) = notifier(None);
        notifier.ready(at(0));
        assert_eq!(notifier.due(), at(100));
        let manager = UnixDatagram::bind(path).unwrap();
        notifier.alive(&tick(1, 0), at(100));
        assert_eq!(heard(&manager), ["STATUS=1 up", "READY=1"]);
        assert_eq!(notifier.due(), at(10_100));
    }
}
