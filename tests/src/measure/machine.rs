//! What the figures were measured on.

use std::fs;
use std::time::Duration;

/// The processor, its cores, the kernel, and how busy all of it was in the last minute.
#[must_use]
pub fn machine() -> String {
    let processors = read("/proc/cpuinfo");
    let models: Vec<_> = processors
        .lines()
        .filter_map(|line| line.strip_prefix("model name"))
        .collect();
    let model = models
        .first()
        .map_or("unknown processor", |model| model.trim_matches(['\t', ' ', ':']));
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "{model}, {} cores, Linux {}, load average {load}",
        models.len(),
        kernel.trim()
    )
}

/// What the host of this machine, where it is a virtual one, has kept from its processors since it began (`steal` of
/// `/proc/stat`, in hundredths of a second): time in which something could run here and did not.
#[must_use]
pub(super) fn stolen() -> Duration {
    let stat = read("/proc/stat");
    let hundredths = stat
        .split_ascii_whitespace()
        .nth(8)
        .and_then(|field| field.parse().ok());
    Duration::from_millis(10) * hundredths.unwrap_or(0)
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
