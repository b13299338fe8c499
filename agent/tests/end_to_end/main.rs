//! The real binary against a collector that is a bare socket in the test.

#![expect(clippy::unwrap_used, reason = "where a test cannot go on, it fails")]

mod acks;
mod beats;
mod goodbye;
mod options;
mod support;
