//! Sees that what was written to a journal gets to the disk: in a thread of its own, so that who writes need not ask the disk
//! to. A file system may still have a writer wait for what is on its way to the disk, as ext4 does for the file's inode.
//! So it is on its way for a part of the time alone.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::journal::Wish;
use crate::clock;

/// After something got to the disk nothing is brought there for so many times as long as that has taken.
const REST: u32 = 4;

/// The thread, as whoever writes reaches it. It ends when this does.
#[derive(Debug)]
pub(super) struct Syncer(Sender<Wish>);

impl Syncer {
    /// # Errors
    /// The system's, where it has no thread to give.
    pub(super) fn spawn() -> io::Result<Self> {
        let (wishes, wished) = channel();
        thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || sync(&wished))?;
        Ok(Self(wishes))
    }

    /// Has it done soon.
    pub(super) fn wish(&self, wish: Wish) {
        // It ends only with this.
        let _ = self.0.send(wish);
    }
}

fn sync(wished: &Receiver<Wish>) {
    while let Ok(first) = wished.recv() {
        let begun = clock::now();
        wished.try_iter().fold(first, Wish::and).fulfil();
        thread::sleep(clock::now().since(begun) * REST);
    }
}
