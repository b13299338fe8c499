//! The strip: the newest 64 slots of a source, as they are drawn on its page and told in text.

use std::fmt::{self, Write};

use super::feed::Ring;
use crate::track::event::{Happening, SourceEvent, State};
use crate::track::slots::{SLOTS, Slot, Slots};
use crate::track::survey::Row;

/// What a slot of the strip is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Known(Slot),
    /// Its beat came after the late deadline, as far as lines that are kept tell.
    Late,
    /// Its beat came in time, and once more.
    Duplicate,
}

impl Mark {
    /// A character for each, for a strip in text.
    const fn symbol(self) -> char {
        match self {
            Self::Known(Slot::Received) => '=',
            Self::Known(Slot::Lost) => 'x',
            Self::Known(Slot::Awaited) => '.',
            Self::Known(Slot::Unexpected) => '_',
            Self::Late => '~',
            Self::Duplicate => '+',
        }
    }

    const ALL: [Self; 6] = [
        Self::Known(Slot::Received),
        Self::Late,
        Self::Duplicate,
        Self::Known(Slot::Lost),
        Self::Known(Slot::Awaited),
        Self::Known(Slot::Unexpected),
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Known(Slot::Received) => "received",
            Self::Known(Slot::Lost) => "lost",
            Self::Known(Slot::Awaited) => "awaited",
            Self::Known(Slot::Unexpected) => "earlier",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
        }
    }
}

/// What the characters of a strip in text mean.
pub(crate) fn legend() -> String {
    let meanings = Mark::ALL.map(|mark| format!("{} {}", mark.symbol(), mark.name()));
    meanings.join(", ")
}

/// The newest 64 slots of a source's schedule, the oldest first, each with its sequence number.
pub(super) struct Strip(Vec<(i64, Mark)>);

impl Strip {
    pub(super) fn of((row, slots): (&Row, &Slots), reorder_wait: u32, ring: &Ring) -> Self {
        let late: Vec<_> = late_slots(row, ring).collect();
        let highest = i64::from(row.highest());
        let awaits = matches!(row.state, State::Up | State::Late | State::Down);
        let beyond = (row.past.saturating_add(reorder_wait.into())).clamp(0, SLOTS.into());
        let beyond = if awaits { beyond } else { 0 };
        let mark = |seq: i64| match u32::try_from(highest - seq) {
            Ok(back) => match slots.slot(back, row.past) {
                Slot::Received if late.contains(&seq) => Mark::Late,
                Slot::Received if row.is_duplicate(back) => Mark::Duplicate,
                slot => Mark::Known(slot),
            },
            Err(_) if seq - highest <= row.past => Mark::Known(Slot::Lost),
            Err(_) => Mark::Known(Slot::Awaited),
        };
        let newest = highest + beyond;
        let seqs = newest - i64::from(SLOTS) + 1..=newest;
        Self(seqs.map(|seq| (seq, mark(seq))).collect())
    }

    /// A character for each slot, and the number of the last one.
    pub(super) fn text(&self) -> (String, i64) {
        let symbols = self.0.iter().map(|(_, mark)| mark.symbol()).collect();
        (symbols, self.0.last().map_or(0, |&(seq, _)| seq))
    }

    /// As text that a page holds.
    pub(super) fn put(&self, out: &mut String) -> fmt::Result {
        let count = |wanted: Mark| self.0.iter().filter(|(_, mark)| *mark == wanted).count();
        out.push_str("<h3>Last 64 slots</h3>\n<ul id=\"legend\">");
        for mark in Mark::ALL.into_iter().filter(|&mark| count(mark) > 0) {
            let name = mark.name();
            write!(out, "<li><i class=\"{name}\"></i>{} {name}</li>", count(mark))?;
        }
        out.push_str("</ul>\n<div id=\"strip\" aria-hidden=\"true\">");
        for (seq, mark) in &self.0 {
            let name = mark.name();
            write!(out, "<i class=\"{name}\" title=\"{seq} {name}\"></i>")?;
        }
        out.push_str("</div>\n");
        Ok(())
    }
}

/// The slots of the current session in which the source was late: the one after the highest that had come then.
fn late_slots<'a>(row: &'a Row, ring: &'a Ring) -> impl Iterator<Item = i64> + 'a {
    let is_late =
        |source: &&SourceEvent| source.happening == Happening::Late && source.session == row.session;
    let lines = ring.about(row.label).map(|(_, source)| source).filter(is_late);
    lines.map(|source| i64::from(source.seq.get()) + 1)
}

#[cfg(test)]
mod tests;
