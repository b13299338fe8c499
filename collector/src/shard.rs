//! The loop: wait, drain the sockets, judge time, answer, tell.
//!
//! The sockets are drained before any deadline is judged, and time is judged only as far as they are: up to the
//! moment before a drain that came to its end, else up to the arrival of the last datagram taken. So no delay of
//! the collector's own is taken for the silence of a source.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use beacon_common::{Limit, Moment};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::clock::{self, Reading};
use crate::net::{BATCH, Inbox, Outbox, Socket, Unsent};
use crate::relay::{Queue, Relay};
use crate::signals::Obedience;
use crate::track::event::{Tick, What};
use crate::track::reject::Reject;
use crate::track::tracker::Tracker;
use crate::track::transmit::{Peer, Transmit};

/// How many batches are taken from one socket before time is judged again: one or two milliseconds' worth.
const BATCHES_A_CYCLE: usize = 64;

const ORDERS: Token = Token(usize::MAX);

const READER: Token = Token(usize::MAX - 1);

/// One thread's share of the sources: its sockets, and who is heard through them.
pub struct Shard<Q> {
    poll: Poll,
    wakers: Events,
    ports: Vec<Port>,
    inbox: Inbox,
    tracker: Tracker,
    relay: Relay<Q>,
    orders: Obedience,
    ticks: Option<Ticks>,
    /// Up to here reception was complete when time was last judged.
    judged: Moment,
    batches_a_cycle: usize,
    unreceived: Limit,
    unsent: Limit,
    /// Frames are made with keys and there are none here: worth a warning, once.
    warns_of_keys: bool,
}

/// A socket and what is known of its queue: mio tells once that something is waiting, so what a bounded drain
/// leaves there is remembered here.
struct Port {
    socket: Socket,
    is_waiting: bool,
    outbox: Outbox,
}

struct Ticks {
    period: Duration,
    next: Moment,
}

/// Why the loop has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    InOrder,
    /// Nobody reads the events any more.
    ReaderGone,
}

impl<Q: Queue> Shard<Q> {
    /// A shard that listens at `sockets`, tells through `relay`, and ticks every `tick`, if at all.
    ///
    /// # Errors
    /// The system's, where it has no file descriptors or memory to give.
    pub fn new(
        sockets: Vec<Socket>,
        tracker: Tracker,
        relay: Relay<Q>,
        orders: Obedience,
        tick: Option<Duration>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry();
        for (number, socket) in sockets.iter().enumerate() {
            registry.register(
                &mut SourceFd(&socket.as_raw_fd()),
                Token(number),
                Interest::READABLE,
            )?;
        }
        registry.register(&mut SourceFd(&orders.as_raw_fd()), ORDERS, Interest::READABLE)?;
        let now = clock::now();
        Ok(Self {
            poll,
            wakers: Events::with_capacity(sockets.len() + 2),
            ports: sockets.into_iter().map(Port::new).collect(),
            inbox: Inbox::default(),
            tracker,
            relay,
            orders,
            ticks: tick.map(|period| Ticks {
                period,
                next: now + period,
            }),
            judged: now,
            batches_a_cycle: BATCHES_A_CYCLE,
            unreceived: Limit::default(),
            unsent: Limit::default(),
            warns_of_keys: false,
        })
    }

    /// Warns, once, when a frame comes that is made with a key.
    #[must_use]
    pub const fn warning_of_keys(mut self) -> Self {
        self.warns_of_keys = true;
        self
    }

    /// Ends when the other end of `output` is closed, also while there is nothing to write to it.
    #[must_use]
    pub fn watching_reader(self, output: RawFd) -> Self {
        let registry = self.poll.registry();
        // A file cannot be watched, and has no reader that could go.
        if let Err(error) = registry.register(&mut SourceFd(&output), READER, Interest::WRITABLE) {
            log::debug!("the reader of the events is not watched: {error}");
        }
        self
    }

    /// Works until it is told to end or nobody reads any more.
    ///
    /// # Errors
    /// The system's, where it cannot wait.
    pub fn run(&mut self) -> io::Result<Ended> {
        let listen = self.ports.iter().map(|port| port.socket.local()).collect();
        self.relay.tell(What::Start { listen }, &clock::read());
        loop {
            self.wait(self.patience())?;
            self.cycle();
            if self.orders.reader_gone() {
                return Ok(Ended::ReaderGone);
            }
            if self.orders.end() {
                return Ok(Ended::InOrder);
            }
        }
    }

