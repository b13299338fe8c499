//! How what is known of a source is laid out in bytes, so that it survives a restart: one field behind the other,
//! big-endian, each type beside its definition.
//!
//! Whatever is read may have been written by anybody: every type takes only what it could have become by itself.

use std::time::Duration;

use beacon_common::{Health, Label, Moment, Session};

use super::event::State;
use super::history::History;
use super::inventory::Unheard;
use super::pasts::Past;
use super::patience::Patience;
use super::silences::Silence;
use super::source::Source;

/// Lays out a struct: its fields in the order in which they are named, and what the others begin as. A field that is
/// added to the type and not named does not compile.
macro_rules! stored {
    ($type:ident { $($field:ident),+ $(; $($fresh:ident: $value:expr),+)? } where $is_sound:expr) => {
        impl $crate::track::stored::Stored for $type {
            fn store(&self, bytes: &mut Vec<u8>) {
                $($crate::track::stored::Stored::store(&{ self.$field }, bytes);)+
            }

            fn restore(bytes: &mut &[u8]) -> Option<Self> {
                let read = Self {
                    $($field: $crate::track::stored::Stored::restore(bytes)?,)+
                    $($($fresh: $value,)+)?
                };
                let is_sound: fn(&Self) -> bool = $is_sound;
                is_sound(&read).then_some(read)
            }
        }
    };
}

/// Lays out an enumeration: a byte for each variant. The numbers stay what they are for ever.
macro_rules! numbered {
    ($type:ident { $($variant:ident = $number:literal),+ $(,)? }) => {
        impl $crate::track::stored::Stored for $type {
            fn store(&self, bytes: &mut Vec<u8>) {
                bytes.push(match self {
                    $(Self::$variant => $number,)+
                });
            }

            fn restore(bytes: &mut &[u8]) -> Option<Self> {
                match <u8 as $crate::track::stored::Stored>::restore(bytes)? {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

/// Lays out whole numbers.
macro_rules! whole {
    ($($type:ty),+) => {$(
        impl Stored for $type {
            fn store(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_be_bytes());
            }

            fn restore(bytes: &mut &[u8]) -> Option<Self> {
                take(bytes).map(Self::from_be_bytes)
            }
        }
    )+};
}

pub(super) use numbered;
pub(crate) use stored;

/// What can be written to bytes and read back.
pub trait Stored: Sized {
    /// Puts it behind `bytes`.
    fn store(&self, bytes: &mut Vec<u8>);

    /// Takes it off the front of `bytes`; `None` where they hold no such thing.
    fn restore(bytes: &mut &[u8]) -> Option<Self>;
}

/// What is known of one source and outlives the process.
#[derive(Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are of the large one, and none is kept for longer than it takes to write it"
)]
pub enum Record {
    /// Of one that was heard.
    Heard(Heard),
    /// Of one that is expected and was never heard.
    Unheard(Label, Unheard),
    /// That the operator has silenced it.
    Silenced(Silence),
}

/// Everything that is known of a label at a moment: what takes the place of whatever was known before.
#[derive(Clone)]
pub struct Change {
    /// The label.
    pub label: Label,
    /// All that came until then was taken.
    pub as_of: Moment,
    /// What its source is; `None` where there is none any more.
    pub known: Option<Record>,
    /// That the operator has silenced it.
    pub silence: Option<Silence>,
}

impl Change {
    /// Whether `record` is of later: whoever wrote both had come further when it wrote that one.
    #[must_use]
    pub fn is_before(&self, record: &Record) -> bool {
        match (record, &self.known) {
            (Record::Heard(later), Some(Record::Heard(known))) => later.moved() > known.moved(),
            (Record::Heard(later), _) => later.source.arrived > self.as_of,
            (Record::Unheard(..) | Record::Silenced(_), _) => false,
        }
    }
}

impl Heard {
    /// When it was last heard, and when it entered its state: neither ever goes back.
    const fn moved(&self) -> (Moment, Moment) {
        (self.source.arrived, self.history.since)
    }
}

/// Everything that is known of a source that was heard. What it is asked, suspected of or held for begins anew.
#[derive(Clone)]
pub struct Heard {
    /// What its beats read and write.
    pub source: Source,
    /// What its beats leave alone.
    pub history: History,
    /// What its sessions were before, where it has gone back to an older one.
    pub past: Option<Past>,
    /// What the reader knows of its state, where its falls are held back.
    pub told: Option<State>,
    /// What was learned of its silences, where that is asked for.
    pub patience: Option<Box<Patience>>,
}

impl Record {
    /// Whom it is about.
    #[must_use]
    pub const fn label(&self) -> &Label {
        match self {
            Self::Heard(heard) => &heard.source.label,
            Self::Unheard(label, _) => label,
            Self::Silenced(silence) => &silence.label,
        }
    }
}

/// A byte that says which it is, and then it.
impl Stored for Record {
    fn store(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Heard(heard) => {
                bytes.push(0);
                heard.store(bytes);
            }
            Self::Unheard(label, unheard) => {
                bytes.push(1);
                label.store(bytes);
                unheard.store(bytes);
            }
            Self::Silenced(silence) => {
                bytes.push(2);
                silence.store(bytes);
            }
        }
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        match u8::restore(bytes)? {
            0 => Heard::restore(bytes).map(Self::Heard),
            1 => Some(Self::Unheard(Label::restore(bytes)?, Unheard::restore(bytes)?)),
            2 => Silence::restore(bytes).map(Self::Silenced),
            _ => None,
        }
    }
}

impl Stored for Change {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.label.store(bytes);
        self.as_of.store(bytes);
        self.known.store(bytes);
        self.silence.store(bytes);
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        let change = Self {
            label: Label::restore(bytes)?,
            as_of: Moment::restore(bytes)?,
            known: Option::restore(bytes)?,
            silence: Option::restore(bytes)?,
        };
        let is_of_label =
            |record: &Record| !matches!(record, Record::Silenced(_)) && *record.label() == change.label;
        let is_sound = change.known.as_ref().is_none_or(is_of_label)
            && change
                .silence
                .as_ref()
                .is_none_or(|silence| silence.label == change.label);
        is_sound.then_some(change)
    }
}

