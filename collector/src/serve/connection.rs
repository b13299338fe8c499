//! One client: gathers its requests, answers one after the other, and is dropped when it is too slow.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;

use beacon_common::Moment;
use mio::net::{TcpListener, TcpStream};

use super::limits::{
    ANSWERED_WITHIN, CLOSED_WITHIN, IDLE_FOR, MAX_CLIENTS, MAX_HEAD, PARTS_A_TURN, REQUEST_WITHIN,
    SHOWN_WITHIN, STALLED_FOR,
};
use super::link::Link;
use super::request::{self, Request};
use super::respond::{self, Code, Head};
use super::routes::{Reply, Site};
use super::server::{Fate, Guest};
use super::stream::{Body, Filling};

/// A connection.
pub(super) struct Client {
    link: Link<TcpStream>,
    phase: Phase,
    /// What the phase has to be over by.
    deadline: Moment,
    /// When its request began to come, or it had all that it had asked for.
    idle_from: Moment,
    input: Vec<u8>,
    output: VecDeque<Part>,
    /// How much of the first part is written.
    written: usize,
}

enum Phase {
    /// A request is being gathered.
    Reading,
    /// Its answer waits for what the shards show.
    Asked(Request),
    /// The answer is being written; what follows its first part is made when there is room for it.
    Answering {
        body: Body,
        keep_alive: bool,
        over_by: Moment,
    },
    /// All is written, and what still comes is thrown away, so that the client gets to read the answer.
    Closing,
}

enum Part {
    Own(Vec<u8>),
    Shared(Arc<str>),
}

impl Part {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(text) => text.as_bytes(),
        }
    }
}

impl Guest for Client {
    type Listener = TcpListener;
    type Stream = TcpStream;
    type World = Site;

    const MOST: usize = MAX_CLIENTS;
    const NAME: &str = "an HTTP client";

    fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        let (stream, _) = listener.accept()?;
        // Without it, the end of an answer waits for the client's acknowledgement of what comes before it.
        if let Err(error) = stream.set_nodelay(true) {
            log::debug!("an HTTP client is gone: {error}");
        }
        Ok(stream)
    }

    fn new(stream: TcpStream, now: Moment) -> Self {
        Self {
            link: Link::new(stream),
            phase: Phase::Reading,
            deadline: now + REQUEST_WITHIN,
            idle_from: now,
            input: Vec::new(),
            output: VecDeque::new(),
            written: 0,
        }
    }

    fn link(&mut self) -> &mut Link<TcpStream> {
        &mut self.link
    }

    fn idle_since(&self) -> Option<Moment> {
        matches!(self.phase, Phase::Reading | Phase::Closing).then_some(self.idle_from)
    }

    fn is_following(&self) -> bool {
        matches!(
            self.phase,
            Phase::Answering {
                body: Body::Events(_),
                ..
            }
        )
    }

    fn wakes_at(&self) -> Moment {
        match &self.phase {
            Phase::Answering { body, .. } if self.output.is_empty() => {
                body.wakes_at().unwrap_or(self.deadline).min(self.deadline)
            }
            _ => self.deadline,
        }
    }

    fn deadline(&self) -> Moment {
        self.deadline
    }

    fn expire(&mut self, now: Moment) -> Fate {
        if !matches!(self.phase, Phase::Asked(_)) {
            return Fate::Over;
        }
        let (head, body) = respond::plain(Code::Unavailable, "the collector does not answer in time");
        self.answer_whole(&head, body, false, now);
        Fate::Again
    }

    fn step(&mut self, site: &mut Site, now: Moment) -> io::Result<Option<Fate>> {
        Ok(match &self.phase {
            Phase::Reading => self.gather(now)?,
            Phase::Asked(request) => match site.answer(request, now) {
                Reply::NotYet => Some(Fate::Wait),
                reply => self.begin(reply, site, now),
            },
            Phase::Answering { .. } => self.go_on(site, now)?,
            Phase::Closing => Some(self.drain()?),
        })
    }
}

impl Client {
    /// Reads more of a request, and takes it when it is whole.
    fn gather(&mut self, now: Moment) -> io::Result<Option<Fate>> {
        if let Some(end) = end_of_head(&self.input)
            && let Some(fate) = self.take_request(end, now)
        {
            return Ok(fate);
        }
        let had = self.input.len();
        if had >= MAX_HEAD {
            self.refuse(request::Refusal::TooLarge, now);
            return Ok(None);
        }
        let mut bytes = [0; 2_048];
        let most = bytes.len().min(MAX_HEAD - had);
        match self.link.read(&mut bytes[..most])? {
            None => return Ok(Some(Fate::Wait)),
            Some(0) => return Ok(Some(Fate::Over)),
            Some(count) => self.input.extend_from_slice(&bytes[..count]),
        }
        if had == 0 {
            self.begin_request(now);
        }
        Ok(None)
    }

    /// The first bytes have come. Empty lines before a request are passed over (RFC 9112, section 2.2) and buy no time:
    /// only a request has it begin to run, and no byte that follows has it begin anew.
    fn begin_request(&mut self, now: Moment) {
        self.pass_over_empty_lines();
        if !self.input.is_empty() {
            self.idle_from = now;
            self.deadline = self.deadline.min(now + REQUEST_WITHIN);
        }
    }

    fn pass_over_empty_lines(&mut self) {
        let empty = self.input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let empty = empty.count();
        self.input.drain(..empty);
    }

