//! A load generator: one process that speaks for a whole fleet, on an exact schedule.
//!
//! The schedule is a row of slots at equal distances, each a source's turn. In the first round the sources speak
//! in the order of their labels, as a fleet that boots; from the second on in a random order that stays, as
//! docs/protocol.md, section 5, has it. What a source says is its [`Fleet`]'s affair, so that the same schedule
//! loads other receivers too.

mod beacons;
mod clock;
mod fleet;
mod generator;
mod impairments;
mod order;
mod ports;
mod schedule;
mod system;
mod tally;

pub use beacons::Beacons;
pub use clock::{now, sleep_until};
pub use fleet::{Fleet, Turn};
pub use generator::{Generator, Settings};
pub use impairments::{Impairments, ParseShareError, Share};
pub use ports::MAX_PER_CALL;
pub use schedule::Pace;
pub use system::{Detail, Reader, tell};
pub use tally::Tally;
