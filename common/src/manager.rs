//! The way to a service manager, where there is one that asks to be told (sd_notify(3), by hand).
//!
//! For the two programs alone, so it is here only with the feature `manager`: it takes an operating system.

use core::time::Duration;
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::string::ToString as _;

/// The variables that concern this process and not those it starts.
pub const VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// A service manager that listens.
#[derive(Debug)]
pub struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    feed_every: Option<Duration>,
}

impl Manager {
    /// The manager that the environment names; `None` without one, or where it cannot be reached.
    #[must_use]
    pub fn from_environment() -> Option<Self> {
        let [socket, usec, pid] = VARIABLES.map(env::var_os);
        // The watchdog may be meant for a process that has started this one.
        let is_ours = pid.is_none_or(|pid| pid == std::process::id().to_string().as_str());
        let usec = usec.filter(|_| is_ours);
        Self::new(&socket?, usec.as_deref()).ok()
    }

    /// The manager at `socket`, a path or, behind an `@`, an abstract name. Its watchdog waits for so many microseconds.
    ///
    /// # Errors
    /// The system's, where there is no such address or no file descriptor to give.
    pub fn new(socket: &OsStr, watchdog_usec: Option<&OsStr>) -> io::Result<Self> {
        let address = match socket.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(socket)?,
        };
        let socket = UnixDatagram::unbound()?;
        // Nothing that the manager does may hold up a beat.
        socket.set_nonblocking(true)?;
        let usec = watchdog_usec.and_then(|usec| usec.to_str()?.parse().ok());
        // Half of what it waits for, as sd_watchdog_enabled(3) advises.
        let feed_every = usec
            .filter(|&usec| usec != 0)
            .map(|usec| Duration::from_micros(usec) / 2);
        Ok(Self {
            socket,
            address,
            feed_every,
        })
    }

    /// How often its watchdog is to hear that this process is alive, where it has one.
    #[must_use]
    pub const fn feed_every(&self) -> Option<Duration> {
        self.feed_every
    }

    /// Tells it `text`, without waiting. False where it has not heard: it is gone, or is told too much at once.
    pub fn tell(&self, text: &str) -> bool {
        let sent = self.socket.send_to_addr(text.as_bytes(), &self.address);
        sent.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::{format, vec};

    #[test]
    fn a_manager_is_found_by_path_or_abstract_name() {
        let path = env::temp_dir().join(format!("beacon-manager-{}", std::process::id()));
        let name = path.to_string_lossy().replace('/', "-");
        let abstract_address = SocketAddr::from_abstract_name(&name).unwrap();
        for (socket, listener) in [
            (path.to_string_lossy().to_string(), UnixDatagram::bind(&path)),
            (format!("@{name}"), UnixDatagram::bind_addr(&abstract_address)),
        ] {
            let listener = listener.unwrap();
            let manager = Manager::new(socket.as_ref(), None).unwrap();
            assert!(manager.tell("READY=1"));
            let mut bytes = vec![0; 20];
            let len = listener.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..len], b"READY=1");
            drop(listener);
            assert!(!manager.tell("STOPPING=1"));
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn the_watchdog_is_to_be_fed_at_half_its_time() {
        let every = |usec: &str| {
            let manager = Manager::new("/nonexistent".as_ref(), Some(usec.as_ref())).unwrap();
            manager.feed_every()
        };
        assert_eq!(["0", "", "soon"].map(every), [None; 3]);
        assert_eq!(every("3000000"), Some(Duration::from_millis(1_500)));
    }
}
