//! Lines for others than their reader: each as it is written, by whoever follows along.

use std::fmt;

use crate::track::event::What;

/// A line that is being written.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Its number in this run.
    pub id: u64,
    /// Microseconds since the Unix epoch, UTC.
    pub time_us: u64,
    /// What happened.
    pub what: What,
    /// The line in JSON, without a newline, whatever format is written.
    pub json: String,
}

/// Takes lines on the writing thread, which it must not block.
pub struct Tap(pub Box<dyn FnMut(Told) + Send>);

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}
