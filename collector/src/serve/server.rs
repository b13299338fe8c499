//! The loop of a serving thread: accept, let each client have its turn, drop who is too slow. What is spoken with them is
//! theirs ([`Guest`]).

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use beacon_common::{Limit, Moment};
use mio::event::Source;
use mio::{Events, Interest, Poll, Token};

use super::limits::PARTS_A_TURN;
use super::link::Link;
use super::routes::Site;
use crate::clock;

pub(super) const LISTENER: Token = Token(0);
pub(super) const WAKER: Token = Token(1);
const FIRST_CLIENT: usize = 2;

/// How many clients are taken in before the others have their turn.
const ACCEPTED_A_TURN: usize = 64;

/// How long to wait where the system has no room for another connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// How long to sleep at most, so that what nobody looks at is dropped.
const LOOK_AROUND: Duration = Duration::from_secs(30);

/// What becomes of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is waited for.
    Wait,
    /// It can go on at once, after the others.
    Again,
    /// It is over.
    Over,
}

/// A client.
pub(super) trait Guest: Sized {
    /// Where it comes in.
    type Listener: Source;
    /// Its connection.
    type Stream: Source + Read + Write;
    /// What it is served from.
    type World: AsMut<Site>;

    /// How many there are at once.
    const MOST: usize;
    /// What the log calls it.
    const NAME: &str;

    /// The next one that waits.
    fn accept(listener: &Self::Listener) -> io::Result<Self::Stream>;
    fn new(stream: Self::Stream, now: Moment) -> Self;
    fn link(&mut self) -> &mut Link<Self::Stream>;

    /// Since when it has kept a place without asking for anything, in a measure that grows with time; `None` where
    /// it is being answered.
    fn idle_since(&self) -> Option<Moment>;

    /// Whether it follows the event lines.
    fn is_following(&self) -> bool;

    /// By when what it does now has to be over.
    fn deadline(&self) -> Moment;

    /// When to look at it again though nothing has come.
    fn wakes_at(&self) -> Moment {
        self.deadline()
    }

    /// What was to be over by now.
    fn expire(&mut self, now: Moment) -> Fate;

    /// Does the next part of what there is to do; `None` where it can go on.
    fn step(&mut self, world: &mut Self::World, now: Moment) -> io::Result<Option<Fate>>;

    /// Does what there is to do, within bounds.
    fn turn(&mut self, world: &mut Self::World, now: Moment) -> Fate {
        let parts = (0..PARTS_A_TURN).find_map(|_| self.step(world, now).transpose());
        match parts.unwrap_or(Ok(Fate::Again)) {
            Ok(fate) if fate != Fate::Over && now >= self.deadline() => self.expire(now),
            Ok(fate) => fate,
            Err(error) => {
                log::debug!("{} is gone: {error}", Self::NAME);
                Fate::Over
            }
        }
    }
}

/// A serving thread's own.
pub(super) struct Server<G: Guest> {
    poll: Poll,
    wakers: Events,
    listener: G::Listener,
    /// Until when no connection is taken in; `None` where none waits.
    accepts_at: Option<Moment>,
    clients: Vec<Option<G>>,
    world: G::World,
    is_over: Arc<AtomicBool>,
    unaccepted: Limit,
}

impl<G: Guest> Server<G> {
    pub(super) fn new(poll: Poll, listener: G::Listener, world: G::World, is_over: Arc<AtomicBool>) -> Self {
        Self {
            poll,
            wakers: Events::with_capacity(G::MOST),
            listener,
            accepts_at: Some(clock::now()),
            clients: Vec::new(),
            world,
            is_over,
            unaccepted: Limit::default(),
        }
    }

    /// Serves until it is over.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut goes_on_at_once = false;
        loop {
            let is_over = self.is_over.load(Ordering::SeqCst);
            let site = self.world.as_mut();
            site.feed.listen();
            let now = clock::now();
            site.looker.take_answers(now);
            self.accept(now);
            goes_on_at_once |= self.turns(now);
            if is_over {
                return Ok(());
            }
            self.wait(goes_on_at_once)?;
            goes_on_at_once = false;
        }
    }

    fn wait(&mut self, goes_on_at_once: bool) -> io::Result<()> {
        let now = clock::now();
        let clients = self.clients.iter().flatten().map(G::wakes_at);
        let wakes_at = clients.chain(self.accepts_at).min().unwrap_or(Moment::NEVER);
        let timeout = match goes_on_at_once {
            true => Duration::ZERO,
            false => wakes_at.since(now).min(LOOK_AROUND),
        };
        match self.poll.poll(&mut self.wakers, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            polled => polled?,
        }
        for waker in &self.wakers {
            match waker.token() {
                LISTENER => self.accepts_at = Some(now),
                WAKER => {}
                Token(number) => {
                    let client = self.clients.get_mut(number - FIRST_CLIENT);
                    if let Some(client) = client.and_then(Option::as_mut) {
                        let is_error = waker.is_error();
                        client
                            .link()
                            .wake(waker.is_readable() || is_error, waker.is_writable() || is_error);
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes in those who wait, a bounded number of them.
    fn accept(&mut self, now: Moment) {
        if self.accepts_at.is_none_or(|at| at > now) {
            return;
        }
        for _ in 0..ACCEPTED_A_TURN {
            match G::accept(&self.listener) {
                Ok(stream) => self.admit(stream, now),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return self.accepts_at = None,
                    // Who is gone already makes room for the next.
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        if let Some(more) = self.unaccepted.count(now) {
                            log::warn!("{} cannot be taken in: {error}{more}", G::NAME);
                        }
                        return self.accepts_at = Some(now + ACCEPT_AGAIN);
                    }
                },
            }
        }
    }

    /// Gives a client a place: a free one, or that of the client that has been silent longest. Where all are being
    /// answered there is none.
    fn admit(&mut self, mut stream: G::Stream, now: Moment) {
        let Some(place) = self.place() else { return };
        let token = Token(FIRST_CLIENT + place);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut stream, token, interest) {
            log::debug!("{} cannot be watched: {error}", G::NAME);
            return;
        }
        self.close(place);
        self.clients[place] = Some(G::new(stream, now));
    }

    fn place(&mut self) -> Option<usize> {
        if let Some(place) = self.clients.iter().position(Option::is_none) {
            return Some(place);
        }
        if self.clients.len() < G::MOST {
            self.clients.push(None);
            return Some(self.clients.len() - 1);
        }
        let idle = |client: &Option<G>| client.as_ref().and_then(G::idle_since);
        let places = self.clients.iter().enumerate();
        places
            .filter_map(|(place, client)| idle(client).map(|since| (since, place)))
            .min()
            .map(|(_, place)| place)
    }

    fn close(&mut self, place: usize) {
        if let Some(mut client) = self.clients[place].take() {
            // What is closed is watched no longer.
            let _ = self.poll.registry().deregister(&mut client.link().stream);
        }
    }

    /// Lets each client have its turn; whether one of them can go on at once.
    fn turns(&mut self, now: Moment) -> bool {
        let mut goes_on_at_once = false;
        let clients = self.clients.iter().flatten();
        self.world.as_mut().followers = clients.filter(|client| client.is_following()).count();
        for place in 0..self.clients.len() {
            let Some(client) = &mut self.clients[place] else {
                continue;
            };
            match client.turn(&mut self.world, now) {
                Fate::Wait => {}
                Fate::Again => goes_on_at_once = true,
                Fate::Over => self.close(place),
            }
        }
        goes_on_at_once
    }
}
