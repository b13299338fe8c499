//! Above the shards: passes on what the collector is asked to do, and tells what concerns it as a whole.

mod end;
mod reread;
mod worker;

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use beacon_common::Moment;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

pub use self::end::Over;
pub use self::reread::Roster;
pub use self::worker::Worker;
use crate::clock::{self, Reading};
use crate::handle::Message;
use crate::notify::Notifier;
use crate::signals::Obedience;
use crate::store::keeper::Keeper;
use crate::teller::{Queue, Teller};
use crate::track::event::{Tick, What};

/// How long shards may take to say what they have counted: they do between two batches of datagrams.
const COUNT_WITHIN: Duration = Duration::from_secs(1);

const ORDERS: Token = Token(0);

const READER: Token = Token(1);

/// Watches over the shards.
pub struct Supervisor<Q> {
    poll: Poll,
    wakers: Events,
    orders: Obedience,
    teller: Teller<Q>,
    workers: Vec<Worker>,
    ticks: Option<Ticks>,
    /// The file of the master keys, to be read again on request.
    keys: Option<PathBuf>,
    /// Saves the state, if it is saved.
    keeper: Option<Keeper>,
    /// The file of the expected sources, likewise.
    roster: Option<Roster>,
    /// Tells a service manager how it goes, if there is one.
    notifier: Option<Notifier>,
}

struct Ticks {
    period: Duration,
    next: Moment,
}

impl<Q: Queue> Supervisor<Q> {
    /// One that obeys `orders`, tells through `teller`, and ticks every `tick`, if at all.
    ///
    /// # Errors
    /// The system's, where it has no file descriptors to give.
    pub fn new(orders: Obedience, teller: Teller<Q>, tick: Option<Duration>) -> io::Result<Self> {
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut SourceFd(&orders.as_raw_fd()), ORDERS, Interest::READABLE)?;
        let now = clock::now();
        Ok(Self {
            poll,
            wakers: Events::with_capacity(2),
            orders,
            teller,
            workers: Vec::new(),
            ticks: tick.map(|period| Ticks {
                period,
                next: now + period,
            }),
            keys: None,
            keeper: None,
            roster: None,
            notifier: None,
        })
    }

    /// Reads the master keys again from `file` when it is asked to.
    #[must_use]
    pub fn reading_keys(mut self, file: Option<PathBuf>) -> Self {
        self.keys = file;
        self
    }

    /// Has the state saved by `keeper`, if there is one, last of all when the workers have ended.
    #[must_use]
    pub fn saving_by(mut self, keeper: Option<Keeper>) -> Self {
        self.keeper = keeper;
        self
    }

    /// Reads the expected sources again by `roster` when it is asked to.
    #[must_use]
    pub fn reading_inventory(mut self, roster: Option<Roster>) -> Self {
        self.roster = roster;
        self
    }

    /// Has the service manager told by `notifier`, if there is one.
    #[must_use]
    pub fn notifying(mut self, notifier: Option<Notifier>) -> Self {
        self.notifier = notifier;
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

    /// Watches over `workers` until the collector is told to end, nobody reads any more or one of them fails, and
    /// then ends them, with `end` as the last line when the state is saved.
    ///
    /// # Errors
    /// The system's, where a worker or the supervisor cannot wait.
    pub fn run(mut self, workers: Vec<Worker>) -> io::Result<Over> {
        self.workers = workers;
        if let Some(notifier) = &mut self.notifier {
            notifier.ready(clock::now());
        }
        while !self.orders.end() && !self.orders.reader_gone() && !self.any_ended() {
            self.wait(self.patience())?;
            if self.orders.take_states() {
                self.workers
                    .iter()
                    .for_each(|worker| worker.handle.send(Message::States));
            }
            if self.orders.take_read_again() {
                self.read_again();
            }
            let clock = clock::read();
            self.tick(&clock);
            self.notify(clock.now);
            self.teller.make_up(&clock);
        }
        self.end()
    }

    fn any_ended(&self) -> bool {
        self.workers.iter().any(Worker::has_ended)
    }

    /// How long there is nothing to do unless something comes; `None` for ever.
    fn patience(&self) -> Option<Duration> {
        let tick = self.ticks.as_ref().map(|ticks| ticks.next);
        let notice = self.notifier.as_ref().map(Notifier::due);
        let next = tick.into_iter().chain(notice).min()?;
        Some(next.since(clock::now()))
    }

    /// Waits for orders. The timeout is rounded up to the next millisecond.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.wakers, timeout) {
            // A signal: what it asks for is waiting in the orders, and the loop comes round again.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            polled => polled?,
        }
        for waker in &self.wakers {
            match waker.token() {
                ORDERS => {
                    self.orders.hear();
                    // Those who wait for room in the output look again.
                    self.workers.iter().for_each(|worker| worker.handle.wake());
                }
                _ if waker.is_error() || waker.is_write_closed() => self.orders.reader_is_gone(),
                _ => {}
            }
        }
        Ok(())
    }

    fn tick(&mut self, clock: &Reading) {
        let Some(ticks) = self.ticks.as_mut().filter(|ticks| ticks.next <= clock.now) else {
            return;
        };
        ticks.next = ticks.next + ticks.period;
        if ticks.next <= clock.now {
            ticks.next = clock.now + ticks.period;
        }
        match self.count() {
            Ok(tick) => self.teller.tell(What::Tick(tick), clock),
            Err(_) => log::warn!("a worker has not answered within {COUNT_WITHIN:?}: this tick is left out"),
        }
    }

    /// Tells the service manager how it goes, where that is due and every worker answers.
    fn notify(&mut self, now: Moment) {
        if self.notifier.as_ref().is_none_or(|notifier| now < notifier.due()) {
            return;
        }
        let counted = self.count();
        let Some(notifier) = &mut self.notifier else {
            return;
        };
        match counted {
            Ok(tick) => notifier.alive(&tick, now),
            Err(_) => {
                log::warn!(
                    "a worker has not answered within {COUNT_WITHIN:?}: the service manager's watchdog is not fed"
                );
                notifier.look_again(now);
            }
        }
    }

    /// How often the state could not be saved.
    fn state_failures(&self) -> u64 {
        self.keeper
            .as_ref()
            .map_or(0, |keeper| keeper.failures().in_all())
    }

    /// What all shards together have counted.
    fn count(&self) -> Result<Tick, RecvTimeoutError> {
        let (to, counts) = channel();
        for worker in &self.workers {
            worker.handle.send(Message::Tick(to.clone()));
        }
        let mut sum = Tick {
            events_dropped: self.teller.dropped(),
            state_failures: self.state_failures(),
            hooks_dropped: self.teller.hooks_dropped(),
            ..Tick::default()
        };
        for _ in &self.workers {
            sum.add(&counts.recv_timeout(COUNT_WITHIN)?);
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests;
