//! A service manager in a shell's line: it hands over a socket as sd_listen_fds(3) has it.

use std::io;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use super::binaries::Binary;

/// The socket comes as stdin, because that is where a child can be given one, and is passed on as the first descriptor
/// behind stderr. A shell that replaces itself keeps its number.
const HAND_OVER: &str = "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\" 3<&0 </dev/null";

/// A collector with these arguments that takes the socket that it finds as its stdin.
pub(super) fn activated(arguments: &[&str]) -> Command {
    let collector = Binary::Collector.command();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", HAND_OVER, "sh"]).arg(collector.get_program());
    command.args(["--format", "json"]).args(arguments);
    for (name, value) in collector.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// The same socket, for a child.
pub(super) fn socket_for_stdin(socket: &UdpSocket) -> io::Result<Stdio> {
    Ok(Stdio::from(OwnedFd::from(socket.try_clone()?)))
}
