//! The state file from its first byte to its last.
//!
//! ```text
//! magic (8) | version (2)
//! length (2) | header               when it was saved
//! length (2) | record               one for each source
//! 0 (2) | count of the records (8) | checksum of all before (8)
//! ```
//!
//! Numbers are big-endian. Records are laid out by [`Stored`].

use std::fmt;
use std::hash::Hasher as _;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};

use beacon_common::Moment;
use siphasher::sip::SipHasher13;

use super::stamp::Stamp;
use crate::track::blindness::Blindness;
use crate::track::stored::{Record, Stored};

const MAGIC: &[u8; 8] = b"BEACONst";

/// The length of what ends the blocks.
const END: [u8; 2] = [0; 2];

/// Bytes that are read or written at once.
const BUFFER: usize = 1 << 18;

/// Counts up when the layout changes of anything that is stored.
pub(super) const VERSION: u16 = 3;

/// What is said of all sources together.
#[derive(Clone, Debug)]
pub struct Header {
    /// When it was saved.
    pub stamp: Stamp,
    /// Up to then the collector had heard everything.
    pub heard_until: Moment,
    /// When it could not listen before.
    pub blindness: Blindness,
}

/// Why a file is no state, or a damaged one.
#[derive(Debug)]
pub enum Damage {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It does not begin as one.
    Magic,
    /// It is of another release.
    Version(u16),
    /// It ends too early.
    CutOff,
    /// What it says of all sources cannot be.
    Header,
    /// What it says of the source with this number, counted from 1, cannot be.
    Record(u64),
    /// It has more or fewer records than it says.
    Count,
    /// Its checksum is another.
    Checksum,
    /// It goes on behind its end.
    Surplus,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "it cannot be read: {error}"),
            Self::Magic => f.write_str("it is no state file"),
            Self::Version(version) => write!(
                f,
                "its format is version {version}, and this release reads {VERSION}"
            ),
            Self::CutOff => f.write_str("it is cut off"),
            Self::Header => f.write_str("its header is damaged"),
            Self::Record(number) => write!(f, "its record {number} is damaged"),
            Self::Count => f.write_str("it has another number of records than it says"),
            Self::Checksum => f.write_str("its checksum is wrong"),
            Self::Surplus => f.write_str("it goes on behind its end"),
        }
    }
}

impl From<io::Error> for Damage {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof => Self::CutOff,
            _ => Self::Unreadable(error),
        }
    }
}

impl Stored for Header {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.stamp.store(bytes);
        self.heard_until.store(bytes);
        self.blindness.store(bytes);
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self {
            stamp: Stamp::restore(bytes)?,
            heard_until: Moment::restore(bytes)?,
            blindness: Blindness::restore(bytes)?,
        })
    }
}

/// SipHash-1-3 under the key zero. It finds accidents; whoever may write the file can make it fit.
fn checksum() -> SipHasher13 {
    SipHasher13::new()
}

/// Writes a state.
pub struct Writer<W: Write> {
    sink: BufWriter<W>,
    checksum: SipHasher13,
    records: u64,
    block: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins.
    ///
    /// # Errors
    /// The system's.
    pub fn begin(sink: W, header: &Header) -> io::Result<Self> {
        let mut writer = Self {
            sink: BufWriter::with_capacity(BUFFER, sink),
            checksum: checksum(),
            records: 0,
            block: Vec::new(),
        };
        writer.write(MAGIC)?;
        writer.write(&VERSION.to_be_bytes())?;
        writer.write_block(header)?;
        Ok(writer)
    }

    /// Writes a source.
    ///
    /// # Errors
    /// The system's.
    pub fn put(&mut self, record: &Record) -> io::Result<()> {
        self.records += 1;
        self.write_block(record)
    }

    /// Ends.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> io::Result<()> {
        self.write(&END)?;
        self.write(&self.records.to_be_bytes())?;
        self.sink.write_all(&self.checksum.finish().to_be_bytes())?;
        self.sink.flush()
    }

    fn write_block(&mut self, what: &impl Stored) -> io::Result<()> {
        let mut block = std::mem::take(&mut self.block);
        block.clear();
        block.extend_from_slice(&END);
        what.store(&mut block);
        let len = u16::try_from(block.len() - END.len()).map_err(io::Error::other)?;
        block[..END.len()].copy_from_slice(&len.to_be_bytes());
        self.write(&block)?;
        self.block = block;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum.write(bytes);
        self.sink.write_all(bytes)
    }
}

/// Reads a state. What it gives is to be trusted only when it has come to the end.
pub struct Reader<R> {
    /// What the file says of all sources together.
    pub header: Header,
    blocks: Blocks<R>,
    records: u64,
}

struct Blocks<R> {
    source: BufReader<R>,
    checksum: SipHasher13,
    block: Vec<u8>,
}

impl<R: Read> Reader<R> {
    /// Begins.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn begin(source: R) -> Result<Self, Damage> {
        let mut blocks = Blocks {
            source: BufReader::with_capacity(BUFFER, source),
            checksum: checksum(),
            block: Vec::new(),
        };
        if blocks.take()? != *MAGIC {
            return Err(Damage::Magic);
        }
        let version = u16::from_be_bytes(blocks.take()?);
        if version != VERSION {
            return Err(Damage::Version(version));
        }
        let header = whole(blocks.next()?).ok_or(Damage::Header)?;
        Ok(Self {
            header,
            blocks,
            records: 0,
        })
    }

    /// The next source; `None` behind the last one, when the file has proven to be whole.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(&mut self) -> Result<Option<Record>, Damage> {
        let block = self.blocks.next()?;
        if block.is_empty() {
            return self.end().map(|()| None);
        }
        self.records += 1;
        whole(block).map(Some).ok_or(Damage::Record(self.records))
    }

    fn end(&mut self) -> Result<(), Damage> {
        if u64::from_be_bytes(self.blocks.take()?) != self.records {
            return Err(Damage::Count);
        }
        let checksum = self.blocks.checksum.finish();
        if u64::from_be_bytes(self.blocks.take()?) != checksum {
            return Err(Damage::Checksum);
        }
        match self.blocks.source.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(Damage::Surplus),
        }
    }
}

impl<R: Read> Blocks<R> {
    /// The next block; an empty one at the end.
    fn next(&mut self) -> Result<&[u8], Damage> {
        let len = u16::from_be_bytes(self.take()?);
        self.block.resize(len.into(), 0);
        self.source.read_exact(&mut self.block)?;
        self.checksum.write(&self.block);
        Ok(&self.block)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes)?;
        self.checksum.write(&bytes);
        Ok(bytes)
    }
}

/// What a block holds, where it holds nothing else.
fn whole<T: Stored>(mut block: &[u8]) -> Option<T> {
    T::restore(&mut block).filter(|_| block.is_empty())
}

#[cfg(test)]
mod tests;
