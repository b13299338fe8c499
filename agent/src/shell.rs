//! Shell commands beside the schedule: each with a process group of its own, a time limit and no output.
//!
//! A helper thread starts the command and waits for its end without reaping it, so that its number, which is
//! also its group's, cannot become anybody else's while the group may still be killed. Then whatever the
//! command has left behind in its group is killed, and it is reaped.

use beacon_common::Moment;
use beacon_common::manager::VARIABLES;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::helper::{Answer, Helpers};

/// A command that does not die is killed again this often: it may have been starting when it was killed first.
const KILL_AGAIN: Duration = Duration::from_secs(1);

/// Whose command it is, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A check's.
    Check(usize),
    /// A collector's hook.
    Hook(usize),
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Whose it was.
    pub purpose: Purpose,
    /// How it went, or why it could not be run.
    pub outcome: io::Result<ExitStatus>,
}

/// A command that runs.
#[derive(Debug)]
pub struct Run {
    progress: Arc<Mutex<Progress>>,
    kill_at: Moment,
    is_killed: bool,
}

/// How far a command has come.
#[derive(Debug, Default)]
enum Progress {
    /// It is to begin.
    #[default]
    Due,
    /// It runs as this process group.
    Begun(Pid),
    /// It has ended, or is not to begin any more.
    Over,
}

impl Run {
    /// Begins to run `line` by the shell, for no longer than `timeout`.
    #[must_use]
    pub fn begin(
        line: &str,
        environment: &[(&str, &str)],
        purpose: Purpose,
        (now, timeout): (Moment, Duration),
        helpers: &Helpers,
    ) -> Self {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", line])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        let progress = Arc::<Mutex<Progress>>::default();
        let run = Self {
            progress: Arc::clone(&progress),
            kill_at: now + timeout,
            is_killed: false,
        };
        let ended = move |outcome| Answer::Ended(Ended { purpose, outcome });
        helpers.begin(
            Box::new(move || ended(supervise(command, &progress))),
            move |error| ended(Err(error)),
        );
        run
    }

    /// When [`Run::kill_if_overdue`] is to be called.
    #[must_use]
    pub const fn kill_at(&self) -> Moment {
        self.kill_at
    }

    /// Kills the command where its time is up. True the first time.
    pub fn kill_if_overdue(&mut self, now: Moment) -> bool {
        if now < self.kill_at {
            return false;
        }
        self.kill_at = now + KILL_AGAIN;
        self.kill();
        !std::mem::replace(&mut self.is_killed, true)
    }

    fn kill(&self) {
        // While it is just beginning, the next time does; what is killed here is never waited for.
        if let Ok(progress) = self.progress.try_lock()
            && let Progress::Begun(group) = *progress
        {
            kill(group);
        }
    }

    /// Ends the command, or sees to it that it never begins. This waits where it is just beginning.
    pub fn stop(self) {
        let progress = std::mem::replace(&mut *lock(&self.progress), Progress::Over);
        if let Progress::Begun(group) = progress {
            kill(group);
        }
    }

    /// Whether its time was up before it ended.
    #[must_use]
    pub const fn is_killed(&self) -> bool {
        self.is_killed
    }
}

