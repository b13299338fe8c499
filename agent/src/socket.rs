//! The sockets beats leave by, and why they sometimes do not.

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family of `address`.
    #[must_use]
    pub const fn of(address: SocketAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// One socket for each family in use. They are not connected, so that a device whose own address changes
/// goes on sending, and a collector may answer from another address than it is sent to.
#[derive(Debug)]
pub struct Sockets {
    bind: Option<SocketAddr>,
    open: [Option<UdpSocket>; 2],
}

impl Sockets {
    /// Sockets that send from `bind`, or from whatever address the system chooses. They are opened when they
    /// are first sent through, and again and again until that succeeds: at boot there may be no IPv6, or not
    /// yet the address to send from.
    #[must_use]
    pub const fn new(bind: Option<SocketAddr>) -> Self {
        Self {
            bind,
            open: [None, None],
        }
    }

    /// Hands one datagram to the network.
    ///
    /// # Errors
    /// The system's, also for opening the socket.
    pub fn send(&mut self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        let family = Family::of(to);
        let socket = match &mut self.open[family as usize] {
            Some(socket) => socket,
            closed => closed.insert(open(family, self.bind)?),
        };
        socket.send_to(bytes, to).map(drop)
    }

    /// Takes one datagram from a socket that has something to tell: its length and sender. `None` where that
    /// was an error, which the next send would tell again, or nothing after all.
    pub fn receive(&self, family: Family, bytes: &mut [u8]) -> Option<(usize, SocketAddr)> {
        self.get(family)?.recv_from(bytes).ok()
    }

    /// The socket of `family`, where one is open.
    #[must_use]
    pub const fn get(&self, family: Family) -> Option<&UdpSocket> {
        self.open[family as usize].as_ref()
    }
}

fn open(family: Family, bind: Option<SocketAddr>) -> io::Result<UdpSocket> {
    let domain = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    match family {
        Family::V4 => socket.set_broadcast(true)?,
        Family::V6 => socket.set_only_v6(true)?,
    }
    if let Some(address) = bind {
        socket.bind(&SockAddr::from(address))?;
    }
    Ok(socket.into())
}

/// Why a beat did not leave, or had nowhere to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The collector's name does not resolve.
    Name,
    /// Nobody listens there.
    Refused,
    /// No way to that network: no link, no address, no route.
    NetworkUnreachable,
    /// No way to that host.
    HostUnreachable,
    /// A firewall of this device forbids it.
    NotPermitted,
    /// The device's own queues are full.
    NoBuffers,
    /// The address to send from is not there, or in use.
    SourceAddress,
    /// The system lacks the address family.
    Family,
    /// Anything else.
    Other,
}

impl Trouble {
    /// Every class, in the order of the declaration.
    pub const ALL: [Self; 9] = [
        Self::Name,
        Self::Refused,
        Self::NetworkUnreachable,
        Self::HostUnreachable,
        Self::NotPermitted,
        Self::NoBuffers,
        Self::SourceAddress,
        Self::Family,
        Self::Other,
    ];

    /// The class of an error of [`Sockets::send`].
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(Errno::CONNREFUSED) => Self::Refused,
            Some(Errno::NETUNREACH | Errno::NETDOWN) => Self::NetworkUnreachable,
            Some(Errno::HOSTUNREACH | Errno::HOSTDOWN) => Self::HostUnreachable,
            Some(Errno::PERM | Errno::ACCESS) => Self::NotPermitted,
            Some(Errno::NOBUFS | Errno::NOMEM | Errno::AGAIN) => Self::NoBuffers,
            Some(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE | Errno::INVAL) => Self::SourceAddress,
            Some(Errno::AFNOSUPPORT) => Self::Family,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name not resolved",
            Self::Refused => "refused",
            Self::NetworkUnreachable => "network unreachable",
            Self::HostUnreachable => "host unreachable",
            Self::NotPermitted => "not permitted",
            Self::NoBuffers => "no buffers",
            Self::SourceAddress => "source address unusable",
            Self::Family => "address family missing",
            Self::Other => "failed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_send_and_receive_from_their_own_socket() {
        let mut sockets = Sockets::new(None);
        for (family, address) in [(Family::V4, "127.0.0.1:0"), (Family::V6, "[::1]:0")] {
            let peer = UdpSocket::bind(address).unwrap();
            assert!(sockets.get(family).is_none());
            sockets.send(b"beat", peer.local_addr().unwrap()).unwrap();
            let mut bytes = [0; 8];
            let (len, from) = peer.recv_from(&mut bytes).unwrap();
            assert_eq!(&bytes[..len], b"beat");
            peer.send_to(b"ack", from).unwrap();
            let received = std::iter::repeat_with(|| sockets.receive(family, &mut bytes))
                .take(1_000_000)
                .flatten()
                .next();
            assert_eq!(received, Some((3, peer.local_addr().unwrap())));
        }
    }

    #[test]
    fn a_source_address_that_is_not_there_is_tried_again() {
        // RFC 5737: no host has this address.
        let mut sockets = Sockets::new("203.0.113.77:0".parse().ok());
        for _ in 0..2 {
            let error = sockets.send(b"beat", "127.0.0.1:9".parse().unwrap()).unwrap_err();
            assert_eq!(Trouble::of(&error), Trouble::SourceAddress);
            assert!(sockets.get(Family::V4).is_none());
        }
    }

    #[test]
    fn errors_have_their_class() {
        for (errno, trouble) in [
            (Errno::CONNREFUSED, Trouble::Refused),
            (Errno::NETUNREACH, Trouble::NetworkUnreachable),
            (Errno::HOSTUNREACH, Trouble::HostUnreachable),
            (Errno::PERM, Trouble::NotPermitted),
            (Errno::NOBUFS, Trouble::NoBuffers),
            (Errno::AGAIN, Trouble::NoBuffers),
            (Errno::ADDRNOTAVAIL, Trouble::SourceAddress),
            (Errno::AFNOSUPPORT, Trouble::Family),
            (Errno::MSGSIZE, Trouble::Other),
        ] {
            assert_eq!(Trouble::of(&errno.into()), trouble);
        }
        assert_eq!(Trouble::of(&io::Error::other("x")), Trouble::Other);
        for (index, trouble) in Trouble::ALL.into_iter().enumerate() {
            assert_eq!(trouble as usize, index);
        }
    }
}
