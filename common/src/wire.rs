//! Frame v1: 64 bytes, fixed, big-endian, one datagram each (docs/protocol.md, section 2).
//!
//! ```text
//!        0               1               2               3
//!  0    +---------------+---------------+---------------+---------------+
//!       |         magic 0xBEAC          |  version 1    |     kind      |
//!  4    +---------------+---------------+---------------+---------------+
//!       |     code      |     flags     |    key_id     |    misses     |
//!  8    +---------------+---------------+---------------+---------------+
//!       |                      label, zero-padded (16)                  |
//!  24   +---------------------------------------------------------------+
//!       |                          session (8)                          |
//!  32   +---------------------------------------------------------------+
//!       |                          sent_us (8)                          |
//!  40   +-------------------------------+-------------------------------+
//!       |            seq (4)            |        interval_ms (4)        |
//!  48   +-------------------------------+-------------------------------+
//!       |          next_ms (4)          |         uptime_s (4)          |
//!  56   +-------------------------------+-------------------------------+
//!       |            tag (8): SipHash-2-4 over bytes 0 to 55            |
//!  64   +---------------------------------------------------------------+
//! ```
//!
//! A datagram is first looked at through a [`View`], which has checked its form but trusts nothing; once its
//! tag is verified it becomes a [`Frame`].

mod view;

use core::fmt;

use crate::key::DeviceKey;
use crate::label::Label;
use crate::seq::Seq;
use crate::session::Session;

pub use view::{Form, View};

/// The length of every frame, in bytes.
pub const FRAME_LEN: usize = 64;

/// The shortest interval that a frame may state, in milliseconds.
pub const MIN_INTERVAL_MS: u32 = 10;

/// The longest interval that a frame may state, in milliseconds: 2^31, a little under 25 days.
pub const MAX_INTERVAL_MS: u32 = 1 << 31;

/// The UDP port of a collector unless told otherwise.
pub const DEFAULT_PORT: u16 = 7878;

const MAGIC: [u8; 2] = [0xbe, 0xac];
const VERSION: u8 = 1;

mod field {
    use core::ops::Range;

    pub(in crate::wire) const MAGIC: Range<usize> = 0..2;
    pub(in crate::wire) const VERSION: usize = 2;
    pub(in crate::wire) const KIND: usize = 3;
    pub(in crate::wire) const CODE: usize = 4;
    pub(in crate::wire) const FLAGS: usize = 5;
    pub(in crate::wire) const KEY_ID: usize = 6;
    pub(in crate::wire) const MISSES: usize = 7;
    pub(in crate::wire) const LABEL: usize = 8;
    pub(in crate::wire) const SESSION: usize = 24;
    pub(in crate::wire) const SENT_US: usize = 32;
    pub(in crate::wire) const SEQ: usize = 40;
    pub(in crate::wire) const INTERVAL_MS: usize = 44;
    pub(in crate::wire) const NEXT_MS: usize = 48;
    pub(in crate::wire) const UPTIME_S: usize = 52;
    pub(in crate::wire) const TAG: usize = 56;
    pub(in crate::wire) const TAGGED: Range<usize> = 0..TAG;
}

/// What a beat says of its device, with the codes of monitoring plugins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// 0: all is well.
    #[default]
    Ok,
    /// 1: something wants attention.
    Warning,
    /// 2: something is broken.
    Critical,
    /// 3: the device cannot tell. Codes that this version does not know read as this one.
    Unknown,
}

impl Health {
    /// Every health, in the order of the codes.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Critical, Self::Unknown];

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The health with this code; [`Health::Unknown`] for codes that this version does not know.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Ok,
            1 => Self::Warning,
            2 => Self::Critical,
            _ => Self::Unknown,
        }
    }

    /// The name in event lines and status files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a device says goodbye.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// 0: the agent was stopped. Codes that this version does not know read as this one.
    Stop,
    /// 1: the device sleeps; `next_ms` says for how long.
    Sleep,
    /// 2: the device reboots.
    Reboot,
    /// 3: the device is being upgraded.
    Upgrade,
}

impl Reason {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The reason with this code; [`Reason::Stop`] for codes that this version does not know.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Sleep,
            2 => Self::Reboot,
            3 => Self::Upgrade,
            _ => Self::Stop,
        }
    }

    /// The name in options and event lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Sleep => "sleep",
            Self::Reboot => "reboot",
            Self::Upgrade => "upgrade",
        }
    }
}

/// What a frame is for, with its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 1, agent to collector: alive, and in this health.
    Beat(Health),
    /// 2, agent to collector: no more beats, for this reason.
    Bye(Reason),
    /// 3, collector to agent: this beat or bye has arrived.
    Ack,
    /// 4, collector to agent: are you there?
    Probe,
    /// 5, agent to collector: yes.
    Reply,
}

impl Kind {
    /// The number and the code on the wire.
    const fn numbers(self) -> (u8, u8) {
        match self {
            Self::Beat(health) => (1, health.code()),
            Self::Bye(reason) => (2, reason.code()),
            Self::Ack => (3, 0),
            Self::Probe => (4, 0),
            Self::Reply => (5, 0),
        }
    }

