//! What a service manager is told, where there is one that asks for it.

use beacon_common::manager::Manager;
use beacon_common::{Health, Moment};

/// How the agent fares, in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// How many collectors answer…
    pub answering: usize,
    /// …of how many.
    pub collectors: usize,
    /// What the beats say.
    pub health: Health,
}

/// What is told, and what was.
#[derive(Debug)]
pub struct Notifier {
    manager: Manager,
    due: Moment,
    told: Option<Status>,
}

impl Notifier {
    /// For the manager that the environment names; `None` without one.
    #[must_use]
    pub fn from_environment(now: Moment) -> Option<Self> {
        Some(Self::new(Manager::from_environment()?, now))
    }

    fn new(manager: Manager, now: Moment) -> Self {
        Self {
            due: manager.feed_every().map_or(Moment::NEVER, |_| now),
            manager,
            told: None,
        }
    }

    /// When [`Notifier::attend`] has something to do.
    #[must_use]
    pub const fn due(&self) -> Moment {
        self.due
    }

    /// Says that this process is alive, where that is due.
    pub fn attend(&mut self, now: Moment) {
        if let Some(every) = self.manager.feed_every()
            && self.due <= now
        {
            self.due = now + every;
            self.manager.tell("WATCHDOG=1");
        }
    }

    /// The schedule runs, and this is how it goes. What the manager knows is not told again.
    pub fn tell(&mut self, status: Status) {
        if self.told == Some(status) {
            return;
        }
        let ready = if self.told.is_none() { "READY=1\n" } else { "" };
        let Status {
            answering,
            collectors,
            health,
        } = status;
        let health = health.name();
        let text = format!("{ready}STATUS={answering} of {collectors} collectors answer, health {health}");
        if self.manager.tell(&text) {
            self.told = Some(status);
        }
    }

    /// The end begins.
    pub fn stopping(&self) {
        self.manager.tell("STOPPING=1");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;
    use std::path::Path;
    use std::time::Duration;

    const STATUS: Status = Status {
        answering: 1,
        collectors: 2,
        health: Health::Ok,
    };

    fn received(socket: &UnixDatagram) -> Option<String> {
        let mut bytes = [0; 200];
        socket.set_nonblocking(true).unwrap();
        let len = socket.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..len]).into_owned())
    }

    fn notifier(path: &Path, usec: Option<&str>) -> Notifier {
        let manager = Manager::new(path.as_ref(), usec.map(AsRef::as_ref));
        Notifier::new(manager.unwrap(), Moment::ORIGIN)
    }

    #[test]
    fn a_manager_is_told_what_is_new() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let mut notifier = notifier(&path, None);
        assert_eq!(notifier.due(), Moment::NEVER);
        notifier.tell(STATUS);
        notifier.tell(STATUS);
        let ready = "READY=1\nSTATUS=1 of 2 collectors answer, health ok";
        assert_eq!(received(&manager).unwrap(), ready);
        assert_eq!(received(&manager), None);
        notifier.tell(Status {
            health: Health::Critical,
            ..STATUS
        });
        let worse = "STATUS=1 of 2 collectors answer, health critical";
        assert_eq!(received(&manager).unwrap(), worse);
        notifier.stopping();
        assert_eq!(received(&manager).unwrap(), "STOPPING=1");
    }

    #[test]
    fn the_watchdog_is_fed_when_it_is_due() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let mut notifier = notifier(&path, Some("3000000"));
        assert_eq!(notifier.due(), Moment::ORIGIN);
        let late = Moment::ORIGIN + Duration::from_millis(20);
        notifier.attend(late);
        assert_eq!(notifier.due(), late + Duration::from_millis(1_500));
        notifier.attend(late);
        assert_eq!(received(&manager).unwrap(), "WATCHDOG=1");
        assert_eq!(received(&manager), None);
    }

    #[test]
    fn what_a_manager_has_not_heard_it_is_told_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let mut notifier = notifier(&path, None);
        notifier.tell(STATUS);
        let manager = UnixDatagram::bind(&path).unwrap();
        notifier.tell(STATUS);
        assert!(received(&manager).unwrap().starts_with("READY=1\n"));
    }
}