fn supervise(mut command: Command, progress: &Mutex<Progress>) -> io::Result<ExitStatus> {
    let mut child = {
        let mut progress = lock(progress);
        if let Progress::Over = *progress {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let child = command.spawn()?;
        *progress = Progress::Begun(Pid::from_child(&child));
        child
    };
    let pid = Pid::from_child(&child);
    let until_ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let ended = loop {
        match waitid(WaitId::Pid(pid), until_ended) {
            Err(Errno::INTR) => {}
            ended => break ended,
        }
    };
    *lock(progress) = Progress::Over;
    // Where somebody else has reaped it, the number may be another's by now.
    if ended.is_ok() {
        kill(pid);
    }
    child.wait()
}

fn kill(group: Pid) {
    // It fails where all its processes are gone, which is what it is for.
    let _ = kill_process_group(group, Signal::KILL);
}

fn lock(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    const LONG: Duration = Duration::from_secs(20);

    fn run(line: &str, environment: &[(&str, &str)]) -> Ended {
        let (mut awaited, wake) = UnixStream::pair().unwrap();
        let helpers = Helpers::new(wake);
        let limit = (clock::now(), LONG);
        let _run = Run::begin(line, environment, Purpose::Check(3), limit, &helpers);
        awaited.read_exact(&mut [0]).unwrap();
        ended(&helpers)
    }

    fn ended(helpers: &Helpers) -> Ended {
        match helpers.answer() {
            Some(Answer::Ended(ended)) => ended,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_exit_code_comes_back_with_the_purpose() {
        for code in [0, 1, 42, 255] {
            let ended = run(&format!("exit {code}"), &[]);
            assert_eq!(ended.purpose, Purpose::Check(3));
            assert_eq!(ended.outcome.unwrap().code(), Some(code));
        }
        assert_eq!(run("kill -9 $$", &[]).outcome.unwrap().code(), None);
        assert_eq!(run("no-such-command-42", &[]).outcome.unwrap().code(), Some(127));
    }

    #[test]
    fn it_sees_its_environment_and_nothing_to_read() {
        let seen = "test \"$NAME\" = 'a b' && test -z \"$(cat)\" && exit 7";
        assert_eq!(run(seen, &[("NAME", "a b")]).outcome.unwrap().code(), Some(7));
    }

    #[test]
    fn a_flood_of_output_holds_up_nothing() {
        let flood = "head -c 10000000 /dev/zero; head -c 10000000 /dev/zero >&2; exit 5";
        assert_eq!(run(flood, &[]).outcome.unwrap().code(), Some(5));
    }

    /// The pipe ends when the last process that holds its writing end is gone.
    #[test]
    fn what_it_leaves_behind_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let (sender, read) = std::sync::mpsc::channel();
        {
            let pipe = pipe.clone();
            std::thread::spawn(move || sender.send(std::fs::read(pipe).unwrap()));
        }
        let forks = format!("exec >{}; sleep 1000 & sleep 1000 & exit 0", pipe.display());
        assert_eq!(run(&forks, &[]).outcome.unwrap().code(), Some(0));
        let end = read.recv_timeout(LONG).expect("the pipe's end in time");
        assert!(end.is_empty());
    }

    #[test]
    fn at_its_time_it_is_killed_with_its_children() {
        let (mut awaited, wake) = UnixStream::pair().unwrap();
        let helpers = Helpers::new(wake);
        let line = "trap '' TERM; sleep 1000; sleep 1000";
        let start = clock::now();
        let mut run = Run::begin(line, &[], Purpose::Hook(0), (start, LONG), &helpers);
        assert!(!run.kill_if_overdue(start + LONG / 2));
        assert_eq!(run.kill_at(), start + LONG);
        awaited.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let mut now = start + LONG;
        assert!(run.kill_if_overdue(now));
        // It may not have been there yet, so that it is killed again.
        while awaited.read_exact(&mut [0]).is_err() {
            now = run.kill_at();
            assert!(!run.kill_if_overdue(now), "told once");
        }
        assert!(run.is_killed());
        assert_eq!(ended(&helpers).outcome.unwrap().code(), None);
    }

    #[test]
    fn what_is_stopped_does_not_begin_or_does_not_go_on() {
        for line in ["sleep 1000", "sleep 1000 & sleep 1000"] {
            let (mut awaited, wake) = UnixStream::pair().unwrap();
            let helpers = Helpers::new(wake);
            let limit = (clock::now(), LONG);
            Run::begin(line, &[], Purpose::Check(0), limit, &helpers).stop();
            awaited.set_read_timeout(Some(LONG)).unwrap();
            awaited.read_exact(&mut [0]).expect("its end in time");
            let code = ended(&helpers).outcome.map(|status| status.code());
            assert!(matches!(code, Ok(None) | Err(_)), "{code:?}");
        }
    }
}
