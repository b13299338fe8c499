//! What the sources of a load say.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// A source's turn to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Which source, from 0.
    pub source: u32,
    /// How many turns it had before.
    pub round: u32,
    /// The time since the load began.
    pub at: Duration,
    /// How long from now its next turn is due.
    pub next_in: Duration,
}

/// A fleet of sources in some format.
pub trait Fleet {
    /// The length of every datagram, in bytes.
    fn datagram_len(&self) -> usize;

    /// Writes the datagram of a turn: every byte of `out`, which is [`Fleet::datagram_len`] long.
    fn write(&self, turn: Turn, out: &mut [u8]);

    /// Whether `datagram`, which came back, answers one.
    fn is_answer(&self, _datagram: &[u8]) -> bool {
        true
    }

    /// A socket whose datagrams go to `to`.
    ///
    /// # Errors
    /// Those of the operating system.
    fn open(&self, to: SocketAddr) -> io::Result<Socket> {
        let any: SocketAddr = match to {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(Protocol::UDP))?;
        socket.bind(&any.into())?;
        socket.connect(&to.into())?;
        Ok(socket)
    }
}

impl<F: Fleet + ?Sized> Fleet for Box<F> {
    fn datagram_len(&self) -> usize {
        (**self).datagram_len()
    }

    fn write(&self, turn: Turn, out: &mut [u8]) {
        (**self).write(turn, out);
    }

    fn is_answer(&self, datagram: &[u8]) -> bool {
        (**self).is_answer(datagram)
    }

    fn open(&self, to: SocketAddr) -> io::Result<Socket> {
        (**self).open(to)
    }
}
