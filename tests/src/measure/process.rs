//! What a process has used.

use std::fs;
use std::io::{self, ErrorKind};
use std::ops::Sub;
use std::path::PathBuf;
use std::time::Duration;

/// What a process has used until now, its threads that still run taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, to the nanosecond (`/proc/PID/task/*/schedstat`).
    pub cpu: Duration,
    /// Clock ticks in which it was found in its own code, and in the kernel (`/proc/PID/stat`): a sample that
    /// only tells the proportion.
    pub ticks: (u64, u64),
}

impl Usage {
    /// What the process with this id has used.
    ///
    /// # Errors
    /// Those of reading `/proc`: there is no such process.
    pub fn of(id: u32) -> io::Result<Self> {
        let mut cpu = Duration::ZERO;
        for thread in fs::read_dir(format!("/proc/{id}/task"))? {
            // A thread may end while all are looked at.
            if let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) {
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

    /// The memory that the process with this id holds, in bytes.
    ///
    /// # Errors
    /// Those of reading `/proc`.
    pub fn resident_bytes(id: u32) -> io::Result<u64> {
        let path = PathBuf::from(format!("/proc/{id}/status"));
        let status = fs::read_to_string(path)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(number(kilobytes)? * 1024)
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            ticks: (self.ticks.0 - earlier.ticks.0, self.ticks.1 - earlier.ticks.1),
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
    fn a_process_that_is_not_there_is_an_error() {
        assert!(Usage::of(u32::MAX).is_err());
        assert!(Usage::resident_bytes(u32::MAX).is_err());
    }
}
