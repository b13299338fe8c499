//! The lines that a child writes, as they come.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::limit::Limit;

/// Reads one of a child's outputs in a thread of its own, so that the child never waits for the test; unless the
/// test wants just that.
pub struct Lines {
    incoming: Receiver<String>,
    seen: Vec<String>,
    gate: Arc<Gate>,
}

/// Closed while the reader is to stop reading.
#[derive(Default)]
struct Gate {
    is_closed: Mutex<bool>,
    moved: Condvar,
}

impl Gate {
    fn set(&self, is_closed: bool) {
        *self.is_closed.lock().unwrap_or_else(PoisonError::into_inner) = is_closed;
        self.moved.notify_all();
    }

    fn pass(&self) {
        let mut is_closed = self.is_closed.lock().unwrap_or_else(PoisonError::into_inner);
        while *is_closed {
            is_closed = self.moved.wait(is_closed).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Lines {
    /// Follows what comes out of `output`.
    pub fn follow(output: impl Read + Send + 'static) -> Self {
        let (tell, incoming) = mpsc::channel();
        let gate = Arc::new(Gate::default());
        let at_gate = Arc::clone(&gate);
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                let Ok(line) = line else { return };
                if tell.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
                at_gate.pass();
            }
        });
        Self {
            incoming,
            seen: Vec::new(),
            gate,
        }
    }

    /// The next line; `None` where the output has ended, or the limit has passed.
    pub fn next(&mut self, limit: Limit) -> Option<&str> {
        match self.incoming.recv_timeout(limit.left()) {
            Ok(line) => {
                self.seen.push(line);
                self.seen.last().map(String::as_str)
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Every line until the output ends, or the limit passes.
    pub fn rest(&mut self, limit: Limit) -> &[String] {
        while self.next(limit).is_some() {}
        &self.seen
    }

    /// Every line taken so far.
    #[must_use]
    pub fn seen(&self) -> &[String] {
        &self.seen
    }

    /// Stops reading: the child's pipe fills up. What the reader has already buffered is what was read.
    pub fn pause(&self) {
        self.gate.set(true);
    }

    /// Reads on.
    pub fn resume(&self) {
        self.gate.set(false);
    }
}

/// A reader that waits at its gate is let go, so that it ends with its child.
impl Drop for Lines {
    fn drop(&mut self) {
        self.resume();
    }
}
