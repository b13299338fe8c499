//! Who runs where.

use std::io;
use std::process::Command;

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::e2e::Process;

/// The core of whatever makes the load.
pub const LOAD_CORE: usize = 0;

/// The core of the receiver that is measured.
const RECEIVER_CORE: usize = 1;

/// Keeps this thread, and what it starts, on one core.
///
/// # Errors
/// Those of sched_setaffinity(2): EINVAL where there is no such core.
pub fn pin(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

/// Starts `command` on the receiver's core, and keeps this thread on the load's.
///
/// # Errors
/// Those of [`pin`]: the machine has a single core.
pub fn spawn_pinned(name: &str, command: &mut Command) -> io::Result<Process> {
    pin(RECEIVER_CORE)?;
    let process = Process::spawn(name, command);
    pin(LOAD_CORE)?;
    Ok(process)
}
