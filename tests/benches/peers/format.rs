//! A fleet that is nothing but its format.

use std::time::Duration;

use beacon_tests::load::{Fleet, Turn};

/// The datagrams that a function makes, all of one length.
pub(crate) struct Format<F> {
    datagram: F,
    len: usize,
}

impl<F: Fn(Turn) -> Vec<u8>> Format<F> {
    pub(crate) fn new(datagram: F) -> Self {
        let first = Turn {
            source: 0,
            round: 0,
            at: Duration::ZERO,
            next_in: Duration::ZERO,
        };
        let len = datagram(first).len();
        Self { datagram, len }
    }
}

impl<F: Fn(Turn) -> Vec<u8>> Fleet for Format<F> {
    fn datagram_len(&self) -> usize {
        self.len
    }

    fn write(&self, turn: Turn, out: &mut [u8]) {
        out.copy_from_slice(&(self.datagram)(turn));
    }
}
