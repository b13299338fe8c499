//! irtt's server: each host is a client with a connection of its own, which sends echo requests.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use beacon_tests::e2e::Directory;
use beacon_tests::load::{Fleet, Turn};
use socket2::Socket;

use crate::peer::{Hosts, Peer};

pub(crate) struct Irtt;

impl Peer for Irtt {
    fn name(&self) -> &'static str {
        "irtt"
    }

    fn does(&self) -> &'static str {
        "keeps a window of sequence numbers of each client and answers each request, with time stamps; it tells \
         nobody who is silent"
    }

    fn program(&self) -> Option<&'static str> {
        Some("/usr/bin/irtt")
    }

    fn command(&self, _directory: &Directory, port: u16) -> io::Result<Command> {
        let mut command = Command::new("/usr/bin/irtt");
        command.args(["server", "-b", &format!("127.0.0.1:{port}")]);
        Ok(command)
    }

    fn fleet(&self, to: SocketAddr, hosts: Hosts) -> Result<Box<dyn Fleet>, String> {
        let connected =
            Clients::connect(to, hosts).map_err(|error| format!("no connection to irtt: {error}"))?;
        Ok(Box::new(connected))
    }
}

const MAGIC: [u8; 3] = [0x14, 0xa7, 0x5b];
const OPEN: u8 = 1;
const ECHO: u8 = 0;
const REPLY: u8 = 2;

/// As long as a client's request is: the header and the room for counts and time stamps in the reply.
const REQUEST_LEN: usize = 60;

/// How long the server may take to open a connection.
const OPENED_WITHIN: Duration = Duration::from_secs(5);

/// Clients behind one address, which the server tells apart by their tokens.
struct Clients {
    socket: UdpSocket,
    tokens: Vec<[u8; 8]>,
}

impl Clients {
    fn connect(to: SocketAddr, hosts: Hosts) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(to)?;
        socket.set_read_timeout(Some(OPENED_WITHIN))?;
        let tokens = (0..hosts.count)
            .map(|_| open(&socket))
            .collect::<io::Result<_>>()?;
        Ok(Self { socket, tokens })
    }
}

/// Opens a connection with what the client asks for unless told otherwise: counts, and both time stamps of both
/// clocks.
fn open(socket: &UdpSocket) -> io::Result<[u8; 8]> {
    let mut request = [&MAGIC[..], &[OPEN], &[0; 8]].concat();
    // Pairs of a parameter and its value, as signed numbers of variable length: 2n for n.
    for (parameter, value) in [(1, 1), (5, 3), (6, 3), (7, 3)] {
        request.extend([parameter, 2 * value]);
    }
    socket.send(&request)?;
    let mut reply = [0; 256];
    let len = socket.recv(&mut reply)?;
    let opened = reply[..len]
        .first_chunk::<12>()
        .filter(|reply| reply[3] == OPEN | REPLY);
    let token = opened.and_then(|reply| reply.last_chunk().copied());
    token.ok_or_else(|| io::Error::other("its server has not opened a connection"))
}

impl Fleet for Clients {
    fn datagram_len(&self) -> usize {
        REQUEST_LEN
    }

    fn write(&self, turn: Turn, out: &mut [u8]) {
        out.fill(0);
        out[..3].copy_from_slice(&MAGIC);
        out[3] = ECHO;
        out[4..12].copy_from_slice(&self.tokens[turn.source as usize]);
        out[12..16].copy_from_slice(&turn.round.to_le_bytes());
    }

    fn open(&self, _to: SocketAddr) -> io::Result<Socket> {
        Ok(self.socket.try_clone()?.into())
    }
}
