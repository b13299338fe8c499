//! Saves what the shards know: each hands out a portion at a time, and all of it becomes one file.

use std::io;
use std::sync::mpsc::sync_channel;

use super::bell::{Handed, Legacy, Request};
use super::file::StateFile;
use super::layout::{Header, Writer};
use super::stamp::Stamp;
use crate::handle::{Handle, Message};
use crate::track::blindness::Blindness;
use crate::track::event::SourceId;
use crate::track::stored::Record;
use crate::track::tracker::Portion;

/// Why nothing was saved.
#[derive(Debug)]
pub enum Unsaved {
    /// The system's reason.
    Failed(io::Error),
    /// A shard has ended meanwhile.
    Ended,
}

impl From<io::Error> for Unsaved {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Whoever hands out what a shard knows.
pub trait Shelf {
    /// The portion that begins at `from`, in `room`; `None` where there is nobody any more.
    fn hand(&self, from: SourceId, room: Vec<Record>) -> Option<Handed>;
}

/// One that works: it hands out a portion between two batches of datagrams, and allocates nothing for it.
impl Shelf for Handle {
    fn hand(&self, from: SourceId, room: Vec<Record>) -> Option<Handed> {
        let (to, handed) = sync_channel(1);
        self.send(Message::Portion(Request { from, room, to }));
        handed.recv().ok()
    }
}

/// One that has ended.
impl Shelf for Legacy {
    fn hand(&self, from: SourceId, room: Vec<Record>) -> Option<Handed> {
        Some(Handed {
            portion: self.tracker.portion(from, room),
            heard_until: self.heard_until,
        })
    }
}

/// Replaces `file` by what is on the shelves. `stamp` was taken just before.
///
/// What changes meanwhile is in it or is not: each record is whole for itself. So the collector counts as having heard
/// everything only until the first portions were handed out.
///
/// # Errors
/// Why nothing was saved. The file is what it was before.
pub fn save(file: &StateFile, shelves: &[impl Shelf], stamp: Stamp) -> Result<(), Unsaved> {
    let hand = |shelf: &_, from, room| Shelf::hand(shelf, from, room).ok_or(Unsaved::Ended);
    let first: Vec<Handed> = shelves
        .iter()
        .map(|shelf| hand(shelf, Portion::BEGINNING, Portion::room()))
        .collect::<Result<_, _>>()?;
    let mut header = Header {
        heard_until: first
            .iter()
            .map(|handed| handed.heard_until)
            .min()
            .unwrap_or(stamp.now),
        stamp,
        blindness: Blindness::default(),
    };
    first
        .iter()
        .for_each(|handed| header.blindness.add_all(&handed.portion.blindness));

    file.replace(|file| {
        let mut writer = Writer::begin(file, &header)?;
        for (shelf, mut handed) in shelves.iter().zip(first) {
            loop {
                for record in &handed.portion.records {
                    writer.put(record)?;
                }
                let Some(next) = handed.portion.next else { break };
                handed = hand(shelf, next, handed.portion.records)?;
            }
        }
        Ok(writer.finish()?)
    })
}
