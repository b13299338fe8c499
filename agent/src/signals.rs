//! Signals become flags and a byte in the pipe that the agent waits on.

use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::{flag, low_level};
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What has been signalled.
#[derive(Debug, Default)]
pub struct Signals {
    stop: Arc<AtomicBool>,
    statistics: Arc<AtomicBool>,
    leaving: Arc<AtomicBool>,
}

impl Signals {
    /// Handles SIGTERM, SIGINT and SIGUSR1 from now on; each writes a byte to `wake`.
    ///
    /// # Errors
    /// The system's.
    pub fn install(wake: &UnixStream) -> io::Result<Self> {
        let signals = Self::default();
        for signal in [SIGTERM, SIGINT] {
            // Comes first, so that it sees the signals before this one only.
            flag::register_conditional_shutdown(signal, 0, Arc::clone(&signals.leaving))?;
            flag::register(signal, Arc::clone(&signals.stop))?;
            low_level::pipe::register(signal, wake.try_clone()?)?;
        }
        flag::register(SIGUSR1, Arc::clone(&signals.statistics))?;
        low_level::pipe::register(SIGUSR1, wake.try_clone()?)?;
        // Where whoever has started the agent ignores it, so would the agent, and the system would reap what it runs.
        flag::register(SIGCHLD, Arc::default())?;
        Ok(signals)
    }

    /// Whether the agent is to stop.
    #[must_use]
    pub fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether the statistics were asked for since the last call.
    #[must_use]
    pub fn take_statistics(&self) -> bool {
        self.statistics.swap(false, Ordering::Relaxed)
    }

    /// From now on another SIGTERM or SIGINT ends the process at once.
    pub fn leave_at_once(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }
}
