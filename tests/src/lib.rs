//! What the tests stand on: a network that exists only in a virtual clock, senders that follow
//! docs/protocol.md, and a naive model of what a collector has to say about them.
//!
//! Nothing here sleeps, reads a clock or opens a socket; everything follows from one seed. Only [`e2e`], [`load`]
//! and [`measure`] are of another kind: they run the real binaries, put load on them, and look at what that costs.
//! And only `load/system.rs` has `unsafe`, which is denied everywhere else.

pub mod e2e;
pub mod forgery;
pub mod history;
pub mod line;
pub mod load;
pub mod measure;
pub mod model;
pub mod netsim;
pub mod player;
pub mod random;
pub mod replies;
pub mod script;
pub mod sender;
pub mod siege;
pub mod stage;
