//! rsyslog with imudp: a line from each host, as `logger` sends it.

use std::io;
use std::net::SocketAddr;
use std::process::Command;

use beacon_tests::e2e::Directory;
use beacon_tests::load::{Fleet, Turn};

use crate::format::Format;
use crate::peer::{Hosts, Peer, host_name};

pub(crate) struct Rsyslog;

impl Peer for Rsyslog {
    fn name(&self) -> &'static str {
        "rsyslog"
    }

    fn does(&self) -> &'static str {
        "parses the line and writes it to a file; it keeps nothing of a host, somebody else has to notice what is \
         missing"
    }

    fn program(&self) -> Option<&'static str> {
        Some("/usr/sbin/rsyslogd")
    }

    fn command(&self, directory: &Directory, port: u16) -> io::Result<Command> {
        let path = directory.path().display();
        let configuration = format!(
            r#"
            global(workDirectory="{path}")
            module(load="imudp")
            input(type="imudp" address="127.0.0.1" port="{port}" ruleset="beats")
            ruleset(name="beats") {{ action(type="omfile" file="{path}/beats") }}
            "#
        );
        let mut command = Command::new("/usr/sbin/rsyslogd");
        command
            .arg("-n")
            .arg("-f")
            .arg(directory.write("rsyslog.conf", 0o600, &configuration));
        command.arg("-i").arg(directory.path().join("pid"));
        Ok(command)
    }

    fn fleet(&self, _to: SocketAddr, _hosts: Hosts) -> Result<Box<dyn Fleet>, String> {
        Ok(Box::new(Format::new(datagram)))
    }
}

/// RFC 3164: facility local0, severity info.
fn datagram(turn: Turn) -> Vec<u8> {
    let (seconds, host) = (turn.at.as_secs(), host_name(turn.source));
    let (minute, second) = (seconds / 60 % 60, seconds % 60);
    format!(
        "<134>Nov 21 00:{minute:02}:{second:02} {host} beat: up {:010}",
        turn.round
    )
    .into_bytes()
}
