//! The core: who is up, late, down, asleep or restarted.
//!
//! Pure and deterministic: no I/O, no clock (`now` is an argument), no unsafe. Datagrams go in, and events
//! and answers come out; everything is told through [`Tracker`](tracker::Tracker).

pub mod config;
pub mod event;
pub mod reject;
pub mod tracker;
pub mod transmit;