    /// Stops listening and tells what is left to tell, `end` last, until `give_up_at`.
    ///
    /// # Errors
    /// The system's, where it cannot wait.
    pub fn close(&mut self, give_up_at: Moment) -> io::Result<()> {
        self.ports.clear();
        while !self.relay.end(&mut self.tracker, &clock::read()) && !self.orders.reader_gone() {
            let rest = give_up_at.since(clock::now());
            if rest.is_zero() {
                log::warn!("the reader of the events was too slow: the last ones and the end are not told");
                return Ok(());
            }
            self.wait(Some(rest))?;
        }
        Ok(())
    }

    /// How long there is nothing to do unless something comes; `None` for ever.
    fn patience(&self) -> Option<Duration> {
        if self.ports.iter().any(|port| port.is_waiting) {
            return Some(Duration::ZERO);
        }
        let tick = self.ticks.as_ref().map(|ticks| ticks.next);
        let next = self.tracker.next_deadline().into_iter().chain(tick).min()?;
        Some(next.since(clock::now()))
    }

    /// Waits for datagrams and orders. The timeout is rounded up to the next millisecond.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.wakers, timeout) {
            // A signal: what it asks for is waiting in the orders, and the loop comes round again.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            polled => polled?,
        }
        for waker in &self.wakers {
            match waker.token() {
                ORDERS => self.orders.hear(),
                READER if waker.is_error() || waker.is_write_closed() => self.orders.reader_is_gone(),
                READER => {}
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
        self.judged = self.drain();
        self.tracker.on_time(self.judged);
        while let Some(transmit) = self.tracker.poll_transmit() {
            post(&mut self.ports, transmit, None);
        }
        (0..self.ports.len()).for_each(|number| self.send(number));
        if self.orders.take_states() {
            self.tracker.ask_all_states();
        }
        let clock = clock::read();
        self.warn_of_keys();
        self.relay.flush(&mut self.tracker, &clock);
        self.tick(&clock);
    }

    /// Takes what has arrived, within bounds. Returns the moment up to which that is everything.
    fn drain(&mut self) -> Moment {
        let mut complete = clock::now();
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
                    last = self.take(number, &clock::read()).unwrap_or(last);
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

    /// Hands a batch to the tracker and takes its answers. Returns when its last datagram arrived.
    fn take(&mut self, number: usize, clock: &Reading) -> Option<Moment> {
        let socket = u8::try_from(number).expect("the configuration takes at most 256 addresses");
        let mut last = None;
        for datagram in self.inbox.datagrams() {
            let arrival = clock.arrival(datagram.stamp_nanos, self.judged);
            let peer = Peer {
                addr: datagram.from,
                socket,
            };
            self.tracker.on_datagram(arrival, peer, datagram.bytes);
            while let Some(transmit) = self.tracker.poll_transmit() {
                // The answer leaves from the address that the beat came to: a firewall expects it from there.
                let from = datagram.to.filter(|_| transmit.peer == peer);
                post(&mut self.ports, transmit, from);
            }
            last = Some(arrival);
        }
        last
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

    fn tick(&mut self, clock: &Reading) {
        let Some(ticks) = self.ticks.as_mut().filter(|ticks| ticks.next <= clock.now) else {
            return;
        };
        ticks.next = ticks.next + ticks.period;
        if ticks.next <= clock.now {
            ticks.next = clock.now + ticks.period;
        }
        let tick = Tick {
            socket_drops: self.socket_drops(),
            events_dropped: self.relay.dropped(),
            ..self.tracker.tick()
        };
        self.relay.tell(What::Tick(tick), clock);
    }

    fn socket_drops(&mut self) -> u64 {
        self.ports.iter_mut().map(|port| port.socket.drops()).sum()
    }

    /// Without keys, frames made with one are dropped: most likely `--keys` was forgotten.
    fn warn_of_keys(&mut self) {
        if self.warns_of_keys && self.tracker.tick().rejected.get(Reject::Key) > 0 {
            self.warns_of_keys = false;
            log::warn!("frames made with a key are dropped, because there is no --keys to check them by");
        }
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

/// Lays a datagram out at the port that it is to leave by, from the address `from` where one is given.
fn post(ports: &mut [Port], Transmit { peer, frame }: Transmit, from: Option<IpAddr>) {
    if let Some(port) = ports.get_mut(usize::from(peer.socket)) {
        port.outbox.push(frame, peer.addr, from);
    }
}

#[cfg(test)]
mod tests;
