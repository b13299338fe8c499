//! What the tracker wants sent: answers to the peers that asked.

use std::net::SocketAddr;

use beacon_common::FRAME_LEN;

/// The other end of a datagram: its address, and which of the collector's sockets it came through, so that
/// the answer leaves by the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The address; an IPv4 address is never written as an IPv6 one.
    pub addr: SocketAddr,
    /// The number of the collector's socket.
    pub socket: u8,
}

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub peer: Peer,
    /// The whole datagram.
    pub frame: [u8; FRAME_LEN],
}
