//! The one place where the agent waits.
//!
//! A timeout of poll(2) does not count the time that the device is suspended, and the schedule's clock does.
//! So poll also watches a timer that only ever fires because the wall clock has been set, which is what a
//! resume does to it (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET): then the schedule is looked at again.

use beacon_common::Moment;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd as _, OwnedFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;

use crate::socket::{Family, Sockets};

/// A moment of the wall clock that no device lives to see.
const FAR_FUTURE: Timespec = Timespec {
    tv_sec: i64::MAX,
    tv_nsec: 0,
};

/// What the agent waits on besides its sockets.
#[derive(Debug)]
pub struct Waiter {
    calls: UnixStream,
    /// `None` where the kernel has no such timer: a device that sleeps is then late after waking up.
    clock_set: Option<OwnedFd>,
}

/// What ended a wait; all false when it was time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// A signal has come, or a name is resolved.
    pub is_called: bool,
    sockets: [bool; 2],
}

impl Ready {
    /// Whether the socket of `family` has something to tell.
    #[must_use]
    pub const fn has_input(self, family: Family) -> bool {
        self.sockets[family as usize]
    }
}

impl Waiter {
    /// A waiter, and the pipe whose every byte ends a wait.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<(Self, UnixStream)> {
        let (calls, wake) = UnixStream::pair()?;
        calls.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        let clock_set = clock_set_timer().ok();
        Ok((Self { calls, clock_set }, wake))
    }

    /// Waits until `until`, never less, unless there is something to do before.
    pub fn wait(&mut self, sockets: &Sockets, now: Moment, until: Moment) -> Ready {
        let [v4, v6] = Family::ALL.map(|family| sockets.get(family).map(|socket| socket.as_fd()));
        let clock_set = self.clock_set.as_ref().map(|timer| timer.as_fd());
        let calls = self.calls.as_fd();
        let sources = [Some(calls), clock_set, v4, v6];
        // Unused places watch the calls once more, which is harmless, and read as nothing.
        let mut watched =
            sources.map(|source| PollFd::from_borrowed_fd(source.unwrap_or(calls), PollFlags::IN));
        let timeout = Timespec::try_from(until.since(now)).unwrap_or(FAR_FUTURE);
        // It fails for a signal, which has left its byte for the next wait where it asks for something.
        if poll(&mut watched, Some(&timeout)).is_err() {
            return Ready::default();
        }
        let is_ready = |at: usize| sources[at].is_some() && !watched[at].revents().is_empty();
        let [is_called, is_clock_set, v4, v6] = [0, 1, 2, 3].map(is_ready);
        if is_called {
            self.drain_calls();
        }
        if is_clock_set {
            self.acknowledge_clock_set();
        }
        Ready {
            is_called,
            sockets: [v4, v6],
        }
    }

    fn drain_calls(&mut self) {
        let mut bytes = [0; 64];
        while matches!(self.calls.read(&mut bytes), Ok(len) if len == bytes.len()) {}
    }

    /// The timer stays set; reading it tells ECANCELED and makes it unreadable again.
    fn acknowledge_clock_set(&self) {
        if let Some(timer) = &self.clock_set {
            let _ = rustix::io::read(timer, &mut [0; 8]);
        }
    }
}

fn clock_set_timer() -> rustix::io::Result<OwnedFd> {
    let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
    let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    let never = Itimerspec {
        it_interval: Timespec::default(),
        it_value: FAR_FUTURE,
    };
    timerfd_settime(&timer, flags, &never)?;
    Ok(timer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::socket::Egress;
    use rustix::fd::AsRawFd as _;
    use std::io::Write as _;
    use std::net::UdpSocket;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_wait_never_ends_before_its_time() {
        let (mut waiter, _wake) = Waiter::new().unwrap();
        let sockets = Sockets::new(Egress::default());
        for micros in [0, 1, 999, 1_000, 1_001, 20_000] {
            let now = clock::now();
            let until = now + Duration::from_micros(micros);
            assert_eq!(waiter.wait(&sockets, now, until), Ready::default());
            assert!(clock::now() >= until);
        }
    }

    #[test]
    fn a_call_ends_a_wait_and_is_taken() {
        let (mut waiter, mut wake) = Waiter::new().unwrap();
        let sockets = Sockets::new(Egress::default());
        wake.write_all(&[0; 200]).unwrap();
        let now = clock::now();
        assert!(waiter.wait(&sockets, now, now + LONG).is_called);
        assert_eq!(waiter.wait(&sockets, now, now), Ready::default());
    }

    #[test]
    fn a_datagram_ends_a_wait_and_names_its_socket() {
        let (mut waiter, _wake) = Waiter::new().unwrap();
        let mut sockets = Sockets::new(Egress::default());
        let peer = UdpSocket::bind("[::1]:0").unwrap();
        sockets.send(b"beat", peer.local_addr().unwrap()).unwrap();
        let (_, from) = peer.recv_from(&mut [0; 8]).unwrap();
        peer.send_to(b"ack", from).unwrap();
        let now = clock::now();
        let ready = waiter.wait(&sockets, now, now + LONG);
        assert!(ready.has_input(Family::V6));
        assert!(!ready.has_input(Family::V4) && !ready.is_called);
    }

    /// Nobody sets the clock in a test; the kernel tells that it would be noticed.
    #[test]
    fn the_timer_is_set_to_be_cancelled_by_a_clock_that_is_set() {
        let (waiter, _wake) = Waiter::new().unwrap();
        let timer = waiter.clock_set.unwrap();
        let path = format!("/proc/self/fdinfo/{}", timer.as_raw_fd());
        let info = std::fs::read_to_string(path).unwrap();
        assert!(info.contains("clockid: 0"), "{info}");
        assert!(info.contains("settime flags: 03"), "{info}");
    }
}