    const fn from_numbers(kind: u8, code: u8) -> Option<Self> {
        Some(match kind {
            1 => Self::Beat(Health::from_code(code)),
            2 => Self::Bye(Reason::from_code(code)),
            3 => Self::Ack,
            4 => Self::Probe,
            5 => Self::Reply,
            _ => return None,
        })
    }

    /// Whether frames of this kind state their sender's interval.
    const fn states_interval(self) -> bool {
        matches!(self, Self::Beat(_) | Self::Bye(_) | Self::Reply)
    }
}

/// The flags of a beat or bye. Bits that this version does not know are ignored when received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// Bit 0: the sender wants an ack.
    pub want_ack: bool,
    /// Bit 1: slots before this beat were never sent, because the agent slept or starved.
    pub skipped: bool,
}

impl Flags {
    const fn bits(self) -> u8 {
        self.want_ack as u8 | (self.skipped as u8) << 1
    }

    const fn from_bits(bits: u8) -> Self {
        Self {
            want_ack: bits & 1 != 0,
            skipped: bits & 2 != 0,
        }
    }
}

/// A frame's meaning, without the key id and tag that carry it safely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// What the frame is for.
    pub kind: Kind,
    /// What the sender asks for and admits.
    pub flags: Flags,
    /// The detect multiplier that the sender asks for; 0 leaves it to the collector.
    pub misses: u8,
    /// Whose beat it is, or who is answered or probed.
    pub label: Label,
    /// The sender's session, or the one answered.
    pub session: Session,
    /// Microseconds since the session began, read right before the send; in a probe and its reply the nonce.
    pub sent_us: u64,
    /// The datagram's number in its session.
    pub seq: Seq,
    /// The sender's nominal schedule, in milliseconds.
    pub interval_ms: u32,
    /// The promise: how long after this one the next beat is scheduled, in milliseconds. In a bye the
    /// announced sleep, or 0 for never.
    pub next_ms: u32,
    /// Seconds since the device booted.
    pub uptime_s: u32,
}

impl Frame {
    /// The ack of this beat or bye: its label, session, seq and sent_us, and nothing else.
    #[must_use]
    pub const fn ack(&self) -> Self {
        Self {
            kind: Kind::Ack,
            flags: Flags {
                want_ack: false,
                skipped: false,
            },
            misses: 0,
            interval_ms: 0,
            next_ms: 0,
            uptime_s: 0,
            ..*self
        }
    }

    /// The probe of the source called `label`, last heard in `session`: a nonce, and nothing else.
    #[must_use]
    pub const fn probe(label: Label, session: Session, nonce: u64) -> Self {
        Self {
            kind: Kind::Probe,
            flags: Flags {
                want_ack: false,
                skipped: false,
            },
            misses: 0,
            label,
            session,
            sent_us: nonce,
            seq: Seq::NONE,
            interval_ms: 0,
            next_ms: 0,
            uptime_s: 0,
        }
    }

    /// Writes the frame as it goes onto the wire, with `key`'s id and tag, or with zeroes for none.
    /// Every byte of `out` is written.
    pub fn emit(&self, key: Option<&DeviceKey>, out: &mut [u8; FRAME_LEN]) {
        let (kind, code) = self.kind.numbers();
        out[field::MAGIC].copy_from_slice(&MAGIC);
        out[field::VERSION] = VERSION;
        out[field::KIND] = kind;
        out[field::CODE] = code;
        out[field::FLAGS] = self.flags.bits();
        out[field::KEY_ID] = key.map_or(0, |key| key.id().get());
        out[field::MISSES] = self.misses;
        put(out, field::LABEL, self.label.as_padded());
        put(out, field::SESSION, &self.session.as_u64().to_be_bytes());
        put(out, field::SENT_US, &self.sent_us.to_be_bytes());
        put(out, field::SEQ, &self.seq.get().to_be_bytes());
        put(out, field::INTERVAL_MS, &self.interval_ms.to_be_bytes());
        put(out, field::NEXT_MS, &self.next_ms.to_be_bytes());
        put(out, field::UPTIME_S, &self.uptime_s.to_be_bytes());
        let tag = key.map_or(0, |key| key.tag(&out[field::TAGGED]));
        put(out, field::TAG, &tag.to_be_bytes());
    }
}

fn put<const N: usize>(out: &mut [u8; FRAME_LEN], at: usize, bytes: &[u8; N]) {
    out[at..at + N].copy_from_slice(bytes);
}

/// Why a datagram is no frame of this version. One variant, one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WireError {
    /// Not 64 bytes.
    Length,
    /// Does not begin with 0xBEAC.
    Magic,
    /// Another version.
    Version,
    /// A kind that this version does not have.
    Kind,
    /// No valid label, or rubbish behind it.
    Label,
    /// An interval below 10 ms or above 2^31 ms.
    Interval,
}

impl WireError {
    /// The name of the counter.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Magic => "magic",
            Self::Version => "version",
            Self::Kind => "kind",
            Self::Label => "label",
            Self::Interval => "interval",
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl core::error::Error for WireError {}

#[cfg(test)]
mod tests;
