//! The sockets: what arrives in batches, what is answered in batches, and what the kernel knows of both.
//!
//! The only room with `unsafe`: for the batch calls recvmmsg and sendmmsg, their control messages, and the socket
//! options that socket2 does not have; and for what becomes of children. Each of them is wrapped here once, so that what is used outside is safe.

#![allow(
    unsafe_code,
    reason = "this room wraps the system calls that have no safe wrapper elsewhere"
)]

mod children;
mod control;
pub mod handed;
mod inbox;
mod interfaces;
mod listen;
mod name;
mod options;
mod outbox;
mod sockets;
mod steering;

pub use children::keep_children;
pub use inbox::{Datagram, Inbox};
pub use listen::{Listening, open};
pub use outbox::{Outbox, Unsent};
pub use sockets::Socket;
pub use steering::Steering;

#[cfg(test)]
pub(crate) use options::segment;
#[cfg(test)]
pub(crate) use sockets::tests::with_stamps;

/// How many datagrams one system call takes or sends at most.
pub const BATCH: usize = 32;
