//! What there is, by path.

use std::sync::Arc;

use beacon_common::{Label, Moment};
use mio::Waker;

use super::exposition::Exposition;
use super::feed::Feed;
use super::limits::MAX_FOLLOWERS;
use super::listen::Watched;
use super::metrics::{Cached, Told};
use super::picture::{Looker, Need};
use super::request::Request;
use super::respond::{Code, EVENTS, Head, JSON, plain};
use super::selection::Selection;
use super::status::Listing;
use super::stream::{Body, Subscription};
use super::{host, page, source};
use crate::event_counts::EventCounts;
use crate::hooks;
use crate::losses::Losses;
use crate::outages::Outages;
use crate::output::events::{EventName, EventSet};
use crate::output::pipe::Depth;
use crate::store::keeper::Failures;

/// Everything that answers are made from.
pub(super) struct Site {
    pub(super) collector: String,
    pub(super) reorder_wait: u32,
    pub(super) per_source: bool,
    /// It is for whoever uses this host, and for nobody else's pages.
    pub(super) is_loopback: bool,
    pub(super) depth: Depth,
    pub(super) losses: Losses,
    pub(super) outages: Outages,
    pub(super) events: EventCounts,
    pub(super) hooks: hooks::Counts,
    pub(super) unsaved: Failures,
    pub(super) started_us: u64,
    pub(super) looker: Looker,
    pub(super) feed: Feed,
    pub(super) told: Told,
    pub(super) cached: Option<Cached>,
    /// How many clients follow the event lines.
    pub(super) followers: usize,
}

/// What a request comes to.
pub(super) enum Reply {
    /// What it needs was asked for; the request is to be looked at again.
    NotYet,
    Whole(Head, Vec<u8>),
    Shared(Head, Arc<str>),
    Stream(Head, Body),
}

impl Reply {
    fn plain(code: Code, line: &str) -> Self {
        let (head, body) = plain(code, line);
        Self::Whole(head, body)
    }
}

impl AsMut<Self> for Site {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

impl Site {
    /// What is `watched`; `waker` wakes the loop that serves it.
    pub(super) fn new(watched: Watched, waker: &Arc<Waker>, feed: Feed) -> Self {
        let looker = Looker::new(watched.shards, Arc::clone(waker), feed.edges());
        Self {
            collector: watched.collector,
            reorder_wait: watched.reorder_wait,
            per_source: false,
            is_loopback: false,
            depth: watched.depth,
            losses: watched.losses,
            outages: watched.outages,
            events: watched.events,
            hooks: watched.hooks,
            unsaved: watched.unsaved,
            started_us: watched.started_us,
            looker,
            feed,
            told: Told::default(),
            cached: None,
            followers: 0,
        }
    }

    /// Answers a request, or finds out what that takes.
    pub(super) fn answer(&mut self, request: &Request, now: Moment) -> Reply {
        let is_meant = |host: &String| host::is_loopback(host);
        if self.is_loopback && !request.host.as_ref().is_none_or(is_meant) {
            return Reply::plain(
                Code::Misdirected,
                "this is served to localhost, by that name or address alone; a proxy has to say so in Host",
            );
        }
        match request.path.as_str() {
            "/" => self.page(request, now),
            "/healthz" => self.health(now),
            "/metrics" => self.metrics(request, now),
            "/status.json" => self.status(request, now),
            "/events" => self.events(request, now),
            path => match path.strip_prefix("/source/") {
                Some(label) => self.source(label, now),
                None => Reply::plain(
                    Code::NotFound,
                    "there is /, /source/LABEL, /status.json, /metrics, /events and /healthz",
                ),
            },
        }
    }

    fn page(&mut self, request: &Request, now: Moment) -> Reply {
        let selection = match Selection::of(request) {
            Ok(selection) => selection,
            Err(problem) => return Reply::plain(Code::BadRequest, &problem),
        };
        if self.looker.look(Need::Rows, now).is_none() {
            return Reply::NotYet;
        }
        let (head, body) = page::page(self, &selection, now);
        Reply::Whole(head, body)
    }

    fn source(&mut self, label: &str, now: Moment) -> Reply {
        if self.looker.look(Need::Rows, now).is_none() {
            return Reply::NotYet;
        }
        let (head, body) = source::page(self, label, now);
        Reply::Whole(head, body)
    }

    fn health(&mut self, now: Moment) -> Reply {
        match self.looker.look(Need::Life, now) {
            Some(_) => Reply::plain(Code::Ok, "ok"),
            None => Reply::NotYet,
        }
    }

    fn metrics(&mut self, request: &Request, now: Moment) -> Reply {
        let need = if self.per_source { Need::Rows } else { Need::Counts };
        if self.looker.look(need, now).is_none() {
            return Reply::NotYet;
        }
        let exposition = Exposition::accepted(&request.accept);
        let head = Head::new(Code::Ok, exposition.content_type());
        Reply::Shared(head, self.expose(exposition, now))
    }

    fn status(&mut self, request: &Request, now: Moment) -> Reply {
        let selection = match Selection::of(request) {
            Ok(selection) => selection,
            Err(problem) => return Reply::plain(Code::BadRequest, &problem),
        };
        if self.looker.look(Need::Rows, now).is_none() {
            return Reply::NotYet;
        }
        let listing = Box::new(Listing::new(selection));
        Reply::Stream(Head::new(Code::Ok, JSON), Body::Rows(listing))
    }

    fn events(&self, request: &Request, now: Moment) -> Reply {
        let wanted = match wanted(request) {
            Ok(wanted) => wanted,
            Err(problem) => return Reply::plain(Code::BadRequest, &problem),
        };
        if self.followers >= MAX_FOLLOWERS {
            return Reply::plain(Code::Unavailable, "as many follow the events already as may");
        }
        let mut head = Head::new(Code::Ok, EVENTS);
        // A proxy that gathers what it passes on would hold the lines back.
        head.more = "X-Accel-Buffering: no\r\n".to_owned();
        let subscription = Subscription::new(wanted, request.last_event_id, &self.feed.ring(), now);
        Reply::Stream(head, Body::Events(Box::new(subscription)))
    }
}

/// Which lines a follower asks for.
fn wanted(request: &Request) -> Result<(Option<Label>, EventSet), String> {
    let source = request.asks("source").filter(|text| !text.is_empty());
    let source = source.map(|text| Label::new(text).map_err(|_| format!("source: '{text}' is not a label")));
    let events = request.asks("events").filter(|text| !text.is_empty());
    let event = |name: &str| {
        EventName::from_name(name)
            .ok_or_else(|| format!("events: '{name}' is not an event; docs/events.md lists them"))
    };
    let events = events.map(|names| names.split(',').map(event).collect());
    let events: EventSet = events.transpose()?.unwrap_or(EventSet::ALL);
    Ok((source.transpose()?, events.with_steady()))
}
