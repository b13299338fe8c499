//! collectd with its network plugin: the uptime of each host, in the plugin's binary protocol.

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, SystemTime};

use beacon_tests::e2e::Directory;
use beacon_tests::load::{Fleet, Turn};

use crate::format::Format;
use crate::peer::{Hosts, Peer, host_name};

pub(crate) struct Collectd;

impl Peer for Collectd {
    fn name(&self) -> &'static str {
        "collectd"
    }

    fn does(&self) -> &'static str {
        "one thread receives, one parses, five more put the value into the cache; the threshold plugin notices a host \
         that is missing, at the earliest after two intervals, looking every ten seconds; no writer is loaded"
    }

    fn program(&self) -> Option<&'static str> {
        Some("/usr/sbin/collectd")
    }

    fn command(&self, directory: &Directory, port: u16) -> io::Result<Command> {
        let path = directory.path().display();
        let configuration = format!(
            r#"
            Hostname "receiver"
            FQDNLookup false
            BaseDir "{path}"
            PIDFile "{path}/pid"
            LoadPlugin network
            <Plugin network>
                Listen "127.0.0.1" "{port}"
            </Plugin>
            LoadPlugin threshold
            <Plugin threshold>
                <Plugin "uptime">
                    <Type "uptime">
                        FailureMin 0
                    </Type>
                </Plugin>
            </Plugin>
            "#
        );
        let mut command = Command::new("/usr/sbin/collectd");
        command
            .arg("-f")
            .arg("-C")
            .arg(directory.write("collectd.conf", 0o600, &configuration));
        Ok(command)
    }

    fn fleet(&self, _to: SocketAddr, hosts: Hosts) -> Result<Box<dyn Fleet>, String> {
        let began = unix_time();
        let interval = hosts.interval;
        Ok(Box::new(Format::new(move |turn: Turn| {
            datagram(turn, began + turn.at, interval)
        })))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "collectd drops what is older than what it has seen"
)]
fn unix_time() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// Part numbers of the binary protocol.
mod part {
    pub(super) const HOST: u16 = 0;
    pub(super) const PLUGIN: u16 = 2;
    pub(super) const TYPE: u16 = 4;
    pub(super) const VALUES: u16 = 6;
    pub(super) const TIME: u16 = 8;
    pub(super) const INTERVAL: u16 = 9;
}

/// The data source type of a value that is stored as it is, a little-endian double.
const GAUGE: u8 = 1;

fn datagram(turn: Turn, time: Duration, interval: Duration) -> Vec<u8> {
    let text = |text: &str| [text.as_bytes(), b"\0"].concat();
    let uptime = turn.at.as_secs_f64().to_le_bytes();
    let value = [&1_u16.to_be_bytes()[..], &[GAUGE], &uptime].concat();
    let mut out = Vec::new();
    for (number, content) in [
        (part::HOST, text(&host_name(turn.source))),
        (part::TIME, fixed_point(time)),
        (part::INTERVAL, fixed_point(interval)),
        (part::PLUGIN, text("uptime")),
        (part::TYPE, text("uptime")),
        (part::VALUES, value),
    ] {
        let len = 4 + content.len() as u16;
        out.extend([number.to_be_bytes(), len.to_be_bytes()].concat());
        out.extend(content);
    }
    out
}

/// Seconds in units of 2^-30.
fn fixed_point(time: Duration) -> Vec<u8> {
    let units = (time.as_nanos() << 30) / 1_000_000_000;
    (units as u64).to_be_bytes().to_vec()
}
