//! One hook as a process: a shell with a process group of its own.
//!
//! A thread hands it its line and waits for its end, without reaping it: so its number, which is also its group's, cannot
//! become anybody else's while the group may still be sent a signal. Then whatever it has left behind in its group is
//! killed, and it is reaped.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;

use beacon_common::manager;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::net::handed;

/// What a service manager has told the collector alone.
const OF_SERVICE_MANAGERS: [[&str; 3]; 2] = [manager::VARIABLES, handed::VARIABLES];

/// Where systemd has put the keys.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// What every hook is given.
#[derive(Debug)]
pub(super) struct Shell {
    line: String,
    environment: Vec<(OsString, OsString)>,
}

impl Shell {
    /// The shell that runs `line`, in this process's environment without what sets options of ours: a program of this
    /// family that a hook starts is not to take them for its own.
    pub(super) fn new(line: String) -> Self {
        let is_ours = |name: &OsString| {
            let name = name.to_string_lossy();
            let is_managers = OF_SERVICE_MANAGERS.as_flattened().contains(&&*name);
            name.starts_with("BEACON_") || is_managers || name == CREDENTIALS
        };
        Self {
            line,
            environment: env::vars_os().filter(|(name, _)| !is_ours(name)).collect(),
        }
    }

    /// Begins a hook with these `variables`, to which `input` is handed. `ended` is called when it has ended, from
    /// another thread.
    ///
    /// # Errors
    /// The system's, where it has no process or no thread to give.
    pub(super) fn begin(
        &self,
        variables: Vec<(String, String)>,
        input: String,
        ended: impl FnOnce() + Send + 'static,
    ) -> io::Result<Hook> {
        // Lines of events are for the collector's stdout alone; what a hook prints goes where the log goes.
        let log = io::stderr().as_fd().try_clone_to_owned()?;
        let mut child = Command::new("/bin/sh")
            .args(["-c", &self.line])
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(Stdio::inherit())
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take();
        let hook = Hook { child };
        let group = hook.group();
        let attended = thread::Builder::new().name("hook".to_owned()).spawn(move || {
            hand_over(stdin, &input);
            // Why it cannot be waited for is seen again by who reaps it.
            let _ = wait_until_ended(group);
            ended();
        });
        match attended {
            Ok(_) => Ok(hook),
            Err(error) => {
                hook.signal(Signal::KILL);
                hook.reap()?;
                Err(error)
            }
        }
    }
}

/// A hook that has begun.
#[derive(Debug)]
pub(super) struct Hook {
    child: Child,
}

impl Hook {
    /// Sends a signal to all its processes.
    pub(super) fn signal(&self, signal: Signal) {
        // It fails where they are all gone, which is what it is for.
        let _ = kill_process_group(self.group(), signal);
    }

    /// Kills what it has left behind, and says how it has ended; waits where it has not.
    ///
    /// # Errors
    /// It was reaped by somebody else: its group's number may be another's by now, so nothing is killed.
    pub(super) fn reap(mut self) -> io::Result<ExitStatus> {
        wait_until_ended(self.group())
            .map_err(|error| io::Error::other(format!("how it has ended is unknown: {error}")))?;
        self.signal(Signal::KILL);
        self.child.wait()
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

/// A hook need not read what it is given, and whoever is gone has not.
fn hand_over(stdin: Option<ChildStdin>, input: &str) {
    if let Some(mut stdin) = stdin
        && let Err(error) = stdin.write_all(input.as_bytes())
    {
        log::debug!("--on-event: the hook has not read its line: {error}");
    }
}

fn wait_until_ended(hook: Pid) -> rustix::io::Result<()> {
    let until_ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    loop {
        match waitid(WaitId::Pid(hook), until_ended) {
            Err(Errno::INTR) => {}
            ended => return ended.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_else_has_reaped_is_not_signalled() {
        let mut child = Command::new("/bin/true").process_group(0).spawn().unwrap();
        child.wait().unwrap();
        let error = Hook { child }.reap().unwrap_err();
        assert!(
            error.to_string().starts_with("how it has ended is unknown: "),
            "{error}"
        );
    }
}
