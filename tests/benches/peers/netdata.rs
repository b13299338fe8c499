//! netdata's statsd: a counter for each host.

use std::io;
use std::net::SocketAddr;
use std::process::Command;

use beacon_tests::e2e::Directory;
use beacon_tests::load::{Fleet, Turn};

use crate::format::Format;
use crate::peer::{Hosts, Peer, host_name};

pub(crate) struct Netdata;

impl Peer for Netdata {
    fn name(&self) -> &'static str {
        "netdata statsd"
    }

    fn does(&self) -> &'static str {
        "finds the counter by its name and adds one; no charts are made of the counters, so that nothing notices \
         which of them stand still"
    }

    fn program(&self) -> Option<&'static str> {
        Some("/usr/sbin/netdata")
    }

    fn command(&self, directory: &Directory, port: u16) -> io::Result<Command> {
        let path = directory.path().display();
        let configuration = format!(
            "[global]
                 run as user = root
             [db]
                 mode = none
             [directories]
                 cache = {path}
                 lib = {path}
                 log = {path}
                 home = {path}
             [logs]
                 access = none
                 debug = none
                 error = stderr
             [web]
                 mode = none
             [ml]
                 enabled = no
             [health]
                 enabled = no
             [registry]
                 enabled = no
             [plugins]
                 enable running new plugins = no
                 timex = no
                 idlejitter = no
                 tc = no
                 proc = no
                 diskspace = no
                 cgroups = no
                 checks = no
                 apps = no
                 statsd = yes
                 netdata monitoring = no
                 netdata monitoring extended = no
             [statsd]
                 enabled = yes
                 bind to = udp:127.0.0.1:{port}
                 create private charts for metrics matching = !*
             "
        );
        let mut command = Command::new("/usr/sbin/netdata");
        command
            .args(["-D", "-c"])
            .arg(directory.write("netdata.conf", 0o600, &configuration));
        Ok(command)
    }

    fn fleet(&self, _to: SocketAddr, _hosts: Hosts) -> Result<Box<dyn Fleet>, String> {
        let datagram = |turn: Turn| format!("beats.{}:1|c\n", host_name(turn.source)).into_bytes();
        Ok(Box::new(Format::new(datagram)))
    }
}
