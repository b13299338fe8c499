//! One measurement: a receiver under a steady load.

use std::io;
use std::time::Duration;

use super::process::Usage;
use super::sockets::Queues;
use crate::e2e::Limit;
use crate::load::{Fleet, Generator, Tally, now, sleep_until};

/// After the load has ended, the receiver's work is taken for done when it has been idle for this long. It is
/// shorter than the shortest margin (docs/protocol.md, section 9), so that the end of the load is not yet silence.
const IDLE: Duration = Duration::from_millis(4);

/// How long a receiver may go on working after the load.
const BACKLOG: Duration = Duration::from_secs(20);

/// What a receiver did with the datagrams of a span of time.
#[derive(Debug)]
pub struct Window {
    /// What was sent.
    pub tally: Tally,
    /// What its sockets dropped of that.
    pub drops: u64,
    /// What it used for the rest.
    pub usage: Usage,
    /// The time from the first of them until all was done.
    pub took: Duration,
    /// The memory that it holds in the end, in bytes.
    pub resident_bytes: u64,
}

impl Window {
    /// The datagrams that the receiver was handed.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.tally.sent.saturating_sub(self.drops)
    }

    /// Processor time for each of them, in nanoseconds.
    #[must_use]
    pub fn nanos_each(&self) -> f64 {
        self.usage.cpu.as_nanos() as f64 / self.received().max(1) as f64
    }

    /// How many of them there were in a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.received() as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }
}

/// Plays `generator` for `warm_up`, in which the receiver gets to know the sources, and measures what the process
/// `id`, which listens on `port`, does with the load of the time after that.
///
/// # Errors
/// Those of reading `/proc`: the receiver has ended.
pub fn measure<F: Fleet>(
    generator: &mut Generator<F>,
    (id, port): (u32, u16),
    warm_up: Duration,
    span: Duration,
) -> io::Result<Window> {
    generator.run_until(warm_up);
    let (usage, queues, begin) = (Usage::of(id)?, Queues::of(port), now());
    let tally = generator.run_until(warm_up + span);
    wait_until_done(id, port)?;
    Ok(Window {
        tally,
        drops: Queues::of(port).drops - queues.drops,
        usage: Usage::of(id)? - usage,
        took: now().since(begin),
        resident_bytes: Usage::resident_bytes(id)?,
    })
}

/// Waits until nothing waits at `port`, and the process is idle.
fn wait_until_done(id: u32, port: u16) -> io::Result<()> {
    let limit = Limit::after(BACKLOG);
    let mut before = Usage::of(id)?.cpu;
    while !limit.left().is_zero() {
        sleep_until(now() + IDLE);
        let used = Usage::of(id)?.cpu;
        if Queues::of(port).waiting_bytes == 0 && used - before < IDLE / 20 {
            break;
        }
        before = used;
    }
    Ok(())
}
