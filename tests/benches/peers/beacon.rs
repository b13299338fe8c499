//! Ourselves.

use std::io;
use std::net::SocketAddr;
use std::process::Command;

use beacon_tests::e2e::{Binary, Directory};
use beacon_tests::load::{Beacons, Fleet};

use crate::peer::{Hosts, Peer};

/// The collector as it comes.
pub(crate) struct Beacon {
    pub(crate) acks: bool,
}

impl Peer for Beacon {
    fn name(&self) -> &'static str {
        match self.acks {
            false => "beacon-collector",
            true => "beacon-collector acks",
        }
    }

    fn does(&self) -> &'static str {
        match self.acks {
            false => {
                "keeps state, deadline, arrival estimate, losses and reordering of each host; tells its death"
            }
            true => "the same, and answers each beat",
        }
    }

    fn program(&self) -> Option<&'static str> {
        None
    }

    fn command(&self, _directory: &Directory, port: u16) -> io::Result<Command> {
        let mut command = Binary::Collector.command();
        command.args(["--admit-rate", "0", "--listen", &format!("[::]:{port}")]);
        Ok(command)
    }

    fn fleet(&self, _to: SocketAddr, hosts: Hosts) -> Result<Box<dyn Fleet>, String> {
        let beacons = Beacons::new("host", hosts.count, hosts.interval, 1)?;
        Ok(Box::new(if self.acks { beacons.with_acks() } else { beacons }))
    }
}
