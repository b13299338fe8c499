//! A child process that does not outlive the test.

use std::fmt::Display;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::limit::Limit;
use super::lines::Lines;

/// A running child, its log, and its end.
pub struct Process {
    name: String,
    child: Child,
    log: Lines,
}

impl Process {
    /// Starts `command`, called `name` in messages. Its stderr is followed; its stdout goes where `command` says.
    pub fn spawn(name: &str, command: &mut Command) -> Self {
        Self::spawn_reading(name, Stdio::null(), command)
    }

    /// The same with something to read.
    pub fn spawn_reading(name: &str, stdin: Stdio, command: &mut Command) -> Self {
        let child = command.stdin(stdin).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        let stderr = child.stderr.take().expect("it was just asked to be piped");
        Self {
            name: name.to_owned(),
            child,
            log: Lines::follow(stderr),
        }
    }

    /// What it writes to stdout, where that was piped.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let sent = kill_process(self.pid(), signal);
        sent.unwrap_or_else(|error| panic!("cannot send {signal:?} to {}: {error}", self.name));
    }

    /// Kills it as an outage would, and reaps it.
    pub fn kill(&mut self) {
        self.child
            .kill()
            .unwrap_or_else(|error| panic!("cannot kill {}: {error}", self.name));
        self.wait();
    }

    /// Its exit code, once it has ended by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let limit = Limit::soon();
        if !self.has_ended_by(limit) {
            self.fail("has not ended");
        }
        self.child
            .wait()
            .unwrap_or_else(|error| panic!("cannot wait for {}: {error}", self.name))
    }

    /// The line of the log that holds `part`, among those not looked at yet.
    pub fn wait_for_log(&mut self, part: &str) -> String {
        let limit = Limit::soon();
        while let Some(line) = self.log.next(limit) {
            if line.contains(part) {
                return line.to_owned();
            }
        }
        self.fail(format_args!("has not logged '{part}'"))
    }

    /// All that it has logged, once it has ended.
    pub fn whole_log(&mut self) -> &[String] {
        self.wait();
        self.log.rest(Limit::soon())
    }

    /// Panics with what is wrong and what the child has logged.
    pub fn fail(&mut self, problem: impl Display) -> ! {
        // What it has written until now is there at once; what is to come is not waited for.
        let log = self
            .log
            .rest(Limit::after(std::time::Duration::from_millis(100)))
            .join("\n  ");
        panic!("{} {problem}; it has logged:\n  {log}", self.name)
    }

    fn has_ended_by(&mut self, limit: Limit) -> bool {
        let Ok(descriptor) = pidfd_open(self.pid(), PidfdFlags::empty()) else {
            // It was reaped before.
            return true;
        };
        loop {
            let left = Timespec::try_from(limit.left()).expect("a limit lies seconds away");
            let mut descriptors = [PollFd::new(&descriptor, PollFlags::IN)];
            match poll(&mut descriptors, Some(&left)) {
                Ok(ready) => return ready > 0,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => panic!("cannot wait for {}: {error}", self.name),
            }
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Killing and reaping what has ended already does nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The exit code; `None` where a signal ended it.
pub(super) fn code(status: ExitStatus) -> Option<i32> {
    assert_eq!(status.signal(), None, "no signal was to end it");
    status.code()
}
