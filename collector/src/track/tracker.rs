//! The tracker: one façade over the table, the slots, the estimates and the deadlines.
//!
//! One cycle is: every datagram at hand through [`Tracker::on_datagram`], then [`Tracker::on_time`], then
//! [`Tracker::poll_event`] and [`Tracker::poll_transmit`] until nothing is left.

use beacon_common::Moment;

use super::config::Config;
use super::event::{Event, SourceId, Tick};
use super::transmit::{Peer, Transmit};

/// Judges sources by their beats and their silence.
pub struct Tracker;

impl Tracker {
    /// A tracker that knows no source yet.
    #[must_use]
    pub fn new(_config: Config) -> Self {
        Self
    }

    /// Takes a datagram that came from `peer` at `now`.
    pub fn on_datagram(&mut self, _now: Moment, _peer: Peer, _bytes: &[u8]) {}

    /// Judges the silence until `now`: up to it, every datagram that has arrived has been taken.
    /// Does a bounded amount of work; [`Tracker::next_deadline`] says when to come again.
    pub fn on_time(&mut self, _now: Moment) {}

    /// When [`Tracker::on_time`] has something to do next; a moment in the past where it has more to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Moment> {
        None
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        None
    }

    /// Asks for a `state` line of one source, to be had from [`Tracker::poll_state`]; asking twice is asking
    /// once.
    pub fn ask_state(&mut self, _id: SourceId) {}

    /// Asks for a `state` line of every source.
    pub fn ask_all_states(&mut self) {}

    /// The next `state` line that was asked for.
    pub fn poll_state(&mut self, _now: Moment) -> Option<Event> {
        None
    }

    /// The sources by state, and what was received and dropped until now; the fields that only the sockets
    /// and the output know are zero.
    #[must_use]
    pub fn tick(&self) -> Tick {
        Tick::default()
    }
}
