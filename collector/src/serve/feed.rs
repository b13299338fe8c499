//! The event lines as they are written, kept for a while for those who follow them.
//!
//! The writing thread puts them in; the server takes them out whenever it has a client for them. Neither waits for
//! the other longer than it takes to do that.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use beacon_common::Label;
use mio::Waker;

use crate::output::tap::{Tap, Told};
use crate::track::event::{Happening, SourceEvent, What};

/// How many lines are kept: some megabytes.
pub(super) const LINES_KEPT: usize = 8_192;

/// How many are where nobody follows them: for what happened last to the sources.
pub(super) const LINES_KEPT_UNFOLLOWED: usize = 1_024;

/// The lines that were written last.
#[derive(Clone)]
pub struct Feed {
    ring: Arc<Mutex<Ring>>,
    /// The server was woken and has not looked since.
    is_heard: Arc<AtomicBool>,
    /// Woken for those who follow; nobody does where there is none.
    waker: Option<Arc<Waker>>,
    /// How many lines have told that something happened to a source.
    edges: Arc<AtomicU64>,
}

/// What is kept of the lines.
#[derive(Debug)]
pub(super) struct Ring {
    lines: VecDeque<Arc<Told>>,
    /// How many lines are kept.
    most: usize,
}

impl Feed {
    /// For those who follow the lines, woken by `waker`.
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        Self {
            ring: Arc::default(),
            waker: Some(waker),
            ..Self::unfollowed()
        }
    }

    /// For those who look now and then.
    #[must_use]
    pub fn unfollowed() -> Self {
        let ring = Ring {
            most: LINES_KEPT_UNFOLLOWED,
            ..Ring::default()
        };
        Self {
            ring: Arc::new(Mutex::new(ring)),
            is_heard: Arc::default(),
            waker: None,
            edges: Arc::default(),
        }
    }

    /// Takes the lines that are written.
    #[must_use]
    pub fn tap(&self) -> Tap {
        let feed = self.clone();
        Tap(Box::new(move |told| feed.take(told)))
    }

    /// Something has changed that no line tells.
    pub(super) fn count_edge(&self) {
        self.edges.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many lines have told that something happened to a source.
    pub(super) fn edges(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.edges)
    }

    /// To be called before the ring is looked at: of lines that come later, the server is told again.
    pub(super) fn listen(&self) {
        self.is_heard.store(false, Ordering::SeqCst);
    }

    /// Takes a line on the writing thread.
    pub(super) fn take(&self, told: Told) {
        let is_snapshot = |happening| matches!(happening, Happening::State | Happening::Report);
        if matches!(&told.what, What::Source(source) if !is_snapshot(source.happening)) {
            self.count_edge();
        }
        self.ring().take(told);
        if let Some(waker) = &self.waker
            && !self.is_heard.swap(true, Ordering::SeqCst)
            && let Err(error) = waker.wake()
        {
            log::error!("a serving thread cannot be woken: {error}");
        }
    }
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            lines: VecDeque::new(),
            most: LINES_KEPT,
        }
    }
}

impl Ring {
    pub(super) fn take(&mut self, told: Told) {
        if self.lines.len() == self.most {
            self.lines.pop_front();
        }
        self.lines.push_back(Arc::new(told));
    }

    /// The number of the next line.
    pub(super) fn next_id(&self) -> u64 {
        self.lines.back().map_or(1, |line| line.id + 1)
    }

    /// The number of the first line that is kept.
    pub(super) fn first_id(&self) -> u64 {
        self.lines.front().map_or(1, |line| line.id)
    }

    /// The lines from the number `id` on, as far as they are kept.
    pub(super) fn from(&self, id: u64) -> impl Iterator<Item = &Arc<Told>> {
        let skip = id.saturating_sub(self.first_id());
        self.lines
            .iter()
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
    }

    /// The last lines about one source, newest first.
    pub(super) fn about(&self, label: Label) -> impl Iterator<Item = (&Arc<Told>, &SourceEvent)> {
        self.lines.iter().rev().filter_map(move |line| match &line.what {
            What::Source(source) if source.label == label => Some((line, source)),
            _ => None,
        })
    }
}
