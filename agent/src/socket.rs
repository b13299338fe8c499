//! The sockets beats leave by, and why they sometimes do not.

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
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

/// How beats leave this device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// The address that they are sent from; collectors of the other family are then out of reach.
    pub bind: Option<SocketAddr>,
    /// The network interface that they leave by and answers come in by, whatever the routes say.
    pub interface: Option<String>,
    /// How many routers they may pass.
    pub ttl: Option<u8>,
    /// Their class of service (RFC 2474).
    pub dscp: Option<u8>,
}

/// What became of a datagram that did not leave.
#[derive(Debug)]
pub struct Unsent {
    /// The class of the trouble.
    pub trouble: Trouble,
    /// The system's own word on it.
    pub error: io::Error,
}

impl From<io::Error> for Unsent {
    fn from(error: io::Error) -> Self {
        let trouble = Trouble::of(&error);
        Self { trouble, error }
    }
}

/// One socket for each family in use. They are not connected, so that a device whose own address changes
/// goes on sending, and a collector may answer from another address than it is sent to.
#[derive(Debug)]
pub struct Sockets {
    egress: Egress,
    open: [Option<UdpSocket>; 2],
}

impl Sockets {
    /// Sockets that send as `egress` says. They are opened when they are first sent through, and again and
    /// again until that succeeds: at boot there may be no IPv6, or not yet the address to send from.
    #[must_use]
    pub const fn new(egress: Egress) -> Self {
        Self {
            egress,
            open: [None, None],
        }
    }

    /// Hands one datagram to the network.
    ///
    /// # Errors
    /// [`Unsent`], also where the socket cannot be opened.
    pub fn send(&mut self, bytes: &[u8], to: SocketAddr) -> Result<(), Unsent> {
        let family = Family::of(to);
        let socket = match &mut self.open[family as usize] {
            Some(socket) => socket,
            closed => closed.insert(open(family, &self.egress)?),
        };
        let outcome = socket.send_to(bytes, to);
        // An interface that comes back has another number; the socket is bound to the one that is gone, whose
        // name nobody knows any more.
        if outcome.is_err() && SockRef::from(&*socket).device().is_err() {
            self.open[family as usize] = None;
        }
        outcome.map(drop).map_err(Unsent::from)
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

fn open(family: Family, egress: &Egress) -> Result<UdpSocket, Unsent> {
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
    if let Some(interface) = &egress.interface {
        let unusable = |error| Unsent {
            trouble: Trouble::Interface,
            error,
        };
        socket.bind_device(Some(interface.as_bytes())).map_err(unusable)?;
    }
    if let Some(hops) = egress.ttl.map(u32::from) {
        // Unicast and multicast are counted apart, and multicast would stay on the link.
        match family {
            Family::V4 => socket.set_ttl_v4(hops).and(socket.set_multicast_ttl_v4(hops))?,
            Family::V6 => socket
                .set_unicast_hops_v6(hops)
                .and(socket.set_multicast_hops_v6(hops))?,
        }
    }
    if let Some(dscp) = egress.dscp {
        // The lower two bits are for congestion notification (RFC 3168).
        let class = u32::from(dscp) << 2;
        match family {
            Family::V4 => socket.set_tos_v4(class)?,
            Family::V6 => socket.set_tclass_v6(class)?,
        }
    }
    if let Some(address) = egress.bind {
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
    /// The interface to send by is not there, or not ours to choose.
    Interface,
    /// The system lacks the address family.
    Family,
    /// Anything else.
    Other,
}

impl Trouble {
    /// Every class, in the order of the declaration.
    pub const ALL: [Self; 10] = [
        Self::Name,
        Self::Refused,
        Self::NetworkUnreachable,
        Self::HostUnreachable,
        Self::NotPermitted,
        Self::NoBuffers,
        Self::SourceAddress,
        Self::Interface,
        Self::Family,
        Self::Other,
    ];

    /// Whether another address may fare better: it is no trouble of this device with all that it sends.
    #[must_use]
    pub const fn is_of_address(self) -> bool {
        !matches!(self, Self::Name | Self::NoBuffers | Self::Interface | Self::Other)
    }

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
            Some(Errno::NODEV | Errno::NXIO) => Self::Interface,
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
            Self::Interface => "interface unusable",
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
        let mut sockets = Sockets::new(Egress::default());
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
        let mut sockets = Sockets::new(Egress {
            bind: "203.0.113.77:0".parse().ok(),
            ..Egress::default()
        });
        for _ in 0..2 {
            let unsent = sockets.send(b"beat", "127.0.0.1:9".parse().unwrap()).unwrap_err();
            assert_eq!(unsent.trouble, Trouble::SourceAddress);
            assert!(sockets.get(Family::V4).is_none());
        }
    }

    #[test]
    fn an_interface_that_is_not_there_is_told_and_tried_again() {
        let mut sockets = Sockets::new(Egress {
            interface: Some("nosuch0".to_owned()),
            ..Egress::default()
        });
        for _ in 0..2 {
            let unsent = sockets.send(b"beat", "127.0.0.1:9".parse().unwrap()).unwrap_err();
            assert_eq!(unsent.trouble, Trouble::Interface);
            assert!(sockets.get(Family::V4).is_none());
        }
    }

    #[test]
    fn hops_and_class_are_set_for_unicast_and_multicast() {
        let mut sockets = Sockets::new(Egress {
            ttl: Some(7),
            dscp: Some(46),
            ..Egress::default()
        });
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let peer = UdpSocket::bind(address).unwrap();
            sockets.send(b"beat", peer.local_addr().unwrap()).unwrap();
        }
        let v4 = SockRef::from(sockets.get(Family::V4).unwrap());
        assert_eq!((v4.ttl_v4().unwrap(), v4.multicast_ttl_v4().unwrap()), (7, 7));
        assert_eq!(v4.tos_v4().unwrap(), 46 << 2);
        let v6 = SockRef::from(sockets.get(Family::V6).unwrap());
        assert_eq!(
            (v6.unicast_hops_v6().unwrap(), v6.multicast_hops_v6().unwrap()),
            (7, 7)
        );
        assert_eq!(v6.tclass_v6().unwrap(), 46 << 2);
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
            (Errno::NODEV, Trouble::Interface),
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
