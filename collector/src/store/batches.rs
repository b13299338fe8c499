//! The journal from its first byte to its last: what has changed since the state file was written.
//!
//! ```text
//! magic (8) | version (2)
//! sign (4) | length (4) | synced (8) | checksum (8) | batch       one after the other
//! ```
//!
//! A batch says that a state file is begun to be written, or what has changed since the batch before. So the journal of a
//! state file begins where the batch stands that says that this one was begun; and as long as one more is written, the
//! same batches follow that one too. The first batch is always one of these.
//!
//! Each batch says how many bytes of the journal were on the disk when it was written. What lies behind, and is torn, was not
//! there when the power failed, and is no damage. Numbers are big-endian.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hasher as _;

use beacon_common::Label;
use siphasher::sip::SipHasher13;

use super::layout::VERSION;
use super::stamp::Stamp;
use crate::track::stored::{Change, Record, Stored};

const MAGIC: &[u8; 8] = b"BEACONjo";

/// Begins a batch. No label and no other text has such bytes.
const SIGN: [u8; 4] = [0xB5, 0xEA, 0xC0, 0x4E];

/// What stands before the first batch.
const BEGINNING: usize = MAGIC.len() + size_of::<u16>();

/// What stands before what a batch says.
const HEAD: usize = SIGN.len() + size_of::<u32>() + 2 * size_of::<u64>();

/// How many bytes a journal has in which nothing has changed: its first batch is a kind and a stamp.
pub const EMPTY: usize = BEGINNING + HEAD + 1 + 40;

/// What a batch says.
#[derive(Clone, Copy)]
enum Kind {
    /// A state file that bears this stamp is begun.
    Begun = 0,
    /// The following has changed, and was written then.
    Changed = 1,
}

/// Why a file is no journal, or a damaged one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It does not begin as one.
    Magic,
    /// It is of another release.
    Version(u16),
    /// The batch that begins behind so many bytes is damaged, and was on the disk once.
    Batch(usize),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("it is no journal"),
            Self::Version(version) => write!(
                f,
                "its format is version {version}, and this release reads {VERSION}"
            ),
            Self::Batch(at) => write!(f, "it is damaged behind byte {at}"),
        }
    }
}

/// A batch that is laid out.
#[derive(Debug, Default)]
pub struct Batch(Vec<u8>);

impl Batch {
    /// That the state file is begun that bears `stamp`.
    #[must_use]
    pub fn begun(stamp: &Stamp) -> Self {
        let mut batch = Self::default();
        batch.begin(Kind::Begun, stamp);
        batch
    }

    /// Adds what has changed. The first one says when.
    pub fn put(&mut self, change: &Change) {
        if self.0.is_empty() {
            self.begin(Kind::Changed, &Stamp::take());
        }
        change.store(&mut self.0);
    }

