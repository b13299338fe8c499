//! The receiver: it waits as the collector does, takes all there is, and counts it.

use std::hint::black_box;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use beacon_tests::load::{Reader, tell};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use socket2::{Domain, Protocol, Socket, Type};

use crate::way::{Call, Way};

/// As the collector asks for.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// Receives on `port` until it is killed.
pub(crate) fn receive(way: Way, port: u16) -> io::Result<()> {
    let socket = open(way, port)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(
        &epoll,
        &socket,
        EventData::new_u64(0),
        EventFlags::IN | EventFlags::ET,
    )?;
    let mut events = Vec::with_capacity(1);
    let mut drain = Drain::new(way);
    let mut count = 0;
    loop {
        events.clear();
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) => count = black_box(count + drain.all(&socket)?),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn open(way: Way, port: u16) -> io::Result<UdpSocket> {
    let address: SocketAddr = match way.is_dual {
        true => (Ipv6Addr::UNSPECIFIED, port).into(),
        false => (Ipv4Addr::LOCALHOST, port).into(),
    };
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if way.is_dual {
        socket.set_only_v6(false)?;
    }
    if set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER_BYTES).is_err() {
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    }
    way.details.iter().try_for_each(|&detail| tell(&socket, detail))?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

enum Drain {
    Single,
    Batches { reader: Reader, batch: usize },
}

impl Drain {
    fn new(way: Way) -> Self {
        match way.call {
            Call::Recvfrom => Self::Single,
            Call::Recvmmsg(batch) => {
                let reader = Reader::new(batch).with_addresses();
                let reader = match way.details {
                    [] => reader,
                    _ => reader.with_control(),
                };
                Self::Batches { reader, batch }
            }
        }
    }

    /// Takes what waits at `socket`, and says how many datagrams that was.
    fn all(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        let mut count = 0;
        match self {
            Self::Single => loop {
                let mut buffer = [0; Reader::BUFFER_LEN];
                match socket.recv_from(&mut buffer) {
                    Ok(received) => {
                        black_box((received, &buffer));
                        count += 1;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(count),
                    Err(error) => return Err(error),
                }
            },
            Self::Batches { reader, batch } => loop {
                let taken = reader.receive(socket, false)?;
                count += taken;
                if taken < *batch {
                    return Ok(count);
                }
            },
        }
    }
}
