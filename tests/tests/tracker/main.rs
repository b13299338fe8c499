//! The tracker through its face, one rule of docs/protocol.md at a time. Times are milliseconds from the start;
//! `fridge-7` sends a beat a second.

mod acks;
mod asked;
mod blindness;
mod bounds;
mod budgets;
mod changes;
mod counters;
mod deadlines;
mod drops;
mod expecting;
mod goodbyes;
mod inventory;
mod operator;
mod probes;
mod proof;
mod restored;
mod sessions;
mod standards;
