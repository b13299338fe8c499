//! One client of the control socket: one line is asked, one answer given, and that is all.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use beacon_common::{Label, Moment};
use mio::net::UnixStream;

use super::super::limits::{ANSWERED_WITHIN, MAX_CONTROLLERS, REQUEST_WITHIN, SHOWN_WITHIN, STALLED_FOR};
use super::super::link::Link;
use super::super::picture::Need;
use super::super::routes::Site;
use super::super::selection::Selection;
use super::super::server::{Fate, Guest};
use super::super::status::{self, Listing};
use super::super::stream::{Body, Filling};
use super::answer;
use super::{Desk, Socket};
use crate::control::{Ask, MAX_REQUEST, Refusal};
use crate::handle::{Answer, Operation};
use crate::track::tracker::Outcome;

/// A connection.
pub(in crate::serve) struct Client {
    link: Link<UnixStream>,
    phase: Phase,
    /// What the phase has to be over by.
    deadline: Moment,
    input: Vec<u8>,
    output: Vec<u8>,
    /// How much of the output is written.
    written: usize,
}

enum Phase {
    /// The request is being gathered.
    Reading,
    /// Its answer waits for what the shards show.
    Asked(Ask),
    /// Its answer waits for what a shard does.
    Ordered(Label, Receiver<Outcome>),
    /// The answer is being written.
    Answering { body: Body, over_by: Moment },
}

impl Guest for Client {
    type Listener = Socket;
    type Stream = UnixStream;
    type World = Desk;

    const MOST: usize = MAX_CONTROLLERS;
    const NAME: &str = "a client of the control socket";

    fn accept(listener: &Socket) -> io::Result<UnixStream> {
        listener.accept()
    }

    fn new(stream: UnixStream, now: Moment) -> Self {
        Self {
            link: Link::new(stream),
            phase: Phase::Reading,
            deadline: now + REQUEST_WITHIN,
            input: Vec::new(),
            output: Vec::new(),
            written: 0,
        }
    }

    fn link(&mut self) -> &mut Link<UnixStream> {
        &mut self.link
    }

    fn idle_since(&self) -> Option<Moment> {
        matches!(self.phase, Phase::Reading).then_some(self.deadline)
    }

    fn is_following(&self) -> bool {
        false
    }

    fn deadline(&self) -> Moment {
        self.deadline
    }

    fn expire(&mut self, now: Moment) -> Fate {
        if !matches!(self.phase, Phase::Asked(_) | Phase::Ordered(..)) {
            return Fate::Over;
        }
        self.refuse(Refusal::Timeout, "the collector does not answer in time", now);
        Fate::Again
    }

    fn step(&mut self, desk: &mut Desk, now: Moment) -> io::Result<Option<Fate>> {
        Ok(match &self.phase {
            Phase::Reading => self.gather(now)?,
            Phase::Asked(_) => self.begin(desk, now),
            Phase::Ordered(..) => self.take_outcome(&mut desk.site, now),
            Phase::Answering { .. } => self.go_on(&mut desk.site, now)?,
        })
    }
}

impl Client {
    /// Reads on until there is a whole line. What comes behind it is nobody's business.
    fn gather(&mut self, now: Moment) -> io::Result<Option<Fate>> {
        loop {
            let mut bytes = [0; MAX_REQUEST];
            let room = MAX_REQUEST - self.input.len();
            let Some(count) = self.link.read(&mut bytes[..room])? else {
                return Ok(Some(Fate::Wait));
            };
            self.input.extend_from_slice(&bytes[..count]);
            let end = self.input.iter().position(|byte| *byte == b'\n');
            match end {
                Some(end) => self.input.truncate(end),
                None if count == 0 && self.input.is_empty() => return Ok(Some(Fate::Over)),
                // Who has closed its side has said all.
                None if count == 0 => {}
                None if self.input.len() == MAX_REQUEST => {
                    let problem = format!("a request is one line of at most {MAX_REQUEST} bytes");
                    self.refuse(Refusal::Request, &problem, now);
                    return Ok(None);
                }
                None => continue,
            }
            match Ask::parse(&self.input) {
                Ok(ask) => {
                    self.phase = Phase::Asked(ask);
                    self.deadline = now + SHOWN_WITHIN;
                }
                Err(problem) => self.refuse(Refusal::Request, &problem, now),
            }
            return Ok(None);
        }
    }

