//! What the tracker wants sent: answers to the peers that asked.

use std::net::{IpAddr, SocketAddr};

use beacon_common::FRAME_LEN;

/// The way of a datagram: the other end's address, and which of the collector's sockets and addresses it came to,
/// so that the answer leaves from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The address; an IPv4 address is never written as an IPv6 one.
    pub addr: SocketAddr,
    /// The number of the collector's socket.
    pub socket: u8,
    /// The collector's own address at this end, where the socket has more than one.
    pub local: Option<IpAddr>,
}

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub peer: Peer,
    /// The whole datagram.
    pub frame: [u8; FRAME_LEN],
}
