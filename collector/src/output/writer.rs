//! The writing side of the pipe: renders what waits and hands it to the system, whatever that answers.

use std::io::{self, ErrorKind, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::pipe::{Notice, Waiting};
use super::tap::Tap;
use super::{Entry, Renderer};

/// How much is gathered for one write while lines wait: what a Linux pipe holds.
const CHUNK_BYTES: usize = 64 * 1024;

/// How long until a failed write is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Takes entries from the queue and writes their lines.
pub(super) struct Writer<W, N> {
    out: W,
    queue: Receiver<Entry>,
    renderer: Renderer,
    waiting: Arc<Waiting>,
    notify: N,
    tap: Option<Tap>,
    /// Rendered lines.
    buffer: String,
    /// How much of the buffer is written.
    written: usize,
    /// Failed attempts since the last one that did not fail.
    failures: u64,
}

impl<W: Write + AsFd, N: FnMut(Notice)> Writer<W, N> {
    pub(super) fn new(
        out: W,
        queue: Receiver<Entry>,
        renderer: Renderer,
        waiting: Arc<Waiting>,
        notify: N,
    ) -> Self {
        let buffer = String::with_capacity(CHUNK_BYTES);
        Self {
            out,
            queue,
            renderer,
            waiting,
            notify,
            tap: None,
            buffer,
            written: 0,
            failures: 0,
        }
    }

    pub(super) fn with(self, tap: Option<Tap>) -> Self {
        Self { tap, ..self }
    }

    /// Writes until no more lines can come, or nobody reads them.
    pub(super) fn run(&mut self) {
        while let Ok(entry) = self.queue.recv() {
            self.take(entry);
            while self.buffer.len() < CHUNK_BYTES {
                let Ok(entry) = self.queue.try_recv() else { break };
                self.take(entry);
            }
            if self.write_buffer().is_break() {
                return;
            }
        }
    }

    fn take(&mut self, entry: Entry) {
        self.renderer.render(&entry, &mut self.buffer);
        if let Some(tap) = &mut self.tap {
            (tap.0)(self.renderer.told(entry));
        }
    }

    fn write_buffer(&mut self) -> ControlFlow<()> {
        while self.written < self.buffer.len() {
            match self.out.write(&self.buffer.as_bytes()[self.written..]) {
                Ok(0) => self.after_failure(&ErrorKind::WriteZero.into())?,
                Ok(bytes) => self.after_success(bytes),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => self.wait_until_writable()?,
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
                        log::info!("nobody reads the events any more");
                        self.waiting.end();
                        (self.notify)(Notice::ReaderGone);
                        return ControlFlow::Break(());
                    }
                    _ => self.after_failure(&error)?,
                },
            }
        }
        self.buffer.clear();
        self.written = 0;
        ControlFlow::Continue(())
    }

    fn after_success(&mut self, bytes: usize) {
        if self.failures > 0 {
            log::info!("events are written again after {} failed attempts", self.failures);
            self.failures = 0;
            (self.notify)(Notice::Working);
        }
        let taken = &self.buffer.as_bytes()[self.written..self.written + bytes];
        let lines = taken.iter().filter(|&&byte| byte == b'\n').count();
        self.written += bytes;
        if self.waiting.leave(lines) {
            (self.notify)(Notice::Room);
        }
    }

    fn after_failure(&mut self, error: &io::Error) -> ControlFlow<()> {
        if self.failures == 0 {
            log::error!(
                "events cannot be written: {error}; they are kept while there is room (--queue) and tried \
                 again every second"
            );
            (self.notify)(Notice::Failing);
        }
        self.failures += 1;
        thread::park_timeout(RETRY);
        self.unless_over()
    }

    /// For an output that somebody made non-blocking. The timeout is for seeing that nobody waits any more;
    /// an error of the output itself shows in the next write.
    fn wait_until_writable(&self) -> ControlFlow<()> {
        let timeout = Timespec {
            tv_sec: RETRY.as_secs() as i64,
            tv_nsec: 0,
        };
        if let Err(error) = poll(&mut [PollFd::new(&self.out, PollFlags::OUT)], Some(&timeout)) {
            log::debug!("poll of the events' output: {error}");
        }
        self.unless_over()
    }

    fn unless_over(&self) -> ControlFlow<()> {
        match self.waiting.is_over() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
