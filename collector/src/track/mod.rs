//! The core: who is up, late, down, asleep or restarted.
//!
//! Pure and deterministic: no I/O, no clock (`now` is an argument), no unsafe. Datagrams go in, and events
//! and answers come out; everything is told through [`Tracker`](tracker::Tracker).

pub mod admission;
pub mod arrival;
pub mod asked;
pub mod auth;
pub mod beside;
pub mod blindness;
pub mod budget;
pub mod changes;
pub mod commons;
pub mod config;
pub mod deadlines;
pub mod delays;
pub mod duplicates;
pub mod event;
pub mod extent;
pub mod flapping;
pub mod hash;
pub mod history;
pub mod inventory;
pub mod jitter;
pub mod loss_runs;
pub mod mass;
pub mod meter;
pub mod nonces;
pub mod origin;
mod overdue;
pub mod pasts;
pub mod patience;
pub mod proof;
pub mod refused;
pub mod reject;
pub mod restarts;
pub mod rules;
pub mod silences;
pub mod slots;
pub mod snapshots;
pub mod source;
pub mod stored;
pub mod survey;
pub mod table;
pub mod tally;
mod tell;
pub mod tracker;
pub mod transmit;
pub mod twins;
pub mod ways;
mod worst_first;
