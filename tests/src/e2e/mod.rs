//! Runs the real binaries on real sockets: what the end-to-end tests and the long runs share.
//!
//! A child dies with the value that holds it. Nothing here sleeps to let something happen: a test waits for
//! the line, the datagram or the exit that tells it, within a [`Limit`]. What does not come in time is a panic
//! that shows everything the children have said.

mod activation;
mod agent;
mod binaries;
mod blindfold;
mod cadence;
mod collector;
mod directory;
mod handover;
mod killing;
mod limit;
mod line;
mod lines;
mod process;
mod receiver;
mod relay;
mod schema;
mod sender;
mod skip;
mod witness;

pub use agent::Agent;
pub use binaries::{Binary, Finished, run};
pub use blindfold::{Blamed, Blindfold, VICTIM};
pub use cadence::{Beat, Cadence, Lateness};
pub use collector::Collector;
pub use directory::Directory;
pub use handover::{HandedOver, Handover};
pub use killing::{Killing, Survived};
pub use limit::Limit;
pub use line::Line;
pub use lines::Lines;
pub use process::Process;
pub use receiver::Receiver;
pub use relay::{Fate, Relay};
pub use rustix::process::Signal;
pub use schema::Schema;
pub use sender::{Sender, first_beat};
pub use skip::skip;
pub use witness::Witness;
