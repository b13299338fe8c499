//! What the process has used.

#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time that this thread had a core: what others do on the machine is not counted.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
