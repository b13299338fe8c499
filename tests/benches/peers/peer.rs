//! A daemon to compare with.

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use beacon_tests::e2e::Directory;
use beacon_tests::load::{Fleet, MAX_PER_CALL};

/// Who speaks to a daemon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hosts {
    pub(crate) count: u32,
    pub(crate) interval: Duration,
}

/// The name of a host: all are equally long, as all datagrams of a fleet are.
pub(crate) fn host_name(host: u32) -> String {
    format!("host-{host:07}")
}

/// A daemon that takes heartbeats by UDP.
pub(crate) trait Peer {
    /// Its name.
    fn name(&self) -> &'static str;

    /// What it does with a datagram.
    fn does(&self) -> &'static str;

    /// The executable that a package brings.
    fn program(&self) -> Option<&'static str>;

    /// How it is started in the foreground, to listen on 127.0.0.1 and `port`, with all of its files in `directory`.
    fn command(&self, directory: &Directory, port: u16) -> io::Result<Command>;

    /// The hosts that speak to it.
    fn fleet(&self, to: SocketAddr, hosts: Hosts) -> Result<Box<dyn Fleet>, String>;

    /// The port that it cannot do without.
    fn port(&self) -> Option<u16> {
        None
    }

    /// How many of its datagrams may leave in one call.
    fn per_call(&self) -> usize {
        MAX_PER_CALL
    }
}
