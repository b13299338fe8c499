//! Sees that what was written to a journal gets to the disk: in a thread of its own, so that what changes meanwhile can be
//! written too, and is not lost where the process alone dies.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::journal::Wish;

/// The thread, as whoever writes reaches it. It ends when this does.
#[derive(Debug)]
pub(super) struct Syncer {
    wishes: Sender<Wish>,
    failures: Receiver<io::Error>,
}

impl Syncer {
    /// # Errors
    /// The system's, where it has no thread to give.
    pub(super) fn spawn() -> io::Result<Self> {
        let (wishes, wished) = channel();
        let (failed, failures) = channel();
        thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || sync(&wished, &failed))?;
        Ok(Self { wishes, failures })
    }

    /// Has it done soon.
    pub(super) fn wish(&self, wish: Wish) {
        // It ends only with this.
        let _ = self.wishes.send(wish);
    }

    /// Why it could not be done, where that has failed since this was last asked.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.failures.try_iter().last()
    }
}

fn sync(wished: &Receiver<Wish>, failed: &Sender<io::Error>) {
    while let Ok(first) = wished.recv() {
        if let Err(error) = wished.try_iter().fold(first, Wish::and).fulfil() {
            drop(failed.send(error));
        }
    }
}
