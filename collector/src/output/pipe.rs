//! The way of the lines to their reader: a bounded queue and a thread that writes.
//!
//! Whoever hands lines over is never made to wait: where the reader is too slow, the line is not taken, and a
//! [`Notice`] tells when there is room again. How many lines may wait is counted here, and the channel
//! between the threads takes its memory as lines wait, not before.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::tap::Tap;
use super::writer::Writer;
use super::{Entry, Renderer, Settings};

/// What the writing side tells, from its own thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// After a line was not taken: at least half of the queue is free again.
    Room,
    /// Nobody reads any more; lines are no longer written.
    ReaderGone,
    /// Lines cannot be written for now (disk full, for example). They are kept and tried again.
    Failing,
    /// Lines are written again.
    Working,
}

/// The line was not taken: as many as may wait are waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The whole of it.
#[derive(Debug)]
pub struct Pipe {
    inlet: Inlet,
    thread: JoinHandle<()>,
    ended: Receiver<()>,
}

/// The reception's end of the queue; each thread that tells something has one.
#[derive(Clone, Debug)]
pub struct Inlet {
    entries: Sender<Entry>,
    waiting: Arc<Waiting>,
}

/// How full the queue is.
#[derive(Clone, Debug)]
pub struct Depth(Arc<Waiting>);

impl Depth {
    /// How many lines wait for their reader.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.0.lines.load(Ordering::Relaxed)
    }

    /// How many lines may wait.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }
}

/// What both ends know of the lines that wait.
#[derive(Debug)]
pub(super) struct Waiting {
    capacity: usize,
    /// Lines taken and not yet written.
    lines: AtomicUsize,
    /// A line was not taken, and nobody was told of room since.
    room_wanted: AtomicBool,
    /// Nobody reads, or nobody waits for the writer any more.
    over: AtomicBool,
}

impl Pipe {
    /// Begins to write to `out`, which has no buffer of its own. `notify` is called from the writing thread
    /// and must not block it.
    ///
    /// # Errors
    /// The system's, where it has no thread to give.
    pub fn open<W>(
        out: W,
        settings: &Settings,
        notify: impl FnMut(Notice) + Send + 'static,
    ) -> io::Result<Self>
    where
        W: Write + AsFd + Send + 'static,
    {
        Self::open_with(out, settings, None, notify)
    }

    /// The same, with a `tap` for those who follow along.
    ///
    /// # Errors
    /// The system's, where it has no thread to give.
    pub fn open_with<W>(
        out: W,
        settings: &Settings,
        tap: Option<Tap>,
        notify: impl FnMut(Notice) + Send + 'static,
    ) -> io::Result<Self>
    where
        W: Write + AsFd + Send + 'static,
    {
        let waiting = Arc::new(Waiting {
            capacity: settings.queue,
            lines: AtomicUsize::new(0),
            room_wanted: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let (entries, queue) = channel();
        let (end, ended) = channel();
        let renderer = Renderer::new(settings);
        let mut writer = Writer::new(out, queue, renderer, Arc::clone(&waiting), notify).with(tap);
        let thread = thread::Builder::new().name("output".to_owned()).spawn(move || {
            writer.run();
            drop(end);
        })?;
        Ok(Self {
            inlet: Inlet { entries, waiting },
            thread,
            ended,
        })
    }

    /// An inlet, to hand lines over by.
    #[must_use]
    pub fn inlet(&self) -> Inlet {
        self.inlet.clone()
    }

    /// How full the queue is, for whoever watches it; unlike an inlet it does not keep the queue open.
    #[must_use]
    pub fn depth(&self) -> Depth {
        Depth(Arc::clone(&self.inlet.waiting))
    }

    /// Takes no more lines, once the other inlets are gone too, and waits for what was taken to be written, at most
    /// `within`. Returns how many lines were not.
    pub fn finish(self, within: Duration) -> usize {
        let waiting = Arc::clone(&self.inlet.waiting);
        drop(self.inlet);
        self.thread.thread().unpark();
        let in_time = self.ended.recv_timeout(within) != Err(RecvTimeoutError::Timeout);
        let lost = waiting.lines.load(Ordering::SeqCst);
        if !in_time {
            waiting.end();
            log::warn!(
                "{lost} event lines are lost: they could not be written in time when the collector ended"
            );
        }
        lost
    }
}

impl Inlet {
    /// Hands a line over, without waiting. A line that nobody would read is dropped as if written.
    ///
    /// # Errors
    /// [`Full`], after which [`Notice::Room`] follows.
    pub fn push(&self, entry: Entry) -> Result<(), Full> {
        if self.waiting.is_over() {
            return Ok(());
        }
        self.waiting.enter()?;
        if self.entries.send(entry).is_err() {
            self.waiting.leave(1);
        }
        Ok(())
    }

    /// How many lines would be taken now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.waiting.room()
    }

    /// Asks for a [`Notice::Room`] without handing a line over. Whoever asks looks at [`Inlet::room`] afterwards:
    /// of room that was there before, nobody is told.
    pub fn want_room(&self) {
        self.waiting.room_wanted.store(true, Ordering::SeqCst);
    }
}

impl Waiting {
    fn room(&self) -> usize {
        self.capacity.saturating_sub(self.lines.load(Ordering::SeqCst))
    }

    /// Counts one line in. That room is wanted is said before looking a second time: either this look sees
    /// the lines that the writer has just counted out, or the writer sees the wish when it next counts.
    fn enter(&self) -> Result<(), Full> {
        let one_more = |lines: usize| (lines < self.capacity).then_some(lines + 1);
        let try_once = || {
            self.lines
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more)
        };
        if try_once().is_ok() {
            return Ok(());
        }
        self.room_wanted.store(true, Ordering::SeqCst);
        try_once().map(|_| ()).map_err(|_| Full)
    }

    /// Whether nobody reads, or nobody waits for the writer any more.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// From now on nothing more is written.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Counts lines out; true where somebody is to be told that there is room again.
    pub(super) fn leave(&self, lines: usize) -> bool {
        self.lines.fetch_sub(lines, Ordering::SeqCst);
        self.room() * 2 >= self.capacity && self.room_wanted.swap(false, Ordering::SeqCst)
    }
}

/// Standard output without the standard library's buffer and lock.
#[derive(Debug)]
pub struct Stdout(File);

impl Stdout {
    /// A second handle to the process's standard output.
    ///
    /// # Errors
    /// The system's, where there is no room for another file descriptor.
    pub fn open() -> io::Result<Self> {
        let own = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self(File::from(own)))
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl AsFd for Stdout {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests;
