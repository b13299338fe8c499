//! The sockets of a load, and what waits to go out through them.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use socket2::Socket;

use super::fleet::Fleet;
use super::system::{self, Reader};
use super::tally::Tally;

/// The most datagrams that one call may hand over: what kernels before 6.9 allow.
pub const MAX_PER_CALL: usize = 64;

/// Room for the answers of some milliseconds.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Sockets with a source port each. What is sent through one of them is gathered and cut apart by the kernel.
pub(super) struct Ports {
    ports: Vec<Port>,
    datagram_len: usize,
    capacity: usize,
    reader: Reader,
}

struct Port {
    socket: Socket,
    batch: Vec<u8>,
}

impl Ports {
    /// So many sockets that send to `to`, up to `per_call` datagrams in one call.
    pub(super) fn open(
        fleet: &impl Fleet,
        to: SocketAddr,
        ports: usize,
        per_call: usize,
    ) -> io::Result<Self> {
        let datagram_len = fleet.datagram_len();
        let capacity = datagram_len * per_call.clamp(1, MAX_PER_CALL);
        let open = |_| {
            let socket = fleet.open(to)?;
            socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
            if capacity > datagram_len {
                let len = u16::try_from(datagram_len).map_err(io::Error::other)?;
                system::segment(&socket, len)?;
            }
            let batch = Vec::with_capacity(capacity);
            Ok(Port { socket, batch })
        };
        Ok(Self {
            ports: (0..ports.max(1)).map(open).collect::<io::Result<_>>()?,
            datagram_len,
            capacity,
            reader: Reader::default(),
        })
    }

    /// The port of the source at this place of the order: neighbours share one, so that what is due at one time
    /// leaves in few calls, and a source keeps its own.
    pub(super) const fn of_place(&self, place: u64) -> usize {
        (place / MAX_PER_CALL as u64) as usize % self.ports.len()
    }

    /// Room for one datagram that goes out through `port` with the next flush.
    pub(super) fn room(&mut self, port: usize, tally: &mut Tally) -> &mut [u8] {
        let Port { socket, batch } = &mut self.ports[port];
        if batch.len() == self.capacity {
            send(socket, batch, self.datagram_len, tally);
        }
        let begin = batch.len();
        batch.resize(begin + self.datagram_len, 0);
        &mut batch[begin..]
    }

    /// Sends all that waits.
    pub(super) fn flush(&mut self, tally: &mut Tally) {
        for Port { socket, batch } in &mut self.ports {
            if !batch.is_empty() {
                send(socket, batch, self.datagram_len, tally);
            }
        }
    }

    /// Takes the answers that have come back.
    pub(super) fn take_answers(&mut self, fleet: &impl Fleet, tally: &mut Tally) {
        for Port { socket, .. } in &self.ports {
            // An error here is one of sending that the next send would tell: it is counted where it belongs.
            while let Ok(count @ 1..) = self.reader.receive(socket, false) {
                tally.answers += count as u64;
                let strange = self
                    .reader
                    .datagrams(count)
                    .filter(|answer| !fleet.is_answer(answer));
                tally.strange += strange.count() as u64;
            }
        }
    }
}

fn send(socket: &Socket, batch: &mut Vec<u8>, datagram_len: usize, tally: &mut Tally) {
    let datagrams = (batch.len() / datagram_len) as u64;
    let result = loop {
        match socket.send(batch) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => break result,
        }
    };
    match result {
        Ok(_) => tally.sent += datagrams,
        Err(error) => tally.fail(datagrams, error),
    }
    batch.clear();
}