    fn begin(&mut self, kind: Kind, stamp: &Stamp) {
        self.0.resize(HEAD, 0);
        self.0.push(kind as u8);
        stamp.store(&mut self.0);
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its bytes, as they stand in a journal of which `synced` bytes are on the disk.
    ///
    /// Panics where it is longer than a length can say.
    pub fn finish(&mut self, synced: u64) -> &[u8] {
        if let Some((head, body)) = self.0.split_at_mut_checked(HEAD) {
            let len = u32::try_from(body.len()).expect("who fills a batch stops at a megabyte");
            let (sign, rest) = head.split_at_mut(SIGN.len());
            sign.copy_from_slice(&SIGN);
            rest[..4].copy_from_slice(&len.to_be_bytes());
            rest[4..12].copy_from_slice(&synced.to_be_bytes());
            rest[12..].copy_from_slice(&checksum(synced, body).to_be_bytes());
        }
        &self.0
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// What stands before the first batch.
#[must_use]
pub fn beginning() -> [u8; BEGINNING] {
    let mut bytes = [0; BEGINNING];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[MAGIC.len()..].copy_from_slice(&VERSION.to_be_bytes());
    bytes
}

/// Finds accidents, as the checksum of a state file does.
fn checksum(synced: u64, body: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(&synced.to_be_bytes());
    hasher.write(&(body.len() as u64).to_be_bytes());
    hasher.write(body);
    hasher.finish()
}

/// What a journal says of a state file.
#[derive(Default)]
pub struct Since {
    /// What has changed since, the last word on each label.
    pub changes: BTreeMap<Label, Change>,
    /// When the last of it was written; `None` where nothing has changed.
    pub last: Option<Stamp>,
    /// How many bytes are whole. What follows is torn.
    pub whole: usize,
}

impl Since {
    /// Whether `record`, of the state file, still stands: nothing has changed since, or it is of later.
    pub fn leaves(&mut self, record: &Record) -> bool {
        let Some(change) = self.changes.get_mut(record.label()) else {
            return true;
        };
        let is_later = change.is_before(record);
        if is_later {
            change.known = None;
        }
        is_later
    }

    /// What has taken the place of the records that stand no more.
    pub fn into_records(self) -> impl Iterator<Item = Record> {
        self.changes.into_values().flat_map(|change| {
            let silence = change.silence.map(Record::Silenced);
            change.known.into_iter().chain(silence)
        })
    }
}

/// What the journal of these bytes says of the state file that bears `stamp`; `None` where it is another one's.
///
/// # Errors
/// What is wrong with it.
pub fn read(bytes: &[u8], stamp: &Stamp) -> Result<Option<Since>, Damage> {
    let (magic, rest) = bytes.split_first_chunk().ok_or(Damage::Magic)?;
    if magic != MAGIC {
        return Err(Damage::Magic);
    }
    let (version, _) = rest.split_first_chunk().ok_or(Damage::Magic)?;
    let version = u16::from_be_bytes(*version);
    if version != VERSION {
        return Err(Damage::Version(version));
    }
    let mut since = None;
    let mut at = BEGINNING;
    while let Some((_, body)) = batch_at(bytes, at) {
        let damaged = Damage::Batch(at);
        take(body, stamp, &mut since, at == BEGINNING).ok_or(damaged)?;
        at += HEAD + body.len();
    }
    let is_torn = at > BEGINNING && !was_synced(bytes, at);
    if at < bytes.len() && !is_torn || at == BEGINNING {
        return Err(Damage::Batch(at));
    }
    Ok(since.map(|since| Since { whole: at, ..since }))
}

/// Takes in what a batch says; `None` where that cannot be.
fn take(mut body: &[u8], stamp: &Stamp, since: &mut Option<Since>, is_first: bool) -> Option<()> {
    let kind = u8::restore(&mut body)?;
    let written = Stamp::restore(&mut body)?;
    if kind == Kind::Begun as u8 {
        if written == *stamp {
            *since = Some(Since::default());
        }
        return body.is_empty().then_some(());
    }
    if kind != Kind::Changed as u8 || is_first {
        return None;
    }
    while !body.is_empty() {
        let change = Change::restore(&mut body)?;
        if let Some(since) = since {
            since.changes.insert(change.label, change);
            since.last = Some(written);
        }
    }
    Some(())
}

/// The batch at `at`, where there is a whole one: how many bytes were on the disk, and what it says.
fn batch_at(bytes: &[u8], at: usize) -> Option<(u64, &[u8])> {
    let rest = bytes.get(at..)?.strip_prefix(&SIGN)?;
    let (len, rest) = rest.split_first_chunk()?;
    let (synced, rest) = rest.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk()?;
    let synced = u64::from_be_bytes(*synced);
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    let body = rest.get(..len)?;
    (u64::from_be_bytes(*sum) == checksum(synced, body)).then_some((synced, body))
}

/// Whether what stands at `at` was on the disk once, as any whole batch behind it says.
fn was_synced(bytes: &[u8], at: usize) -> bool {
    (at + 1..bytes.len())
        .filter_map(|behind| batch_at(bytes, behind))
        .any(|(synced, _)| synced > at as u64)
}

#[cfg(test)]
mod tests;
