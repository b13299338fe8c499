//! The real binaries on real sockets, on the loopback.
//!
//! Nothing waits for a time to pass where something can be waited for; see [`beacon_tests::e2e`].

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests; these are their helpers"
)]

mod activation;
mod blindness;
mod control;
mod detection;
mod hooks;
mod hostile;
mod http;
mod inventory;
mod keys;
mod life;
mod lines;
mod network;
mod options;
mod proof;
mod reach;
mod reader;
mod restarts;
mod terminal;
mod workers;

use beacon_tests::e2e::Witness;

/// Both families: where a test listens unless it matters.
const LOOPBACKS: [&str; 2] = ["127.0.0.1:0", "[::1]:0"];

/// A schedule that lets tests end soon.
const FAST: [&str; 2] = ["--interval", "200ms"];

/// How much later than its deadline a decision may be told: within 10 ms (docs/protocol.md, section 9) and 5 ms for
/// the way there; on a busy machine also what it takes from whoever waits beside the collector.
fn told_within_ms(witness: &Witness) -> i64 {
    15 + witness.overslept_ms()
}
