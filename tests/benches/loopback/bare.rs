//! The least that a receiver can do: take datagrams in batches, and count them.

use std::hint::black_box;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;

use beacon_tests::load::Reader;
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use socket2::{Domain, Protocol, Socket, Type};

/// As the collector asks for.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// Receives on `port` until it is killed. With `answer` each datagram is sent back.
pub(crate) fn receive(port: u16, answer: bool) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    if set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER_BYTES).is_err() {
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    }
    socket.bind(&std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    let mut reader = if answer {
        Reader::default().with_addresses()
    } else {
        Reader::default()
    };
    let mut count = 0;
    loop {
        match reader.receive(&socket, true) {
            Ok(datagrams) => {
                count = black_box(count + datagrams);
                if answer {
                    // An answer that does not go is one less: whoever answers cannot do more.
                    let _ = reader.answer(&socket, datagrams);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
