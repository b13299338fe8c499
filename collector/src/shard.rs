//! The loop of one worker: wait, drain the sockets, judge time, answer, tell.
//!
//! The sockets are drained before any deadline is judged, and time is judged only as far as they are: up to the
//! moment before a drain that came to its end, else up to the arrival of the last datagram taken. So no delay of
//! the collector's own is taken for the silence of a source.

mod mail;
mod refusal;

use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::time::Duration;

use beacon_common::{Limit, Moment};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::clock::{self, Ages, Reading};
use crate::handle::{self, Ending, Handle, Mail};
use crate::lag::Lag;
use crate::net::{BATCH, Inbox, Outbox, Socket, Unsent};
use crate::relay::Relay;
use crate::sorter::Sorter;
use crate::store::bell::{Bell, Legacy};
use crate::teller::Queue;
use crate::track::event::Tick;
use crate::track::tracker::Tracker;
use crate::track::transmit::{Peer, Transmit};
use crate::vigil::{Vigil, Waiting};

use refusal::Refusal;

/// How many batches are taken from one socket before time is judged again: one or two milliseconds' worth.
const BATCHES_A_CYCLE: usize = 64;

const MAIL: Token = Token(usize::MAX);

/// One thread's share of the sources: its sockets, and who is heard through them.
pub struct Shard<Q> {
    poll: Poll,
    wakers: Events,
    ports: Vec<Port>,
    inbox: Inbox,
    /// Tells whose a datagram is, where there are other shards.
    sorter: Option<Sorter>,
    tracker: Tracker,
    relay: Relay<Q>,
    handle: Handle,
    mail: Mail,
    has_mail: bool,
    ending: Option<Ending>,
    /// Up to here reception was complete when time was last judged.
    judged: Moment,
    /// The clocks when nothing was waiting.
    idle: Reading,
    vigil: Vigil,
    /// When the oldest of the datagrams arrived that waited for the present cycle, where the vigil wants to know.
    oldest: Option<Moment>,
    is_watched: bool,
    batches_a_cycle: usize,
    lag: Lag,
    unreceived: Limit,
    unsent: Limit,
    refusal: Refusal,
    /// Rung when something is worth saving.
    bell: Option<Bell>,
}

/// A socket and what is known of its queue: mio tells once that something is waiting, so what a bounded drain
/// leaves there is remembered here.
struct Port {
    socket: Socket,
    is_waiting: bool,
    outbox: Outbox,
}

impl<Q: Queue> Shard<Q> {
    /// A shard that listens at `sockets` and tells through `relay`.
    ///
    /// # Errors
    /// The system's, where it has no file descriptors or memory to give.
    pub fn new(sockets: Vec<Socket>, tracker: Tracker, relay: Relay<Q>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry();
        for (number, socket) in sockets.iter().enumerate() {
            registry.register(
                &mut SourceFd(&socket.as_raw_fd()),
                Token(number),
                Interest::READABLE,
            )?;
        }
        let (handle, mail) = handle::connect(registry, MAIL)?;
        Ok(Self {
            poll,
            wakers: Events::with_capacity(sockets.len() + 1),
            ports: sockets.into_iter().map(Port::new).collect(),
            inbox: Inbox::default(),
            sorter: None,
            tracker,
            relay,
            handle,
            mail,
            has_mail: false,
            ending: None,
            judged: clock::now(),
            idle: clock::read(),
            vigil: Vigil::new(clock::sight()),
            oldest: None,
            is_watched: false,
            batches_a_cycle: BATCHES_A_CYCLE,
            lag: Lag::default(),
            unreceived: Limit::default(),
            unsent: Limit::default(),
            refusal: Refusal::default(),
            bell: None,
        })
    }

    /// Its sockets were open at `since`: nothing that it takes came before.
    #[must_use]
    pub const fn listening_since(mut self, since: Moment) -> Self {
        self.judged = since;
        self
    }

    /// Rings when something is worth saving, if there is a bell.
    #[must_use]
    pub fn ringing(mut self, bell: Option<Bell>) -> Self {
        self.bell = bell;
        self
    }

