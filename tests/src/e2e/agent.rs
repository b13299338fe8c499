//! An agent in a test.

use std::net::SocketAddr;
use std::process::Stdio;

use rustix::process::Signal;

use super::binaries::Binary;
use super::process::{Process, code};

/// A running `beacon-agent`.
pub struct Agent {
    process: Process,
}

impl Agent {
    /// Starts an agent called `label` that sends to `to`.
    #[must_use]
    pub fn start(to: SocketAddr, label: &str, arguments: &[&str]) -> Self {
        let to = to.to_string();
        Self::start_with(&[&["--to", &to, "--label", label], arguments].concat())
    }

    /// Starts an agent with these arguments and no others.
    #[must_use]
    pub fn start_with(arguments: &[&str]) -> Self {
        let mut command = Binary::Agent.command();
        command.args(arguments).stdout(Stdio::null());
        Self {
            process: Process::spawn(&format!("beacon-agent {}", arguments.join(" ")), &mut command),
        }
    }

    /// Kills it with SIGKILL: it says no goodbye.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Asks it to end, and gives its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.process.signal(Signal::TERM);
        self.wait()
    }

    /// Its exit code, once it has ended by itself.
    pub fn wait(&mut self) -> Option<i32> {
        code(self.process.wait())
    }

    /// The line of its log that holds `part`, among those not looked at yet.
    pub fn wait_for_log(&mut self, part: &str) -> String {
        self.process.wait_for_log(part)
    }

    /// All that it has logged, once it has ended.
    pub fn whole_log(&mut self) -> &[String] {
        self.process.whole_log()
    }
}
