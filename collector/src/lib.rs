//! The collector: receives beats, judges silence, writes one line an event.

pub mod track;