    /// Ends, and leaves what it knows to be saved.
    pub fn leave(self) {
        if let Some(bell) = self.bell {
            bell.leave(Legacy {
                tracker: self.tracker,
                heard_until: self.judged,
            });
        }
    }

    /// Takes only what is its own, as `sorter` says.
    pub fn sort_by(&mut self, sorter: Sorter) {
        self.sorter = Some(sorter);
    }

    /// How others reach it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Works until it is told to end. Returns what it has counted.
    ///
    /// # Errors
    /// The system's, where it cannot wait.
    pub fn run(&mut self) -> io::Result<Tick> {
        loop {
            self.wait(self.patience())?;
            self.cycle();
            match self.ending {
                None => {}
                Some(Ending::InOrder(_)) => return self.close(),
                Some(Ending::ReaderGone) => return Ok(self.tick()),
            }
        }
    }

    /// Stops listening and tells what is left to tell, while it may. What waits in a socket that others hold too stays
    /// there for whoever listens next.
    fn close(&mut self) -> io::Result<Tick> {
        let socket_drops = self.socket_drops();
        self.ports.clear();
        while let Some(Ending::InOrder(give_up_at)) = self.ending {
            let rest = give_up_at.since(clock::now());
            if self.relay.finish(&mut self.tracker, &clock::read()) {
                break;
            }
            if rest.is_zero() {
                log::warn!("the reader of the events was too slow: the last ones are not told");
                break;
            }
            let patience = if self.relay.is_paused() {
                Duration::ZERO
            } else {
                rest
            };
            self.wait(Some(patience))?;
            self.read_mail();
        }
        Ok(Tick {
            socket_drops,
            ..self.tracker.tick()
        })
    }

    /// How long there is nothing to do unless something comes; `None` for ever.
    fn patience(&self) -> Option<Duration> {
        if self.has_mail || self.relay.is_paused() || self.ports.iter().any(|port| port.is_waiting) {
            return Some(Duration::ZERO);
        }
        let next = self.tracker.next_deadline()?;
        Some(next.since(clock::now()))
    }

