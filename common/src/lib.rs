//! What both ends of Beacon agree on: the frame on the wire, and the types of its fields.
//!
//! The crate does no I/O, reads no clock and allocates nothing, so that it fits the smallest agent
//! and every test can drive it. `docs/protocol.md` is its specification. The feature `manager` adds what both programs
//! tell a service manager, for which they need an operating system.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "manager")]
extern crate std;

pub mod key;
pub mod label;
pub mod limit;
#[cfg(feature = "manager")]
pub mod manager;
pub mod moment;
pub mod seq;
pub mod session;
pub mod wire;

pub use key::{DeviceKey, KeyId, KeyLineError, MasterKey};
pub use label::{Label, LabelError};
pub use limit::Limit;
pub use moment::Moment;
pub use seq::Seq;
pub use session::Session;
pub use wire::{FRAME_LEN, Flags, Form, Frame, Health, Kind, Reason, View, WireError};
