//! One measurement: a receiver under a steady load.

use std::io;
use std::time::Duration;

use super::machine::stolen;
use super::process::Usage;
use super::sockets::Queues;
use crate::load::{Fleet, Generator, Tally, now};

/// What a receiver did with the datagrams of a span of time.
#[derive(Debug)]
pub struct Window {
    /// What was sent.
    pub tally: Tally,
    /// What its sockets dropped of that.
    pub drops: u64,
    /// What it used for the rest.
    pub usage: Usage,
    /// How long that took.
    pub took: Duration,
    /// What the host took of all processors meanwhile.
    pub stolen: Duration,
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
/// Both ends are looked at while the load goes on: after it the silence of the sources would be measured too. What
/// waits in queues at the one end makes up for what waits at the other.
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
    let stolen_before = stolen();
    let tally = generator.run_until(warm_up + span);
    let (usage_then, queues_then, end) = (Usage::of(id)?, Queues::of(port), now());
    Ok(Window {
        tally,
        drops: queues_then.drops - queues.drops,
        usage: usage_then - usage,
        took: end.since(begin),
        stolen: stolen().saturating_sub(stolen_before),
        resident_bytes: Usage::resident_bytes(id)?,
    })
}
