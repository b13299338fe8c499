//! A frame as the collector heard it, in numbers that nothing overflows.

use std::net::SocketAddr;

use beacon_common::{Frame, Kind, Moment};

/// A frame, and when and where from it was heard.
#[derive(Clone, Copy, Debug)]
pub struct Hearing {
    /// When.
    pub at: Moment,
    /// Where from.
    pub from: SocketAddr,
    /// What.
    pub frame: Frame,
}

impl Hearing {
    pub(super) fn at_ns(&self) -> i128 {
        self.at.as_nanos().into()
    }

    pub(super) fn at_us(&self) -> i128 {
        self.at_ns().div_euclid(1_000)
    }

    pub(super) fn seq(&self) -> i128 {
        self.frame.seq.get().into()
    }

    pub(super) fn interval_us(&self) -> i128 {
        i128::from(self.frame.interval_ms) * 1_000
    }

    pub(super) fn is_bye(&self) -> bool {
        matches!(self.frame.kind, Kind::Bye(_))
    }

    pub(super) fn offset_us(&self) -> i128 {
        modulo_2_64(self.at_us() - i128::from(self.frame.sent_us))
    }
}

/// Offsets are differences of 64-bit clocks, of which one says what it likes.
pub(super) fn modulo_2_64(number: i128) -> i128 {
    (number + (1 << 63)).rem_euclid(1 << 64) - (1 << 63)
}
