//! What a process has used.

use std::fs;
use std::io::{self, ErrorKind};
use std::ops::{Add, Sub};
use std::path::PathBuf;
use std::time::Duration;

/// What a process and its children have used until now, as far as they and their threads still run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, to the nanosecond (`/proc/PID/task/*/schedstat`).
    pub cpu: Duration,
    /// Clock ticks in which it was found in its own code, and in the kernel (`/proc/PID/stat`): a sample that
    /// only tells the proportion.
    pub ticks: (u64, u64),
}

impl Usage {
    /// What the process with this id, its children and theirs have used.
    ///
    /// # Errors
    /// Those of reading `/proc`: there is no such process.
    pub fn of(id: u32) -> io::Result<Self> {
        let own = Self::of_one(id)?;
        // A child may end while all are looked at.
        let others = children(id)?.into_iter().filter_map(|child| Self::of(child).ok());
        Ok(others.fold(own, Add::add))
    }

    fn of_one(id: u32) -> io::Result<Self> {
        let mut cpu = Duration::ZERO;
        for thread in threads(id)? {
            // A thread may end while all are looked at.
            if let Ok(text) = fs::read_to_string(thread.join("schedstat")) {
                cpu += Duration::from_nanos(number(text.split(' ').next())?);
            }
        }
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The second field is the name in brackets, which may hold anything; utime and stime are 14 and 15.
        let mut fields = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_ascii_whitespace()
            .skip(11);
        let ticks = (number(fields.next())?, number(fields.next())?);
        Ok(Self { cpu, ticks })
    }

    /// The share of its own code; the rest is the kernel's.
    #[must_use]
    pub fn user_share(&self) -> f64 {
        let (user, system) = self.ticks;
        user as f64 / (user + system).max(1) as f64
    }

    /// The memory that the process with this id, its children and theirs hold, in bytes.
    ///
    /// # Errors
    /// Those of reading `/proc`.
    pub fn resident_bytes(id: u32) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let own = number(kilobytes)? * 1024;
        let others = children(id)?
            .into_iter()
            .filter_map(|child| Self::resident_bytes(child).ok());
        Ok(own + others.sum::<u64>())
    }
}

fn threads(id: u32) -> io::Result<Vec<PathBuf>> {
    let threads = fs::read_dir(format!("/proc/{id}/task"))?;
    threads.map(|thread| Ok(thread?.path())).collect()
}

fn children(id: u32) -> io::Result<Vec<u32>> {
    let texts = threads(id)?
        .into_iter()
        .filter_map(|thread| fs::read_to_string(thread.join("children")).ok());
    let texts: Vec<_> = texts.collect();
    let ids = texts.iter().flat_map(|text| text.split_ascii_whitespace());
    Ok(ids.filter_map(|id| id.parse().ok()).collect())
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            ticks: (self.ticks.0 + other.ticks.0, self.ticks.1 + other.ticks.1),
        }
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            ticks: (
                self.ticks.0.saturating_sub(earlier.ticks.0),
                self.ticks.1.saturating_sub(earlier.ticks.1),
            ),
        }
    }
}

fn number(text: Option<&str>) -> io::Result<u64> {
    let number = text.and_then(|text| text.parse().ok());
    number.ok_or_else(|| {
        io::Error::new(
            ErrorKind::InvalidData,
            format!("/proc says {text:?} for a number"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::e2e::{Limit, Lines, Process};
    use std::process::{Command, Stdio};

    #[test]
    fn work_and_memory_are_seen() {
        let id = std::process::id();
        let before = Usage::of(id).unwrap();
        let memory_before = Usage::resident_bytes(id).unwrap();
        let filled = std::hint::black_box(vec![1_u8; 64 << 20]);
        let used = Usage::of(id).unwrap() - before;
        assert!(used.cpu > Duration::from_micros(100), "{used:?}");
        // Other tests of this process come and go.
        assert!(Usage::resident_bytes(id).unwrap() > memory_before + (32 << 20));
        assert_eq!(filled.len(), 64 << 20);
    }

    #[test]
    fn the_children_count() {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "while :; do :; done & echo; wait"])
            .stdout(Stdio::piped());
        let mut shell = Process::spawn("sh", &mut shell);
        let mut told = Lines::follow(shell.stdout().unwrap());
        assert_eq!(told.next(Limit::soon()), Some(""));
        let limit = Limit::soon();
        while Usage::of(shell.id()).unwrap().cpu < Duration::from_millis(20) {
            assert!(!limit.left().is_zero());
        }
        assert!(Usage::of_one(shell.id()).unwrap().cpu < Duration::from_millis(10));
        let child = children(shell.id()).unwrap();
        assert_eq!(child.len(), 1);
        let status = Command::new("kill").arg(child[0].to_string()).status().unwrap();
        assert!(status.success());
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(Usage::of(u32::MAX).is_err());
        assert!(Usage::resident_bytes(u32::MAX).is_err());
    }
}