    /// Takes the request from the input; `None` where it turns out not to be complete.
    fn take_request(&mut self, end: usize, now: Moment) -> Option<Option<Fate>> {
        match request::parse(&self.input[..end]) {
            Ok(None) => return None,
            Ok(Some((request, length))) => {
                self.input.drain(..length);
                self.phase = Phase::Asked(request);
                self.deadline = now + SHOWN_WITHIN;
            }
            Err(refusal) => self.refuse(refusal, now),
        }
        Some(None)
    }

    fn refuse(&mut self, refusal: request::Refusal, now: Moment) {
        let (head, body) = respond::refuse(refusal);
        self.answer_whole(&head, body, false, now);
    }

    fn answer_whole(&mut self, head: &Head, body: Vec<u8>, keep_alive: bool, now: Moment) {
        let length = body.len();
        self.output
            .push_back(Part::Own(head.emit(Some(length), keep_alive)));
        self.output.push_back(Part::Own(body));
        self.start(Body::Done, keep_alive, now);
    }

    fn start(&mut self, body: Body, keep_alive: bool, now: Moment) {
        let over_by = match body {
            Body::Events(_) => Moment::NEVER,
            Body::Done | Body::Rows(_) => now + ANSWERED_WITHIN,
        };
        self.deadline = now + STALLED_FOR;
        self.phase = Phase::Answering {
            body,
            keep_alive,
            over_by,
        };
    }

    /// Begins to answer.
    fn begin(&mut self, reply: Reply, site: &mut Site, now: Moment) -> Option<Fate> {
        let Phase::Asked(request) = &self.phase else {
            return None;
        };
        let (is_head, mut keep_alive) = (request.is_head, request.keep_alive);
        match reply {
            Reply::NotYet => return Some(Fate::Wait),
            Reply::Whole(head, body) => {
                self.answer_whole(&head, body, keep_alive, now);
            }
            Reply::Shared(head, text) => {
                let head = head.emit(Some(text.len()), keep_alive);
                self.output.extend([Part::Own(head), Part::Shared(text)]);
                self.start(Body::Done, keep_alive, now);
            }
            Reply::Stream(head, mut body) => {
                let mut first = Vec::new();
                let is_whole = body.fill(site, now, &mut first) == Filling::Done;
                keep_alive &= is_whole;
                let length = is_whole.then_some(first.len());
                self.output.push_back(Part::Own(head.emit(length, keep_alive)));
                self.output.push_back(Part::Own(first));
                let body = if is_whole { Body::Done } else { body };
                self.start(body, keep_alive, now);
            }
        }
        if is_head {
            self.output.truncate(1);
            self.start(Body::Done, keep_alive, now);
        }
        None
    }

    /// Writes what is there, and has more made of it.
    fn go_on(&mut self, site: &mut Site, now: Moment) -> io::Result<Option<Fate>> {
        if !self.write(now)? {
            return Ok(Some(Fate::Wait));
        }
        let Phase::Answering { body, keep_alive, .. } = &mut self.phase else {
            return Ok(None);
        };
        let mut more = Vec::new();
        match body.fill(site, now, &mut more) {
            Filling::More => {}
            Filling::Nothing => {
                // Nothing is waiting for this client, so it is not the one that is slow.
                self.deadline = Moment::NEVER;
                return self.drain().map(Some);
            }
            Filling::Done if more.is_empty() => {
                let keep_alive = *keep_alive;
                return self.end(keep_alive, now).map(|()| None);
            }
            Filling::Done => *body = Body::Done,
        }
        if self.deadline == Moment::NEVER {
            self.deadline = now + STALLED_FOR;
        }
        self.output.push_back(Part::Own(more));
        Ok(None)
    }

    /// All of the answer is written.
    fn end(&mut self, keep_alive: bool, now: Moment) -> io::Result<()> {
        if keep_alive {
            self.phase = Phase::Reading;
            self.deadline = now + IDLE_FOR;
            self.begin_request(now);
        } else {
            self.link.stream.shutdown(Shutdown::Write)?;
            self.phase = Phase::Closing;
            self.deadline = now + CLOSED_WITHIN;
        }
        self.idle_from = now;
        Ok(())
    }

    /// Writes what is there; whether all of it was taken.
    fn write(&mut self, now: Moment) -> io::Result<bool> {
        while let Some(part) = self.output.front() {
            let rest = &part.bytes()[self.written..];
            if rest.is_empty() {
                self.output.pop_front();
                self.written = 0;
                continue;
            }
            let Some(count) = self.link.write(rest)? else {
                return Ok(false);
            };
            self.written += count;
            if let Phase::Answering { over_by, .. } = self.phase {
                self.deadline = over_by.min(now + STALLED_FOR);
            }
        }
        Ok(true)
    }

    /// Throws away what the client sends; it is over when it has closed its side.
    fn drain(&mut self) -> io::Result<Fate> {
        let mut bytes = [0; 2_048];
        for _ in 0..PARTS_A_TURN {
            match self.link.read(&mut bytes)? {
                None => return Ok(Fate::Wait),
                Some(0) => return Ok(Fate::Over),
                Some(_) => {}
            }
        }
        Ok(Fate::Again)
    }
}

/// Where the head of a request may end, so that a client that sends it byte by byte has it parsed once.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut line_ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let blank = line_ends.find(|&(at, _)| matches!(&bytes[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]));
    let (at, _) = blank?;
    Some(at + if bytes[at + 1] == b'\n' { 2 } else { 3 })
}

#[cfg(test)]
mod tests;