impl Stored for Heard {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.source.store(bytes);
        self.history.store(bytes);
        self.past.store(bytes);
        self.told.store(bytes);
        self.patience.store(bytes);
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        let heard = Self {
            source: Source::restore(bytes)?,
            history: History::restore(bytes)?,
            past: Option::restore(bytes)?,
            told: Option::restore(bytes)?,
            patience: Option::restore(bytes)?,
        };
        heard
            .history
            .is_sound_beside(&heard.source.slots)
            .then_some(heard)
    }
}

whole!(u8, i8, u16, u32, u64, i64, u128);

numbered!(Health {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
});

impl Stored for Label {
    fn store(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.as_padded());
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        Self::from_padded(take(bytes)?).ok()
    }
}

impl Stored for Session {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.as_u64().store(bytes);
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        u64::restore(bytes).map(Self::from_u64)
    }
}

impl Stored for Moment {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.as_nanos().store(bytes);
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        u64::restore(bytes).map(Self::from_nanos)
    }
}

impl Stored for Duration {
    fn store(&self, bytes: &mut Vec<u8>) {
        u64::try_from(self.as_nanos()).unwrap_or(u64::MAX).store(bytes);
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        u64::restore(bytes).map(Self::from_nanos)
    }
}

impl Stored for bool {
    fn store(&self, bytes: &mut Vec<u8>) {
        bytes.push((*self).into());
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        match u8::restore(bytes)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<T: Stored> Stored for Box<T> {
    fn store(&self, bytes: &mut Vec<u8>) {
        (**self).store(bytes);
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        T::restore(bytes).map(Self::new)
    }
}

/// One behind the other.
impl<T: Stored + Copy + Default, const N: usize> Stored for [T; N] {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.iter().for_each(|value| value.store(bytes));
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        let mut values = [T::default(); N];
        for value in &mut values {
            *value = T::restore(bytes)?;
        }
        Some(values)
    }
}

/// A byte that says whether there is one, and then it.
impl<T: Stored> Stored for Option<T> {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.is_some().store(bytes);
        self.iter().for_each(|value| value.store(bytes));
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        if bool::restore(bytes)? {
            T::restore(bytes).map(Some)
        } else {
            Some(None)
        }
    }
}

/// The next bytes.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests;
