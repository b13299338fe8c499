//! Reading a frame in place: what is checked of a datagram before anything in it is used.

use super::{
    FRAME_LEN, Flags, Frame, Kind, MAGIC, MAX_INTERVAL_MS, MIN_INTERVAL_MS, VERSION, WireError, field,
};
use crate::key::{DeviceKey, KeyId};
use crate::label::Label;
use crate::seq::Seq;
use crate::session::Session;

/// A datagram that says that it is a frame of this version and of which kind. Its label and interval are unchecked.
#[derive(Clone, Copy)]
pub struct Form<'a> {
    bytes: &'a [u8; FRAME_LEN],
    kind: Kind,
}

impl<'a> Form<'a> {
    /// Checks what a datagram says of itself, cheapest first.
    ///
    /// # Errors
    /// A [`WireError`] that says why it is no frame of version 1.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let bytes: &[u8; FRAME_LEN] = bytes.try_into().map_err(|_| WireError::Length)?;
        if bytes[field::MAGIC] != MAGIC {
            return Err(WireError::Magic);
        }
        if bytes[field::VERSION] != VERSION {
            return Err(WireError::Version);
        }
        let kind = Kind::from_numbers(bytes[field::KIND], bytes[field::CODE]).ok_or(WireError::Kind)?;
        Ok(Self { bytes, kind })
    }

    /// The bytes where its label stands, whatever they are.
    #[must_use]
    pub fn padded_label(&self) -> [u8; Label::MAX_LEN] {
        take(self.bytes, field::LABEL)
    }

    /// The frame, once its label and its interval are found to be right.
    ///
    /// # Errors
    /// A [`WireError`] that says which of them is not.
    pub fn view(self) -> Result<View<'a>, WireError> {
        Label::from_padded(self.padded_label()).map_err(|_| WireError::Label)?;
        self.with_right_interval().ok_or(WireError::Interval)
    }

    /// The same where its label is `known`, which is right and so spares the check; `None` where it is another one, or the
    /// interval is not right.
    #[must_use]
    pub fn view_of(self, known: &Label) -> Option<View<'a>> {
        let is_known = *known.as_padded() == self.padded_label();
        is_known.then_some(self)?.with_right_interval()
    }

    fn with_right_interval(self) -> Option<View<'a>> {
        let Self { bytes, kind } = self;
        let view = View { bytes, kind };
        let interval_ms = view.u32_at(field::INTERVAL_MS);
        let is_right = !kind.states_interval() || (MIN_INTERVAL_MS..=MAX_INTERVAL_MS).contains(&interval_ms);
        is_right.then_some(view)
    }
}

/// A datagram whose form is that of a frame, and of which nothing else is known yet.
#[derive(Clone, Copy)]
pub struct View<'a> {
    bytes: &'a [u8; FRAME_LEN],
    kind: Kind,
}

impl<'a> View<'a> {
    /// Checks a datagram's form, cheapest first.
    ///
    /// # Errors
    /// A [`WireError`] that says why no version 1 receiver can use it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        Form::parse(bytes)?.view()
    }

    /// What the frame claims to be for.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The label that the frame claims.
    #[must_use]
    pub fn label(&self) -> Label {
        Label::from_checked(take(self.bytes, field::LABEL))
    }

    /// The id of the key that the frame claims to be made with; `None` where it claims none.
    #[must_use]
    pub const fn key_id(&self) -> Option<KeyId> {
        KeyId::new(self.bytes[field::KEY_ID])
    }

    /// The session that the frame claims.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::from_u64(u64::from_be_bytes(take(self.bytes, field::SESSION)))
    }

    /// The number in its session that the frame claims.
    #[must_use]
    pub fn seq(&self) -> Seq {
        Seq::new(self.u32_at(field::SEQ))
    }

    /// Whether the sender wants an ack.
    #[must_use]
    pub const fn wants_ack(&self) -> bool {
        Flags::from_bits(self.bytes[field::FLAGS]).want_ack
    }

    /// Whether the tag is the one that `key` makes. The comparison is of two machine words and takes the
    /// same time wherever they differ.
    #[must_use]
    pub fn is_tagged_by(&self, key: &DeviceKey) -> bool {
        key.tag(&self.bytes[field::TAGGED]) == u64::from_be_bytes(take(self.bytes, field::TAG))
    }

    /// The frame's meaning. Whoever requires keys has checked the tag before.
    #[must_use]
    pub fn frame(&self) -> Frame {
        Frame {
            kind: self.kind,
            flags: Flags::from_bits(self.bytes[field::FLAGS]),
            misses: self.bytes[field::MISSES],
            label: self.label(),
            session: self.session(),
            sent_us: u64::from_be_bytes(take(self.bytes, field::SENT_US)),
            seq: self.seq(),
            interval_ms: self.u32_at(field::INTERVAL_MS),
            next_ms: self.u32_at(field::NEXT_MS),
            uptime_s: self.u32_at(field::UPTIME_S),
        }
    }

    fn u32_at(&self, at: usize) -> u32 {
        u32::from_be_bytes(take(self.bytes, at))
    }
}

fn take<const N: usize>(bytes: &[u8; FRAME_LEN], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}
