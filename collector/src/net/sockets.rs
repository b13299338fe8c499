//! A socket that the collector listens on.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use socket2::{Domain, Protocol, Type};

use super::inbox::Inbox;
use super::options;
use super::outbox::{Outbox, Unsent};
use super::steering::Steering;

/// How much a socket is to hold while the collector is busy: some 10,000 beats, as the kernel counts.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// A socket that beats arrive at.
#[derive(Debug)]
pub struct Socket {
    inner: socket2::Socket,
    local: SocketAddr,
    /// What it had dropped before it was handed over by a service manager, which keeps it open; `None` where it is our own.
    handed_with: Option<u32>,
    /// What the system has counted of it.
    drops: Drops,
}

/// Datagrams that a socket had no room for.
#[derive(Clone, Copy, Debug, Default)]
struct Drops {
    in_all: u64,
    /// The system's count when it was last looked at, modulo 2^32.
    seen: u32,
}

/// A socket's place among those of its address.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// There are no others.
    Alone,
    /// The first of several.
    First(&'a Steering),
    /// Another of several, with nothing to tell that the first has not told.
    Next,
}

impl Socket {
    /// Opens a socket at `address`, which is canonical.
    pub(super) fn open(address: SocketAddr, place: Place<'_>) -> io::Result<Self> {
        Self::open_as(address, place, false)
    }

    /// Opens a socket at `address`, one of the host's own, beside those that listen on all of them and that
    /// [`Self::make_room`].
    pub(super) fn open_beside(address: SocketAddr, place: Place<'_>) -> io::Result<Self> {
        let socket = Self::open_as(address, place, true)?;
        socket.make_room(false)?;
        Ok(socket)
    }

    /// Lets sockets that ask for it be opened beside this one, or no longer. A second collector's do not: it asks
    /// only once it has a wildcard of its own.
    pub(super) fn make_room(&self, is_wanted: bool) -> io::Result<()> {
        self.inner.set_reuse_address(is_wanted)
    }

    fn open_as(address: SocketAddr, place: Place<'_>, is_beside: bool) -> io::Result<Self> {
        let inner = socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        inner.set_nonblocking(true)?;
        if address.is_ipv6() {
            inner.set_only_v6(!address.ip().is_unspecified())?;
        }
        if is_beside || address.ip().is_multicast() {
            // Others on this host may listen to the same group.
            inner.set_reuse_address(true)?;
        }
        match place {
            Place::Alone => {}
            Place::First(steering) => steering.attach(&inner)?,
            Place::Next => inner.set_reuse_port(true)?,
        }
        let is_told = is_beside || matches!(place, Place::Next);
        for complaint in [enlarge_receive_buffer(&inner), stamp_arrivals(&inner)] {
            if let Some(complaint) = complaint.filter(|_| !is_told) {
                log::warn!("{address}: {complaint}");
            }
        }
        inner.bind(&address.into())?;
        join(&inner, address)?;
        tell_destinations(&inner, address)?;
        let local = inner.local_addr()?.as_socket().ok_or(ErrorKind::Unsupported)?;
        Ok(Self {
            inner,
            local,
            handed_with: None,
            drops: Drops::default(),
        })
    }

