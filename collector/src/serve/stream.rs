//! Answers that are too long to be made at once, or never end.

use std::time::Duration;

use beacon_common::{Label, Moment};

use super::feed::Ring;
use super::routes::Site;
use super::status::Listing;
use crate::output::events::{EventName, EventSet};
use crate::track::event::What;

/// How much is made at once.
const PART: usize = 64 * 1024;

/// How long a follower hears nothing.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What is still to be made of an answer.
pub(super) enum Body {
    Done,
    Rows(Box<Listing>),
    Events(Box<Subscription>),
}

/// What has come of making more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filling {
    /// Something, and there is more to come.
    More,
    /// There is nothing now.
    Nothing,
    /// This was all.
    Done,
}

impl Body {
    /// Makes the next part of the answer.
    pub(super) fn fill(&mut self, site: &mut Site, now: Moment, out: &mut Vec<u8>) -> Filling {
        match self {
            Self::Done => Filling::Done,
            Self::Rows(listing) => {
                let mut text = String::with_capacity(PART + 1_024);
                let is_done = listing.fill(site, now, PART, &mut text);
                out.append(&mut text.into_bytes());
                if is_done { Filling::Done } else { Filling::More }
            }
            Self::Events(subscription) => {
                let mut text = String::new();
                subscription.fill(&site.feed.ring(), now, &mut text);
                out.append(&mut text.into_bytes());
                if out.is_empty() {
                    Filling::Nothing
                } else {
                    Filling::More
                }
            }
        }
    }

    /// When it has something to say though nothing happens.
    pub(super) const fn wakes_at(&self) -> Option<Moment> {
        match self {
            Self::Events(subscription) => Some(subscription.comment_at),
            Self::Done | Self::Rows(_) => None,
        }
    }
}

/// Which lines a follower wants, and how far it has come (server-sent events, WHATWG HTML, section 9.2).
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) source: Option<Label>,
    pub(super) events: EventSet,
    /// The number of the next line.
    next_id: u64,
    /// When a comment keeps the connection alive.
    comment_at: Moment,
    has_begun: bool,
}

impl Subscription {
    /// From the line after `last` on, or from the next one on. A number that was not given out yet is one of an earlier
    /// run of the collector: the follower has seen nothing of this one.
    pub(super) fn new(
        (source, events): (Option<Label>, EventSet),
        last: Option<u64>,
        ring: &Ring,
        now: Moment,
    ) -> Self {
        let next_id = match last {
            None => ring.next_id(),
            Some(last) if last < ring.next_id() => last + 1,
            Some(_) => 1,
        };
        Self {
            source,
            events,
            next_id,
            comment_at: now + KEEP_ALIVE,
            has_begun: false,
        }
    }

    fn fill(&mut self, ring: &Ring, now: Moment, out: &mut String) {
        if !self.has_begun {
            self.has_begun = true;
            out.push_str("retry: 2000\n\n");
        }
        let first = ring.first_id();
        if self.next_id < first {
            let (from, to) = (self.next_id, first - 1);
            out.push_str(&format!(
                "event: missed\ndata: {{\"first\":{from},\"last\":{to}}}\n\n"
            ));
            self.next_id = first;
        }
        for line in ring.from(self.next_id) {
            if out.len() >= PART {
                break;
            }
            self.next_id = line.id + 1;
            if self.wants(&line.what) {
                out.push_str(&format!("id: {}\ndata: {}\n\n", line.id, line.json));
            }
        }
        if out.is_empty() && now >= self.comment_at {
            out.push_str(":\n\n");
        }
        if !out.is_empty() {
            self.comment_at = now + KEEP_ALIVE;
        }
    }

    fn wants(&self, what: &What) -> bool {
        let is_of_it = |label| matches!(what, What::Source(source) if source.label == label);
        self.events.contains(EventName::of(what)) && self.source.is_none_or(is_of_it)
    }
}

#[cfg(test)]
mod tests;