    /// Waits for datagrams and mail. The timeout is rounded up to the next millisecond.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.wakers, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            polled => polled?,
        }
        for waker in &self.wakers {
            match waker.token() {
                MAIL => self.has_mail = true,
                Token(number) => self
                    .ports
                    .get_mut(number)
                    .into_iter()
                    .for_each(|port| port.is_waiting = true),
            }
        }
        Ok(())
    }

    /// Takes what has arrived, judges time, tells.
    fn cycle(&mut self) {
        let now = clock::now();
        let due = self.tracker.next_deadline();
        self.is_watched = self.vigil.is_due(now);
        if self.is_watched || due.is_some_and(|due| due <= now) {
            // The wait may have ended before a datagram came, or by a signal that hid it.
            self.ports.iter_mut().for_each(|port| port.is_waiting = true);
        }
        if self.is_watched {
            self.drain_watched(now, due);
        } else {
            self.judged = self.drain(now);
        }
        self.read_mail();
        self.tracker.on_time(self.judged);
        self.post();
        (0..self.ports.len()).for_each(|number| self.send(number));
        self.refusal.tell(&self.tracker, now);
        let clock = clock::read();
        self.relay.flush(&mut self.tracker, &clock);
        if self.ports.iter().all(|port| !port.is_waiting) {
            self.idle = clock;
        }
        self.lag.count(clock::now().since(now));
        if let Some(bell) = self.bell.as_ref().filter(|_| self.tracker.take_changed()) {
            bell.ring();
        }
    }

    /// Takes what has arrived, and puts the deadlines off where the loop stood still before.
    fn drain_watched(&mut self, now: Moment, due: Option<Moment>) {
        let sight = clock::sight();
        let drops = self.socket_drops();
        self.oldest = None;
        self.judged = self.drain(now);
        let waiting = Waiting {
            due,
            oldest: self.oldest,
            drops,
        };
        if let Some(blind) = self.vigil.look(sight, waiting) {
            self.tracker
                .on_blind(blind.from, blind.until, blind.blind, blind.cause);
        }
    }

    /// Takes what has arrived, within bounds. Returns the moment up to which that is everything, which is `now` at
    /// most.
    fn drain(&mut self, now: Moment) -> Moment {
        let mut complete = now;
        for number in 0..self.ports.len() {
            complete = complete.min(self.drain_port(number).unwrap_or(complete));
        }
        complete.max(self.judged)
    }

    /// Returns when the last datagram taken arrived, where more are waiting: the queue is first in, first out.
    fn drain_port(&mut self, number: usize) -> Option<Moment> {
        let mut last = self.judged;
        for attempt in 1..=self.batches_a_cycle {
            let port = &mut self.ports[number];
            if !port.is_waiting {
                return None;
            }
            match port.socket.receive(&mut self.inbox) {
                Ok(taken) => {
                    port.is_waiting = taken == BATCH;
                    let ages = clock::read().ages_since(&self.idle);
                    if self.is_watched {
                        self.note_oldest(&ages);
                    }
                    last = self.take(number, &ages).unwrap_or(last);
                    self.send(number);
                }
                // Such as an ICMP answer to one of ours: the system tells it once, and the next call goes on. One
                // that goes on failing is tried again with the next datagram.
                Err(error) => {
                    port.is_waiting = attempt < self.batches_a_cycle;
                    if let Some(more) = self.unreceived.count(clock::now()) {
                        log::warn!("{}: cannot receive: {error}{more}", port.socket.local());
                    }
                }
            }
        }
        self.ports[number].is_waiting.then_some(last)
    }

    /// Notes when the first of a batch arrived, where that was before what is noted.
    fn note_oldest(&mut self, ages: &Ages) {
        let first = self.inbox.datagrams().next();
        let arrived = first.map(|datagram| ages.arrival(datagram.stamp_nanos, self.judged));
        self.oldest = self.oldest.into_iter().chain(arrived).min();
    }

    /// Hands a batch to the tracker and takes its answers. Returns when its last datagram arrived.
    fn take(&mut self, number: usize, ages: &Ages) -> Option<Moment> {
        let socket = u8::try_from(number).expect("the configuration takes at most 256 addresses");
        let mut last = None;
        let batch = self.inbox.datagrams().filter_map(|datagram| {
            let arrival = ages.arrival(datagram.stamp_nanos, self.judged);
            let peer = Peer {
                addr: datagram.from,
                socket,
                local: datagram.to,
            };
            last = Some(arrival);
            let is_own = match &mut self.sorter {
                Some(sorter) => sorter.is_own(&datagram, arrival, peer),
                None => true,
            };
            is_own.then_some((arrival, peer, datagram.bytes))
        });
        self.tracker.on_datagrams(batch);
        if let Some(sorter) = &mut self.sorter {
            sorter.hand_over();
        }
        self.post();
        last
    }

    /// Lays out what the tracker wants sent, each at the port that it is to leave by.
    fn post(&mut self) {
        while let Some(Transmit { peer, frame }) = self.tracker.poll_transmit() {
            if let Some(port) = self.ports.get_mut(usize::from(peer.socket)) {
                port.outbox.push(frame, peer.addr, peer.local);
            }
        }
    }

    /// Sends what waits at one port.
    fn send(&mut self, number: usize) {
        let Port { socket, outbox, .. } = &mut self.ports[number];
        let Err(Unsent { count, error }) = socket.send(outbox) else {
            return;
        };
        if let Some(more) = self.unsent.count_all(clock::now(), count) {
            log::warn!("{}: {count} answers not sent: {error}{more}", socket.local());
        }
    }

    /// What this shard has counted.
    fn tick(&mut self) -> Tick {
        Tick {
            socket_drops: self.socket_drops(),
            ..self.tracker.tick()
        }
    }

    fn socket_drops(&mut self) -> u64 {
        let drops: u64 = self.ports.iter_mut().map(|port| port.socket.drops()).sum();
        drops + self.mail.dropped()
    }
}

impl Port {
    fn new(socket: Socket) -> Self {
        Self {
            socket,
            is_waiting: true,
            outbox: Outbox::default(),
        }
    }
}

#[cfg(test)]
mod tests;
