//! A collector made by hand: sees every field of an agent's frames, and answers when the test says so.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use beacon_common::{FRAME_LEN, Frame, View};

use super::limit::Limit;

/// A socket that an agent sends to.
pub struct Receiver {
    socket: UdpSocket,
}

impl Receiver {
    /// A socket on `listen`, `127.0.0.1:0` for example.
    #[must_use]
    pub fn bind(listen: &str) -> Self {
        let socket = UdpSocket::bind(listen);
        Self {
            socket: socket.unwrap_or_else(|error| panic!("cannot listen on {listen}: {error}")),
        }
    }

    /// Where to send to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket has an address")
    }

    /// The next frame, and where it comes from.
    #[must_use]
    pub fn frame(&self) -> (Frame, SocketAddr) {
        self.within(Limit::soon().left()).expect("a frame comes soon")
    }

    /// A frame that comes within this time, or has come before.
    #[must_use]
    pub fn within(&self, time: Duration) -> Option<(Frame, SocketAddr)> {
        let mut bytes = [0; FRAME_LEN + 1];
        let (length, from) = receive(&self.socket, &mut bytes, Limit::after(time))?;
        let view = View::parse(&bytes[..length]);
        let view = view.unwrap_or_else(|error| panic!("an agent sends a frame of wrong {error}"));
        Some((view.frame(), from))
    }

    /// Answers a frame.
    pub fn ack(&self, frame: &Frame, to: SocketAddr) {
        let mut bytes = [0; FRAME_LEN];
        frame.ack().emit(None, &mut bytes);
        self.socket
            .send_to(&bytes, to)
            .expect("an address on the loopback is reachable");
    }
}

/// Takes a datagram that comes within the limit, or has come before.
pub(super) fn receive(socket: &UdpSocket, bytes: &mut [u8], limit: Limit) -> Option<(usize, SocketAddr)> {
    loop {
        // Zero would wait for ever.
        let time = limit.left().max(Duration::from_millis(1));
        socket.set_read_timeout(Some(time)).expect("the time is not zero");
        match socket.recv_from(bytes) {
            Ok(received) => return Some(received),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return None,
                ErrorKind::Interrupted => {}
                _ => panic!("cannot receive: {error}"),
            },
        }
    }
}
