//! How long a test waits for something before it gives up.

use std::time::{Duration, Instant};

/// How long anything that ought to happen soon is waited for: far longer than it takes, because a loaded machine
/// must not fail a test, and a test that passes does not wait for it.
const SOON: Duration = Duration::from_secs(20);

/// A moment after which waiting has failed.
#[derive(Clone, Copy, Debug)]
pub struct Limit(Instant);

impl Limit {
    /// The limit for what ought to happen soon.
    #[must_use]
    pub fn soon() -> Self {
        Self::after(SOON)
    }

    /// A limit this far from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(now() + duration)
    }

    /// What is left until then; zero once it has passed.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    /// Lets the time until then go by: for a moment that the test chooses itself, never for something to happen.
    pub fn pass(self) {
        std::thread::sleep(self.left());
    }
}

/// Now, on the clock that bounds and measures waiting.
#[expect(
    clippy::disallowed_methods,
    reason = "real processes are waited for in real time; all of it is read here"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
