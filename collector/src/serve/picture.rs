//! What the shards know, asked for a piece at a time and kept for as long as it is worth.
//!
//! However many clients look, the shards are walked over once in [`FRESH_FOR`], or again after a line told that
//! something has happened, and for at most a tenth of the time.
//! No shard is asked for a second piece before it has answered the first, and it takes a round of its loop for each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use beacon_common::{Health, Label, Moment};
use mio::Waker;

use crate::handle::{Answer, Handle, Message, Request, Shown};
use crate::lag::Lag;
use crate::track::event::{SourceId, State, Tick};
use crate::track::survey::{PIECE, Row};
use crate::track::tally::Tally;

/// How long a picture is fresh, at least.
pub(super) const FRESH_FOR: Duration = Duration::from_secs(1);

/// How much longer than it took to make a picture is fresh.
const WORTH: u32 = 10;

/// How long rows are kept that nobody looks at.
const KEPT_FOR: Duration = Duration::from_mins(1);

/// What an answer needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// That every shard goes round its loop.
    Life,
    /// What is counted.
    Counts,
    /// Each source.
    Rows,
}

/// What is known of all sources.
#[derive(Debug, Default)]
pub(super) struct Picture {
    /// What all shards have counted.
    pub(super) tick: Tick,
    /// The counters of all sources, those that are no longer kept included.
    pub(super) tally: Tally,
    /// How many sources of each state are silenced, in the order of [`State::ALL`].
    pub(super) silenced: [u64; State::ALL.len()],
    /// How many sources that are live and not silenced state each health, in the order of [`Health::ALL`].
    pub(super) healths: [u64; Health::ALL.len()],
    /// How long the rounds of all shards took.
    pub(super) lag: Lag,
    /// By shard, first of those that were heard and then of the others, the rows of each piece, in the order of their
    /// numbers.
    rows: Vec<Vec<Vec<Row>>>,
}

/// How far a walk over the rows has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    shard: usize,
    piece: usize,
    /// The number that the next row has at least.
    from: u32,
}

/// Asks the shards.
pub(super) struct Looker {
    shards: Vec<Shard>,
    to: Sender<(usize, Shown)>,
    answers: Receiver<(usize, Shown)>,
    waker: Arc<Waker>,
    /// How many lines have told that something happened to a source.
    edges: Arc<AtomicU64>,
    picture: Picture,
    walk: Option<Walk>,
    counts: Option<Freshness>,
    rows: Option<Freshness>,
    /// When rows were last needed.
    looked_at: Moment,
}

struct Shard {
    handle: Handle,
    answered_at: Option<Moment>,
}

/// How long a picture is worth showing.
#[derive(Clone, Copy, Debug)]
struct Freshness {
    /// Whatever happens.
    at_least_until: Moment,
    /// If nothing happens.
    until: Moment,
    /// What had happened when it was begun.
    edges: u64,
}

struct Walk {
    with_rows: bool,
    begun: Moment,
    edges: u64,
    /// How many shards have not shown all.
    left: usize,
    tick: Tick,
    tally: Tally,
    silenced: [u64; State::ALL.len()],
    healths: [u64; Health::ALL.len()],
    lag: Lag,
    /// Something has been changed since it was begun.
    is_spoiled: bool,
}

impl Looker {
    pub(super) fn new(shards: Vec<Handle>, waker: Arc<Waker>, edges: Arc<AtomicU64>) -> Self {
        let (to, answers) = channel();
        let picture = Picture {
            rows: vec![Vec::new(); 2 * shards.len()],
            ..Picture::default()
        };
        let shard = |handle| Shard {
            handle,
            answered_at: None,
        };
        Self {
            shards: shards.into_iter().map(shard).collect(),
            to,
            answers,
            waker,
            edges,
            picture,
            walk: None,
            counts: None,
            rows: None,
            looked_at: Moment::ORIGIN,
        }
    }

    /// What is known, if that is enough for `need`; else it is asked for.
    pub(super) fn look(&mut self, need: Need, now: Moment) -> Option<&Picture> {
        if need == Need::Rows {
            self.looked_at = now;
        }
        let is_enough = match need {
            Need::Life => self.all_answered_since(now),
            Need::Counts => self.is_fresh(self.counts, now),
            Need::Rows => self.is_fresh(self.rows, now),
        };
        if !is_enough {
            self.ask(need == Need::Rows, now);
        }
        is_enough.then_some(&self.picture)
    }

    /// What is known, however old.
    pub(super) const fn picture(&self) -> &Picture {
        &self.picture
    }

    /// What is known is worth nothing any more: whoever looks has changed it.
    pub(super) fn spoil(&mut self) {
        (self.counts, self.rows) = (None, None);
        if let Some(walk) = &mut self.walk {
            walk.is_spoiled = true;
        }
    }

    fn is_fresh(&self, picture: Option<Freshness>, now: Moment) -> bool {
        picture.is_some_and(|fresh| {
            let has_happened = fresh.edges != self.edges.load(Ordering::Relaxed);
            now < fresh.at_least_until || (now < fresh.until && !has_happened)
        })
    }

