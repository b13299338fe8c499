//! What the machine does to a process that only waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::limit::now;

/// How long the witness sleeps at a time.
const NAP: Duration = Duration::from_millis(1);

/// A thread that does nothing but sleep for a moment, again and again, and notes by how much it overslept.
///
/// A program that keeps its deadlines cannot do better than that on the same machine at the same time: on one that
/// is busy with other things, timed assertions allow for what the witness has seen, and on a quiet one for nothing.
pub struct Witness {
    overslept_us: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

impl Witness {
    /// A witness from now on.
    #[must_use]
    pub fn start() -> Self {
        let (overslept_us, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let witness = Self {
            overslept_us: Arc::clone(&overslept_us),
            is_over: Arc::clone(&is_over),
        };
        thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let asleep = now();
                thread::sleep(NAP);
                let overslept = now().duration_since(asleep).saturating_sub(NAP).as_micros();
                overslept_us.fetch_max(u64::try_from(overslept).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
        witness
    }

    /// The longest time that it overslept until now, in whole milliseconds: nothing on a quiet machine.
    #[must_use]
    pub fn overslept_ms(&self) -> i64 {
        i64::try_from(self.overslept_us.load(Ordering::Relaxed) / 1_000).unwrap_or(i64::MAX)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
