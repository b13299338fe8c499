//! What a loop is asked to do from outside: by signals, and by the thread that writes the output.
//!
//! Each order is a flag, and then a byte into the pipe that the loop waits on. The loop empties the pipe first and
//! looks at the flags then, so none is overlooked.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::{flag, low_level};

/// The orders, as those who give them hold them.
#[derive(Debug)]
pub struct Orders {
    flags: Flags,
    bell: UnixStream,
}

/// The orders, as the loop that obeys them holds them.
#[derive(Debug)]
pub struct Obedience {
    flags: Flags,
    bell: UnixStream,
}

#[derive(Clone, Debug, Default)]
struct Flags {
    end: Arc<AtomicBool>,
    states: Arc<AtomicBool>,
    read_again: Arc<AtomicBool>,
    reader_gone: Arc<AtomicBool>,
}

/// Both ends of the orders.
///
/// # Errors
/// The system's, where it has no file descriptors to give.
pub fn orders() -> io::Result<(Orders, Obedience)> {
    let (bell, ear) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    ear.set_nonblocking(true)?;
    let flags = Flags::default();
    Ok((
        Orders {
            flags: flags.clone(),
            bell,
        },
        Obedience { flags, bell: ear },
    ))
}

impl Orders {
    /// Lets signals give orders: SIGTERM and SIGINT to end, SIGUSR1 to tell all states, SIGHUP to read the files of
    /// the configuration again. A second signal to end adds
    /// nothing to the first: what it asks for is under way, and does not take long.
    ///
    /// # Errors
    /// The system's.
    pub fn give_by_signals(&self) -> io::Result<()> {
        for signal in [SIGTERM, SIGINT] {
            flag::register(signal, Arc::clone(&self.flags.end))?;
            low_level::pipe::register(signal, self.bell.try_clone()?)?;
        }
        for (signal, order) in [(SIGUSR1, &self.flags.states), (SIGHUP, &self.flags.read_again)] {
            flag::register(signal, Arc::clone(order))?;
            low_level::pipe::register(signal, self.bell.try_clone()?)?;
        }
        Ok(())
    }

    /// Tells that nobody reads the output any more.
    pub fn reader_is_gone(&self) {
        self.flags.reader_gone.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// What SIGTERM does.
    #[cfg(test)]
    pub(crate) fn end(&self) {
        self.flags.end.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Wakes the loop, which then looks whether the output has room.
    pub fn wake(&self) {
        // A full pipe wakes the loop as well as one more byte would; where the loop is gone, nobody needs waking.
        let _ = (&self.bell).write(&[0]);
    }
}

impl Obedience {
    /// Takes what woke the loop; to be called before any order is looked at.
    pub fn hear(&mut self) {
        let mut bytes = [0; 64];
        loop {
            match self.bell.read(&mut bytes) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Whether to end.
    #[must_use]
    pub fn end(&self) -> bool {
        self.flags.end.load(Ordering::SeqCst)
    }

    /// Notes that nobody reads the output any more.
    pub fn reader_is_gone(&self) {
        self.flags.reader_gone.store(true, Ordering::SeqCst);
    }

    /// Whether nobody reads the output any more.
    #[must_use]
    pub fn reader_gone(&self) -> bool {
        self.flags.reader_gone.load(Ordering::SeqCst)
    }

    /// Whether all states were asked for since the last call.
    #[must_use]
    pub fn take_states(&self) -> bool {
        self.flags.states.swap(false, Ordering::SeqCst)
    }

    /// Whether the files of the configuration are to be read again, as was asked since the last call.
    #[must_use]
    pub fn take_read_again(&self) -> bool {
        self.flags.read_again.swap(false, Ordering::SeqCst)
    }
}

impl AsRawFd for Obedience {
    fn as_raw_fd(&self) -> RawFd {
        self.bell.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_an_order_and_wakes_the_loop() {
        let (orders, mut obedience) = orders().unwrap();
        orders.give_by_signals().unwrap();
        assert!(!obedience.take_states());
        low_level::raise(SIGUSR1).unwrap();
        let mut byte = [0];
        assert_eq!(obedience.bell.read(&mut byte).unwrap(), 1);
        obedience.hear();
        assert!(obedience.take_states());
        assert!(!obedience.take_states());
        low_level::raise(SIGHUP).unwrap();
        assert!(obedience.take_read_again());
        assert!(!obedience.take_read_again());
        assert!(!obedience.end());
        low_level::raise(SIGTERM).unwrap();
        low_level::raise(SIGTERM).unwrap();
        low_level::raise(SIGINT).unwrap();
        assert!(obedience.end());
    }

    #[test]
    fn a_bell_that_nobody_answers_never_blocks() {
        let (orders, mut obedience) = orders().unwrap();
        (0..100_000).for_each(|_| orders.wake());
        orders.reader_is_gone();
        obedience.hear();
        assert!(obedience.reader_gone());
        let error = obedience.bell.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        drop(obedience);
        orders.wake();
    }
}
