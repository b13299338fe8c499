//! The sockets: what arrives in batches, what is answered in batches, and what the kernel knows of both.
//!
//! The only room with `unsafe`: for the batch calls recvmmsg and sendmmsg, their control messages, and the socket
//! options that socket2 does not have. Each of them is wrapped here once, so that what is used outside is safe.

#![allow(
    unsafe_code,
    reason = "this room wraps the system calls that have no safe wrapper elsewhere"
)]

mod control;
mod inbox;
mod name;
mod options;
mod outbox;
mod sockets;

pub use inbox::{Datagram, Inbox};
pub use outbox::{Outbox, Unsent};
pub use sockets::{Socket, open};

#[cfg(test)]
pub(crate) use sockets::tests::with_stamps;

/// How many datagrams one system call takes or sends at most.
pub const BATCH: usize = 32;
