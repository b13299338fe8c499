//! How a shard is reached by other threads: messages, and a waker for the loop that reads them.
//!
//! Nothing on a beat's way comes through here, but for strays: datagrams that came to another shard's socket than
//! their source's. The kernel steers each to its own, unless several came as one (`UDP_SEGMENT` on the same host),
//! which are steered by the first of them, or the sockets of all shards are not there yet, or no longer.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use beacon_common::{FRAME_LEN, Label, Moment};
use mio::{Registry, Token, Waker};

use crate::lag::Lag;
use crate::store::bell;
use crate::track::auth::Masters;
use crate::track::event::{SourceId, Tick};
use crate::track::inventory::Expected;
use crate::track::survey::Piece;
use crate::track::tracker::{Instruction, Outcome};
use crate::track::transmit::Peer;

/// How many strays may wait for a shard: some milliseconds' worth.
const MAX_STRAYS: usize = 16_384;

/// What a shard is told.
pub enum Message {
    /// Frames of its sources that others received.
    Strays(Vec<Stray>),
    /// Tell the state of every source.
    States,
    /// Say what you have counted.
    Tick(Sender<Tick>),
    /// Check frames by these masters from now on.
    Keys(Masters),
    /// Expect these sources from now on, and no others.
    Expect(Vec<Expected>),
    /// Show a piece of what you know.
    Show(Request),
    /// Do what the operator wants of a source.
    Operate(Operation),
    /// Hand out a portion of what you know of your sources.
    Portion(bell::Request),
    /// Hand out what has changed of your sources.
    Changes(bell::Claim),
    /// End.
    End(Ending),
}

/// What somebody who looks wants to see next. Whoever asks waits for the answer before asking for more, so that a
/// shard goes round its loop between any two pieces.
#[derive(Debug)]
pub struct Request {
    /// Where the piece begins.
    pub from: SourceId,
    /// Whether to show each source.
    pub with_rows: bool,
    /// Takes the answer; it must not block.
    pub answer: Answer<Shown>,
}

/// What the operator wants of one source.
#[derive(Debug)]
pub struct Operation {
    /// The source.
    pub label: Label,
    /// What is to be done.
    pub instruction: Instruction,
    /// Takes what has come of it; it must not block.
    pub answer: Answer<Outcome>,
}

/// Takes what a shard answers.
pub struct Answer<T>(pub Box<dyn FnOnce(T) + Send>);

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

/// A piece of what a shard knows.
#[derive(Debug)]
pub struct Shown {
    /// The piece of the table.
    pub piece: Piece,
    /// What the shard has counted; in the first piece alone.
    pub tick: Tick,
    /// How long its rounds took.
    pub lag: Lag,
}

/// A frame that another shard received.
#[derive(Clone, Copy, Debug)]
pub struct Stray {
    /// When it arrived.
    pub arrival: Moment,
    /// Where it came from, and by which socket.
    pub peer: Peer,
    /// Its bytes.
    pub frame: [u8; FRAME_LEN],
}

/// How to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Tell what is left to tell, until this moment.
    InOrder(Moment),
    /// Nobody reads the events any more.
    ReaderGone,
}

/// A shard, as others hold it.
#[derive(Clone, Debug)]
pub struct Handle {
    messages: Sender<Message>,
    waker: Arc<Waker>,
    strays: Arc<Strays>,
}

/// A shard's own end.
#[derive(Debug)]
pub struct Mail {
    messages: Receiver<Message>,
    strays: Arc<Strays>,
}

#[derive(Debug, Default)]
struct Strays {
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

/// Both ends; the loop that waits with `registry` is woken with `token`.
///
/// # Errors
/// The system's, where it has no file descriptors to give.
pub fn connect(registry: &Registry, token: Token) -> io::Result<(Handle, Mail)> {
    let waker = Arc::new(Waker::new(registry, token)?);
    let (sender, receiver) = channel();
    let strays = Arc::new(Strays::default());
    let handle = Handle {
        messages: sender,
        waker,
        strays: Arc::clone(&strays),
    };
    let messages = receiver;
    Ok((handle, Mail { messages, strays }))
}

impl Handle {
    /// Leaves a message. A shard that has ended takes none, and misses none.
    pub fn send(&self, message: Message) {
        let _ = self.messages.send(message);
        self.wake();
    }

    /// Has the loop come round.
    pub fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            log::error!("a worker cannot be woken: {error}");
        }
    }

    /// Hands over what belongs to this shard, as far as there is room.
    pub fn hand_over(&self, strays: Vec<Stray>) {
        let count = strays.len();
        let before = self.strays.waiting.fetch_add(count, Ordering::Relaxed);
        if before + count > MAX_STRAYS {
            self.strays.waiting.fetch_sub(count, Ordering::Relaxed);
            self.strays.dropped.fetch_add(count as u64, Ordering::Relaxed);
        } else {
            self.send(Message::Strays(strays));
        }
    }
}

impl Mail {
    /// The next message, if there is one.
    pub fn read(&mut self) -> Option<Message> {
        let message = self.messages.try_recv().ok()?;
        if let Message::Strays(strays) = &message {
            self.strays.waiting.fetch_sub(strays.len(), Ordering::Relaxed);
        }
        Some(message)
    }

    /// How many strays there was no room for until now.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.strays.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::Poll;

    #[test]
    fn strays_beyond_the_bound_are_counted_until_there_is_room_again() {
        let poll = Poll::new().unwrap();
        let (handle, mut mail) = connect(poll.registry(), Token(0)).unwrap();
        let stray = Stray {
            arrival: Moment::ORIGIN,
            peer: Peer {
                addr: "192.0.2.1:9".parse().unwrap(),
                socket: 0,
                local: None,
            },
            frame: [0; FRAME_LEN],
        };
        let full = vec![stray; MAX_STRAYS - 1];
        handle.hand_over(full.clone());
        handle.hand_over(vec![stray; 2]);
        assert_eq!(mail.dropped(), 2);
        handle.hand_over(vec![stray]);
        let mut taken = || match mail.read() {
            Some(Message::Strays(strays)) => strays.len(),
            _ => panic!("no strays"),
        };
        assert_eq!((taken(), taken()), (full.len(), 1));
        handle.hand_over(full);
        assert_eq!(mail.dropped(), 2);
    }
}
