//! What a service manager is told, where there is one that asks for it (sd_notify(3), by hand).

use beacon_common::{Health, Moment};
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The variables that concern this process and not those it starts.
pub const VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

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

/// The way to the service manager.
#[derive(Debug)]
pub struct Notifier {
    socket: UnixDatagram,
    manager: SocketAddr,
    /// How often it wants to hear that this process is alive.
    watchdog: Option<Duration>,
    due: Moment,
    told: Option<Status>,
}

impl Notifier {
    /// The manager that the environment names; `None` without one, or where it cannot be reached.
    #[must_use]
    pub fn from_environment(now: Moment) -> Option<Self> {
        let [socket, usec, pid] = VARIABLES.map(env::var_os);
        // The watchdog may be meant for a process that has started this one.
        let is_ours = pid.is_none_or(|pid| pid == std::process::id().to_string().as_str());
        let usec = usec.filter(|_| is_ours);
        Self::new(&socket?, usec.as_deref(), now).ok()
    }

    fn new(socket: &OsStr, watchdog_usec: Option<&OsStr>, now: Moment) -> io::Result<Self> {
        let manager = match socket.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(socket)?,
        };
        let socket = UnixDatagram::unbound()?;
        // Nothing that the manager does may hold up a beat.
        socket.set_nonblocking(true)?;
        let usec = watchdog_usec.and_then(|usec| usec.to_str()?.parse().ok());
        // Half of what it waits for, as sd_watchdog_enabled(3) advises.
        let half = usec
            .filter(|&usec| usec != 0)
            .map(|usec| Duration::from_micros(usec) / 2);
        Ok(Self {
            socket,
            manager,
            watchdog: half,
            due: half.map_or(Moment::NEVER, |_| now),
            told: None,
        })
    }

    /// When [`Notifier::attend`] has something to do.
    #[must_use]
    pub const fn due(&self) -> Moment {
        self.due
    }

    /// Says that this process is alive, where that is due.
    pub fn attend(&mut self, now: Moment) {
        if let Some(every) = self.watchdog
            && self.due <= now
        {
            self.due = now + every;
            self.send("WATCHDOG=1");
        }
    }

    /// The schedule runs, and this is how it goes. What the manager knows is not told again.
    pub fn tell(&mut self, status: Status) {
        let before = self.told.replace(status);
        if before != Some(status) {
            let ready = if before.is_none() { "READY=1\n" } else { "" };
            let Status {
                answering,
                collectors,
                health,
            } = status;
            let health = health.name();
            self.send(&format!(
                "{ready}STATUS={answering} of {collectors} collectors answer, health {health}"
            ));
        }
    }

    /// The end begins.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    fn send(&self, text: &str) {
        // A manager that is gone or busy goes without.
        let _ = self.socket.send_to_addr(text.as_bytes(), &self.manager);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_manager_is_told_what_is_new_by_path_or_abstract_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let name = path.to_str().unwrap().replace('/', "-");
        let abstract_address = SocketAddr::from_abstract_name(&name).unwrap();
        for (socket, manager) in [
            (path.to_str().unwrap().to_owned(), UnixDatagram::bind(&path)),
            (format!("@{name}"), UnixDatagram::bind_addr(&abstract_address)),
        ] {
            let manager = manager.unwrap();
            let mut notifier = Notifier::new(socket.as_ref(), None, Moment::ORIGIN).unwrap();
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
    }

    #[test]
    fn the_watchdog_is_fed_at_half_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier =
            |usec: &str| Notifier::new(path.as_ref(), Some(usec.as_ref()), Moment::ORIGIN).unwrap();
        for usec in ["0", "", "soon"] {
            assert_eq!(notifier(usec).due(), Moment::NEVER);
        }
        let mut notifier = notifier("3000000");
        assert_eq!(notifier.due(), Moment::ORIGIN);
        let late = Moment::ORIGIN + Duration::from_millis(20);
        notifier.attend(late);
        assert_eq!(notifier.due(), late + Duration::from_millis(1_500));
        notifier.attend(late);
        assert_eq!(received(&manager).unwrap(), "WATCHDOG=1");
        assert_eq!(received(&manager), None);
    }

    #[test]
    fn a_manager_that_is_not_there_is_done_without() {
        let mut notifier = Notifier::new("/nonexistent/notify".as_ref(), None, Moment::ORIGIN).unwrap();
        notifier.tell(STATUS);
        assert_eq!(notifier.told, Some(STATUS));
    }
}