    /// Answers what was asked, or finds out what that takes.
    fn begin(&mut self, desk: &mut Desk, now: Moment) -> Option<Fate> {
        let Phase::Asked(ask) = &self.phase else {
            return None;
        };
        if let Ask::Operate(label, instruction) = ask {
            let (to, outcome) = channel();
            let waker = Arc::clone(&desk.waker);
            let label = *label;
            desk.operate(Operation {
                label,
                instruction: instruction.clone(),
                answer: Answer(Box::new(move |outcome| {
                    // Who asked may be gone.
                    if to.send(outcome).is_ok()
                        && let Err(error) = waker.wake()
                    {
                        log::error!("a serving thread cannot be woken: {error}");
                    }
                })),
            });
            self.phase = Phase::Ordered(label, outcome);
            return None;
        }
        let site = &mut desk.site;
        if site.looker.look(Need::Rows, now).is_none() {
            return Some(Fate::Wait);
        }
        match ask {
            Ask::Status { group, worst } => {
                let selection = Selection {
                    group: group.clone(),
                    ..Selection::default()
                };
                let worst = *worst;
                self.show(site, selection, worst, now);
            }
            &Ask::Source(label) => match answer::source(site, label, now) {
                Some(text) => self.answer(&text, now),
                None => self.refuse(Refusal::Unknown, &answer::unknown(label), now),
            },
            Ask::Operate(..) => {}
        }
        None
    }

    /// Shows the sources that `selection` takes: all, or so many of the worst.
    fn show(&mut self, site: &Site, selection: Selection, worst: Option<u64>, now: Moment) {
        if let Some(group) = &selection.group
            && !site.looker.picture().rows().any(|row| selection.takes_group(row))
        {
            let problem = format!("there is no group {group}");
            return self.refuse(Refusal::Unknown, &problem, now);
        }
        match worst {
            Some(count) => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                let text = status::worst(site, &selection, count, now);
                self.answer(&text, now);
            }
            None => self.start(Body::Rows(Box::new(Listing::new(selection))), now),
        }
    }

    fn take_outcome(&mut self, site: &mut Site, now: Moment) -> Option<Fate> {
        let Phase::Ordered(label, outcome) = &self.phase else {
            return None;
        };
        let outcome = match outcome.try_recv() {
            Ok(outcome) => outcome,
            Err(TryRecvError::Empty) => return Some(Fate::Wait),
            // The worker has ended.
            Err(TryRecvError::Disconnected) => return Some(Fate::Over),
        };
        // Whoever looks next sees it.
        site.looker.spoil();
        site.feed.count_edge();
        match answer::outcome(*label, outcome) {
            Ok(text) => self.answer(&text, now),
            Err((refusal, problem)) => self.refuse(refusal, &problem, now),
        }
        None
    }

    fn refuse(&mut self, refusal: Refusal, problem: &str, now: Moment) {
        let text = answer::refusal(refusal, problem);
        self.answer(&text, now);
    }

    fn answer(&mut self, text: &str, now: Moment) {
        self.output.extend_from_slice(text.as_bytes());
        self.start(Body::Done, now);
    }

    fn start(&mut self, body: Body, now: Moment) {
        self.deadline = now + STALLED_FOR;
        let over_by = now + ANSWERED_WITHIN;
        self.phase = Phase::Answering { body, over_by };
    }

    /// Writes what is there, and has more made of it. The end of the answer is the end of the connection.
    fn go_on(&mut self, site: &mut Site, now: Moment) -> io::Result<Option<Fate>> {
        if !self.write(now)? {
            return Ok(Some(Fate::Wait));
        }
        self.output.clear();
        self.written = 0;
        let Phase::Answering { body, .. } = &mut self.phase else {
            return Ok(None);
        };
        let filling = body.fill(site, now, &mut self.output);
        if filling == Filling::Done {
            *body = Body::Done;
        }
        Ok(self.output.is_empty().then_some(Fate::Over))
    }

    /// Writes what is there; whether all of it was taken.
    fn write(&mut self, now: Moment) -> io::Result<bool> {
        while self.written < self.output.len() {
            let Some(count) = self.link.write(&self.output[self.written..])? else {
                return Ok(false);
            };
            self.written += count;
            if let Phase::Answering { over_by, .. } = self.phase {
                self.deadline = over_by.min(now + STALLED_FOR);
            }
        }
        Ok(true)
    }
}