    fn all_answered_since(&self, now: Moment) -> bool {
        let is_recent = |at: Moment| now.since(at) < FRESH_FOR;
        self.shards
            .iter()
            .all(|shard| shard.answered_at.is_some_and(is_recent))
    }

    /// Begins a walk, unless one is under way: whoever needs more than that shows asks again when it is over.
    fn ask(&mut self, with_rows: bool, now: Moment) {
        if self.walk.is_some() {
            return;
        }
        self.walk = Some(Walk {
            with_rows,
            begun: now,
            edges: self.edges.load(Ordering::Relaxed),
            left: self.shards.len(),
            tick: Tick::default(),
            tally: Tally::default(),
            silenced: [0; State::ALL.len()],
            healths: [0; Health::ALL.len()],
            lag: Lag::default(),
            is_spoiled: false,
        });
        (0..self.shards.len()).for_each(|shard| self.request(shard, SourceId::FIRST, with_rows));
    }

    fn request(&self, shard: usize, from: SourceId, with_rows: bool) {
        let (to, waker) = (self.to.clone(), Arc::clone(&self.waker));
        let answer = Answer(Box::new(move |shown| {
            // The server may have ended.
            if to.send((shard, shown)).is_ok()
                && let Err(error) = waker.wake()
            {
                log::error!("a serving thread cannot be woken: {error}");
            }
        }));
        self.shards[shard].handle.send(Message::Show(Request {
            from,
            with_rows,
            answer,
        }));
    }

    /// Takes what the shards have answered.
    pub(super) fn take_answers(&mut self, now: Moment) {
        while let Ok((shard, shown)) = self.answers.try_recv() {
            self.shards[shard].answered_at = Some(now);
            self.take(shard, shown, now);
        }
        if now.since(self.looked_at) > KEPT_FOR && self.walk.is_none() {
            self.picture
                .rows
                .iter_mut()
                .for_each(|pieces| *pieces = Vec::new());
            self.rows = None;
        }
    }

    fn take(&mut self, shard: usize, Shown { piece, tick, lag }: Shown, now: Moment) {
        let Some(walk) = &mut self.walk else { return };
        let with_rows = walk.with_rows;
        walk.tick.add(&tick);
        walk.tally.add(&piece.tally);
        let silenced = walk.silenced.iter_mut().zip(piece.silenced);
        let healths = walk.healths.iter_mut().zip(piece.healths);
        silenced.chain(healths).for_each(|(all, more)| *all += more);
        let next = piece.next;
        if with_rows {
            self.picture.put(shard, piece.from, piece.rows, next);
        }
        match next {
            Some(from) => self.request(shard, from, with_rows),
            None => {
                walk.lag.add(&lag);
                walk.left -= 1;
                if walk.left == 0 {
                    self.finish(now);
                }
            }
        }
    }

    fn finish(&mut self, now: Moment) {
        let Some(walk) = self.walk.take() else { return };
        let worth = now.since(walk.begun) * WORTH;
        let fresh = Some(Freshness {
            at_least_until: walk.begun + worth,
            until: walk.begun + FRESH_FOR.max(worth),
            edges: walk.edges,
        });
        if !walk.is_spoiled {
            self.counts = fresh;
            self.rows = if walk.with_rows { fresh } else { self.rows };
        }
        (self.picture.tick, self.picture.tally, self.picture.lag) = (walk.tick, walk.tally, walk.lag);
        (self.picture.silenced, self.picture.healths) = (walk.silenced, walk.healths);
    }
}

impl Picture {
    /// Takes the rows of one piece of a shard, behind which is `next`.
    fn put(&mut self, shard: usize, from: SourceId, rows: Vec<Row>, next: Option<SourceId>) {
        let shards = self.rows.len() / 2;
        let (list, number) = match from.as_unheard() {
            Some(place) => (shards + shard, place),
            None => (shard, from.0),
        };
        let place = (number / PIECE) as usize;
        let pieces = &mut self.rows[list];
        let is_last = next.is_none_or(|next| next.as_unheard().is_some() != from.as_unheard().is_some());
        if pieces.len() <= place || is_last {
            pieces.resize_with(place + 1, Vec::new);
        }
        pieces[place] = rows;
        if next.is_none() && list < shards {
            self.rows[shards + shard].clear();
        }
    }

    /// Every row.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().flatten().flatten()
    }

    /// The row of one source.
    pub(super) fn row(&self, label: &Label) -> Option<&Row> {
        self.rows().find(|row| row.label == *label)
    }

    /// The next row of a walk that may take longer than the picture lasts: a source that is there all the time is
    /// come by once.
    pub(super) fn next(&self, cursor: &mut Cursor) -> Option<&Row> {
        while let Some(pieces) = self.rows.get(cursor.shard) {
            while let Some(rows) = pieces.get(cursor.piece) {
                let at = rows.partition_point(|row| row.id.0 < cursor.from);
                if let Some(row) = rows.get(at) {
                    cursor.from = row.id.0 + 1;
                    return Some(row);
                }
                cursor.piece += 1;
            }
            *cursor = Cursor {
                shard: cursor.shard + 1,
                ..Cursor::default()
            };
        }
        None
    }
}