    /// Takes over a socket that a service manager has opened and bound. What it has dropped until now is told apart.
    pub(super) fn adopt(handed: OwnedFd) -> io::Result<Self> {
        let inner = socket2::Socket::from(handed);
        let local = inner.local_addr()?.as_socket();
        let local =
            local.filter(|local| local.port() != 0 && inner.r#type().is_ok_and(|kind| kind == Type::DGRAM));
        let local = local.ok_or(ErrorKind::Unsupported)?;
        inner.set_nonblocking(true)?;
        // Its size is the service manager's to choose, which may give more than this process could.
        let too_small = inner
            .recv_buffer_size()
            .ok()
            .filter(|doubled| doubled / 2 < RECEIVE_BUFFER_BYTES);
        let complaints = [
            too_small.map(|doubled| handed_too_small(doubled / 2)),
            stamp_arrivals(&inner),
        ];
        for complaint in complaints.into_iter().flatten() {
            log::warn!("{local}: {complaint}");
        }
        match join(&inner, local) {
            // An earlier run has joined.
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            joined => joined?,
        }
        tell_destinations(&inner, local)?;
        let seen = options::drops(&inner).unwrap_or_default();
        Ok(Self {
            inner,
            local,
            handed_with: Some(seen),
            drops: Drops { in_all: 0, seen },
        })
    }

    /// How many datagrams it had no room for before it was handed over.
    pub(super) fn dropped_before(&self) -> u64 {
        self.handed_with.unwrap_or_default().into()
    }

    /// What the operator knows it by.
    pub(super) fn name(&self) -> String {
        match self.handed_with {
            Some(_) => format!("the service manager's socket {}", self.local),
            None => format!("--listen {}", self.local),
        }
    }

    /// The address that the socket listens on, with the port that it was given where none was asked for.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Replaces what is in `inbox` by what is waiting, and says how many datagrams that is: fewer than
    /// [`super::BATCH`] where no more are waiting. Never blocks.
    ///
    /// # Errors
    /// The system's; what is waiting waits on.
    pub fn receive(&self, inbox: &mut Inbox) -> io::Result<usize> {
        inbox.receive(self.inner.as_fd())
    }

    /// Sends all that waits in `outbox`, without blocking and without trying again.
    ///
    /// # Errors
    /// [`Unsent`], where some was not sent.
    pub fn send(&self, outbox: &mut Outbox) -> Result<(), Unsent> {
        outbox.send(self.inner.as_fd(), self.local)
    }

    /// How many datagrams the socket had no room for until now, as far as the system tells: Linux does since 4.12.
    pub fn drops(&mut self) -> u64 {
        match options::drops(&self.inner) {
            Ok(seen) => {
                self.drops.in_all += u64::from(seen.wrapping_sub(self.drops.seen));
                self.drops.seen = seen;
            }
            Err(error) => log::debug!("{}: the kernel does not tell its drops: {error}", self.local),
        }
        self.drops.in_all
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// A socket that listens on all of the host's addresses is told which of them each datagram was sent to.
fn tell_destinations(socket: &socket2::Socket, address: SocketAddr) -> io::Result<()> {
    if address.ip().is_unspecified() {
        options::tell_destination_v4(socket)?;
        if address.is_ipv6() {
            options::tell_destination_v6(socket)?;
        }
    }
    Ok(())
}

/// Where neither an interface nor its address is named, the system's routes choose the one.
fn join(socket: &socket2::Socket, address: SocketAddr) -> io::Result<()> {
    match address {
        SocketAddr::V4(group) if group.ip().is_multicast() => {
            socket.join_multicast_v4(group.ip(), &Ipv4Addr::UNSPECIFIED)
        }
        SocketAddr::V6(group) if group.ip().is_multicast() => {
            socket.join_multicast_v6(group.ip(), group.scope_id())
        }
        _ => Ok(()),
    }
}

/// What is to be told of it.
fn enlarge_receive_buffer(socket: &socket2::Socket) -> Option<String> {
    let enlarged = options::force_receive_buffer(socket, RECEIVE_BUFFER_BYTES)
        .or_else(|_| socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES));
    // The kernel tells twice what was asked for, because it counts its own overhead (socket(7)).
    match enlarged
        .and_then(|()| socket.recv_buffer_size())
        .map(|doubled| doubled / 2)
    {
        Ok(given) if given < RECEIVE_BUFFER_BYTES => Some(too_small(given)),
        Ok(_) => None,
        Err(error) => Some(format!(
            "the receive buffer stays as small as the system made it: {error}"
        )),
    }
}

fn too_small(given: usize) -> String {
    format!(
        "the kernel gives a receive buffer of {given} bytes, so bursts of beats may be dropped; \
         allow more with: sysctl -w net.core.rmem_max={RECEIVE_BUFFER_BYTES}"
    )
}

fn handed_too_small(given: usize) -> String {
    format!(
        "the service manager gives a receive buffer of {given} bytes, so beats may be dropped that come while the \
         collector is busy or restarted; allow more with ReceiveBuffer= in its socket unit"
    )
}

/// What is to be told of it.
fn stamp_arrivals(socket: &socket2::Socket) -> Option<String> {
    let error = options::stamp_arrivals(socket).err()?;
    Some(format!(
        "no kernel time stamps, so a busy collector judges less exactly: {error}"
    ))
}

/// An IPv4 address is never written as an IPv6 one.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, address.port())),
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
pub(super) mod tests;
