//! A shard at work in a thread of its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::handle::Handle;
use crate::shard::Shard;
use crate::signals::Orders;
use crate::teller::Queue;
use crate::track::event::Tick;

/// A shard at work.
#[derive(Debug)]
pub struct Worker {
    pub(super) handle: Handle,
    pub(super) has_ended: Arc<AtomicBool>,
    pub(super) thread: JoinHandle<io::Result<Tick>>,
}

/// Tells the supervisor that a worker has ended, however it did.
pub(super) struct Farewell {
    pub(super) has_ended: Arc<AtomicBool>,
    pub(super) orders: Arc<Orders>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.has_ended.store(true, Ordering::SeqCst);
        self.orders.wake();
    }
}

impl Worker {
    /// Has `shard` work in a thread of its own; the supervisor, who waits for `orders`, is woken when it ends.
    ///
    /// # Errors
    /// The system's, where it has no thread to give.
    pub fn spawn<Q: Queue + Send + 'static>(
        number: usize,
        mut shard: Shard<Q>,
        orders: Arc<Orders>,
    ) -> io::Result<Self> {
        let handle = shard.handle();
        let has_ended = Arc::new(AtomicBool::new(false));
        let farewell = Farewell {
            has_ended: Arc::clone(&has_ended),
            orders,
        };
        let thread = thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || {
                let _farewell = farewell;
                let ended = shard.run();
                shard.leave();
                ended
            })?;
        Ok(Self {
            handle,
            has_ended,
            thread,
        })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }
}
