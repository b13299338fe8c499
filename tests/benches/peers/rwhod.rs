//! rwhod: the status that a host's rwhod broadcasts.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

use beacon_tests::e2e::Directory;
use beacon_tests::load::{Fleet, Turn};
use socket2::{Domain, Protocol, Socket, Type};

use crate::format::Format;
use crate::peer::{Hosts, Peer, host_name};

pub(crate) struct Rwhod;

/// Where it listens, and where it wants others to send from.
const PORT: u16 = 513;

/// Where it keeps a file for each host.
const SPOOL: &str = "/var/spool/rwho";

impl Peer for Rwhod {
    fn name(&self) -> &'static str {
        "rwhod"
    }

    fn does(&self) -> &'static str {
        "writes the datagram to a file of the host, here in memory; ruptime works out from the files who is down"
    }

    fn program(&self) -> Option<&'static str> {
        Some("/usr/sbin/rwhod")
    }

    /// It always goes to the background, and always writes to the same place. In namespaces of its own it ends with
    /// the shell that has started it, and writes to memory.
    fn command(&self, _directory: &Directory, _port: u16) -> io::Result<Command> {
        let script =
            format!("mount -t tmpfs -o mode=1777 none {SPOOL} && /usr/sbin/rwhod && exec sleep infinity");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", &script]);
        Ok(command)
    }

    fn fleet(&self, to: SocketAddr, _hosts: Hosts) -> Result<Box<dyn Fleet>, String> {
        let IpAddr::V4(to) = to.ip() else {
            return Err("rwhod knows no IPv6".to_owned());
        };
        let format = Format::new(move |turn| [ip_and_udp(to), status(turn)].concat());
        Ok(Box::new(FromItsPort(format)))
    }

    fn port(&self) -> Option<u16> {
        Some(PORT)
    }

    /// Whole IP packets are never cut apart.
    fn per_call(&self) -> usize {
        1
    }
}

/// The port is taken by the daemon, so that the packets are made whole, headers and all.
struct FromItsPort<F>(F);

impl<F: Fleet> Fleet for FromItsPort<F> {
    fn datagram_len(&self) -> usize {
        self.0.datagram_len()
    }

    fn write(&self, turn: Turn, out: &mut [u8]) {
        self.0.write(turn, out);
    }

    fn open(&self, to: SocketAddr) -> io::Result<Socket> {
        // IPPROTO_RAW (raw(7)): the IP header comes from us, and nothing is received.
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255)))?;
        socket.connect(&to.into())?;
        Ok(socket)
    }
}

/// How long a status is where nobody is logged in.
const STATUS_LEN: usize = 60;

/// The headers of RFC 791 and RFC 768. The kernel fills in what is 0 here: length, number and checksum; the
/// checksum of UDP may stay 0.
fn ip_and_udp(to: Ipv4Addr) -> Vec<u8> {
    const VERSION_AND_LEN: u8 = 0x45;
    const TTL: u8 = 64;
    const UDP: u8 = 17;
    let mut out = vec![0; 28];
    out[0] = VERSION_AND_LEN;
    out[8] = TTL;
    out[9] = UDP;
    out[12..16].copy_from_slice(&Ipv4Addr::LOCALHOST.octets());
    out[16..20].copy_from_slice(&to.octets());
    out[20..22].copy_from_slice(&PORT.to_be_bytes());
    out[22..24].copy_from_slice(&PORT.to_be_bytes());
    out[24..26].copy_from_slice(&(8 + STATUS_LEN as u16).to_be_bytes());
    out
}

/// `struct whod` of <protocols/rwhod.h>: version, type, times, host name, load, boot time, and nobody logged in.
fn status(turn: Turn) -> Vec<u8> {
    const VERSION: u8 = 1;
    const STATUS: u8 = 1;
    const HOST_NAME: usize = 12;
    let name = host_name(turn.source);
    let mut out = vec![0; STATUS_LEN];
    out[0] = VERSION;
    out[1] = STATUS;
    out[4..8].copy_from_slice(&(turn.at.as_secs() as u32).to_be_bytes());
    out[HOST_NAME..HOST_NAME + name.len()].copy_from_slice(name.as_bytes());
    out
}
