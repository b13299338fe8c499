//! Ganglia's gmond: its own heartbeat metric, in XDR, spoofed for each host as gmetric does.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use beacon_tests::e2e::Directory;
use beacon_tests::load::{Fleet, Turn};

use crate::format::Format;
use crate::peer::{Hosts, Peer, host_name};

pub(crate) struct Gmond;

impl Peer for Gmond {
    fn name(&self) -> &'static str {
        "gmond"
    }

    fn does(&self) -> &'static str {
        "finds the host by its address and keeps the time of the last heartbeat; whoever asks by TCP works out who is \
         silent; it tells nothing by itself"
    }

    fn program(&self) -> Option<&'static str> {
        Some("/usr/sbin/gmond")
    }

    fn command(&self, directory: &Directory, port: u16) -> io::Result<Command> {
        let configuration = format!(
            "globals {{
                 daemonize = no
                 setuid = no
                 mute = yes
                 deaf = no
                 host_dmax = 0
                 cleanup_threshold = 300
                 send_metadata_interval = 0
             }}
             cluster {{ name = \"load\" }}
             udp_recv_channel {{
                 port = {port}
                 bind = 127.0.0.1
             }}
             "
        );
        let mut command = Command::new("/usr/sbin/gmond");
        command
            .args(["-f", "-c"])
            .arg(directory.write("gmond.conf", 0o600, &configuration));
        Ok(command)
    }

    fn fleet(&self, _to: SocketAddr, _hosts: Hosts) -> Result<Box<dyn Fleet>, String> {
        Ok(Box::new(Format::new(datagram)))
    }
}

/// The message format of an unsigned value.
const UINT: u32 = 132;

fn datagram(turn: Turn) -> Vec<u8> {
    // Seven bits of the host's number in each part, from 100 on: all addresses are equally long.
    let part = |shift: u32| 100 + (turn.source >> shift) as u8 % 128;
    let address = Ipv4Addr::new(10, part(14), part(7), part(0));
    let mut out = UINT.to_be_bytes().to_vec();
    put(&mut out, &format!("{address}:{}", host_name(turn.source)));
    put(&mut out, "heartbeat");
    out.extend(1_u32.to_be_bytes());
    put(&mut out, "%u");
    out.extend((turn.at.as_secs() as u32).to_be_bytes());
    out
}

/// A string in XDR (RFC 4506, section 4.11).
fn put(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u32).to_be_bytes());
    out.extend(text.as_bytes());
    out.resize(out.len().next_multiple_of(4), 0);
}
