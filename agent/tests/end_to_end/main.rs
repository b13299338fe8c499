//! The real binary against a collector that is a bare socket in the test.

#![expect(clippy::unwrap_used, reason = "where a test cannot go on, it fails")]
#![expect(
    clippy::print_stdout,
    reason = "what a test has measured is told to whoever runs it"
)]

mod acks;
mod beats;
mod failover;
mod goodbye;
mod health;
mod hooks;
mod living;
mod manager;
mod names;
mod namespace;
mod network;
mod on_time;
mod options;
mod support;
