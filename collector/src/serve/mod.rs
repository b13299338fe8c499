//! The collector over HTTP: a page, metrics, the status of every source, and the event lines as they happen
//! (docs/http.md). And over its control socket, where things can be done too (docs/control.md).
//!
//! Each happens in one thread of its own, with less of the processor than the others where that is scarce. What it
//! shows it asks of the shards, a piece at a time (`picture`), is handed with each line that is written (`feed`), or
//! was noted beside the lines (`outages`, `event_counts`); nobody waits for it. What a client can take of it is bounded
//! by `limits`.

mod cells;
mod connection;
pub mod control;
mod exposition;
mod feed;
mod frame;
mod host;
mod html;
mod limits;
mod link;
mod listen;
mod metrics;
mod page;
mod picture;
mod request;
mod respond;
mod routes;
mod selection;
mod server;
mod source;
mod status;
mod stream;
mod strip;

#[cfg(test)]
mod documentation;

pub use feed::Feed;
pub use listen::{Door, Service, Watched};
pub use metrics::{FAMILIES, Metric};
pub(crate) use source::LATENESS_UNTOLD;
pub(crate) use strip::legend;

use std::net::SocketAddr;

/// Where and what to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Whether the metrics have series of each source.
    pub metrics_per_source: bool,
}
