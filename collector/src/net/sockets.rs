//! The sockets that the collector listens on.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use beacon_common::wire::DEFAULT_PORT;
use socket2::{Domain, Protocol, Type};

use super::inbox::Inbox;
use super::options;
use super::outbox::{Outbox, Unsent};
use crate::config::Listen;
use crate::failure::{Exit, Failure};

/// How much a socket is to hold while the collector is busy: some 10,000 beats, as the kernel counts.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// A socket that beats arrive at.
#[derive(Debug)]
pub struct Socket {
    inner: socket2::Socket,
    local: SocketAddr,
    /// Datagrams that it had no room for, as far as they were counted.
    drops: u64,
}

/// Opens the sockets that `listen` asks for, at least one, in its order.
///
/// # Errors
/// [`Exit::System`] with the address that cannot be listened on, why, and what to do.
pub fn open(listen: &Listen) -> Result<Vec<Socket>, Failure> {
    match listen {
        Listen::Default => Ok(vec![open_default()?]),
        Listen::At(addresses) => {
            let mut sockets = Vec::with_capacity(addresses.len());
            for &address in addresses {
                let socket = Socket::open(address).map_err(|error| refused(address, &error, &sockets))?;
                sockets.push(socket);
            }
            Ok(sockets)
        }
    }
}

fn open_default() -> Result<Socket, Failure> {
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, DEFAULT_PORT));
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT));
    match Socket::open(v6) {
        Err(error) if has_no_ipv6(&error) => Socket::open(v4).map_err(|error| refused(v4, &error, &[])),
        opened => opened.map_err(|error| refused(v6, &error, &[])),
    }
}

fn has_no_ipv6(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
    )
}

impl Socket {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let address = canonical(address);
        let inner = socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        inner.set_nonblocking(true)?;
        if address.is_ipv6() {
            inner.set_only_v6(!address.ip().is_unspecified())?;
        }
        if address.ip().is_multicast() {
            // Others on this host may listen to the same group.
            inner.set_reuse_address(true)?;
        }
        enlarge_receive_buffer(&inner, address);
        if let Err(error) = options::stamp_arrivals(&inner) {
            log::warn!("{address}: no kernel time stamps, so a busy collector judges less exactly: {error}");
        }
        inner.bind(&address.into())?;
        join(&inner, address)?;
        if address.ip().is_unspecified() {
            options::tell_destination_v4(&inner)?;
            if address.is_ipv6() {
                options::tell_destination_v6(&inner)?;
            }
        }
        let local = inner.local_addr()?.as_socket().ok_or(ErrorKind::Unsupported)?;
        Ok(Self {
            inner,
            local,
            drops: 0,
        })
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
            Ok(drops) => self.drops += u64::from(drops.wrapping_sub(self.drops as u32)),
            Err(error) => log::debug!("{}: the kernel does not tell its drops: {error}", self.local),
        }
        self.drops
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

fn enlarge_receive_buffer(socket: &socket2::Socket, address: SocketAddr) {
    let enlarged = options::force_receive_buffer(socket, RECEIVE_BUFFER_BYTES)
        .or_else(|_| socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES));
    // The kernel tells twice what was asked for, because it counts its own overhead (socket(7)).
    match enlarged
        .and_then(|()| socket.recv_buffer_size())
        .map(|doubled| doubled / 2)
    {
        Ok(given) if given < RECEIVE_BUFFER_BYTES => log::warn!("{}", too_small(address, given)),
        Ok(_) => {}
        Err(error) => {
            log::warn!("{address}: the receive buffer stays as small as the system made it: {error}");
        }
    }
}

fn too_small(address: SocketAddr, given: usize) -> String {
    format!(
        "{address}: the kernel gives a receive buffer of {given} bytes, so bursts of beats may be dropped; \
         allow more with: sysctl -w net.core.rmem_max={RECEIVE_BUFFER_BYTES}"
    )
}

/// One line: which address, why, what to do.
fn refused(address: SocketAddr, error: &io::Error, opened: &[Socket]) -> Failure {
    let own = opened.iter().find(|socket| overlap(socket.local, address));
    let (why, what_to_do) = match (error.raw_os_error(), own) {
        (Some(libc::EADDRINUSE), Some(own)) => (
            "port in use".to_owned(),
            format!("--listen {} already takes it; leave one of them out", own.local),
        ),
        (Some(libc::EADDRINUSE), None) => (
            "port in use".to_owned(),
            format!(
                "`ss -ulnp sport = :{}` tells by whom; stop it, or listen elsewhere",
                address.port()
            ),
        ),
        (Some(libc::EACCES | libc::EPERM), _) => (
            "not permitted".to_owned(),
            "ports below 1024 take the capability CAP_NET_BIND_SERVICE; grant it, or take a higher port"
                .to_owned(),
        ),
        (Some(libc::EADDRNOTAVAIL), _) => (
            "no such address on this host".to_owned(),
            "`ip address` tells which there are".to_owned(),
        ),
        (Some(libc::EAFNOSUPPORT), _) => (
            "this host has no such address family".to_owned(),
            "listen on one of the other".to_owned(),
        ),
        (Some(libc::ENODEV), _) if address.ip().is_multicast() => (
            "no interface to join the group on".to_owned(),
            "add a route to the group, or name the interface in an IPv6 address".to_owned(),
        ),
        (Some(libc::EINVAL | libc::ENODEV), _) if address.is_ipv6() => (
            error.to_string(),
            "a link-local address takes the interface's number behind it, like [fe80::1%2]:7878".to_owned(),
        ),
        _ => (
            error.to_string(),
            "listen elsewhere, or ask the host's administrator".to_owned(),
        ),
    };
    Failure::new(
        Exit::System,
        format_args!("--listen {address}: cannot listen: {why}; {what_to_do}"),
    )
}

/// Whether both take the same datagrams.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (canonical(one).ip(), canonical(other).ip());
    let covers = |a: IpAddr, b: IpAddr| a.is_unspecified() && (a.is_ipv6() || b.is_ipv4());
    one.port() == other.port() && (a == b || covers(a, b) || covers(b, a))
}

/// An IPv4 address is never written as an IPv6 one.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, address.port())),
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
pub(super) mod tests;
