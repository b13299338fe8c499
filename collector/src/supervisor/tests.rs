use super::worker::Farewell;
use super::*;
use crate::handle::{Ending, Mail, connect};
use crate::output::Entry;
use crate::output::events::EventSet;
use crate::output::pipe::Full;
use crate::signals::{self, Orders};
use beacon_common::manager::Manager;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;

/// A queue of which the threads of a test see the same.
#[derive(Clone, Debug, Default)]
struct Queued(Arc<Mutex<Vec<What>>>);

impl Queue for Queued {
    fn push(&self, entry: Entry) -> Result<(), Full> {
        self.0.lock().unwrap().push(entry.what);
        Ok(())
    }

    fn room(&self) -> usize {
        usize::MAX
    }

    fn want_room(&self) {}
}

impl Queued {
    fn told(&self) -> Vec<What> {
        self.0.lock().unwrap().clone()
    }
}

const TICK: Duration = Duration::from_secs(10);

fn supervisor() -> (Supervisor<Queued>, Queued, Arc<Orders>) {
    let (orders, obedience) = signals::orders().unwrap();
    let queue = Queued::default();
    let teller = Teller::new(queue.clone(), usize::MAX, EventSet::ALL);
    let supervisor = Supervisor::new(obedience, teller, Some(TICK)).unwrap();
    (supervisor, queue, Arc::new(orders))
}

fn counted(received: u64) -> Tick {
    Tick {
        received,
        ..Tick::default()
    }
}

/// A worker that does to each message what `answer` says, until that is to end, when it has counted 3 datagrams.
fn worker(orders: &Arc<Orders>, answer: impl Fn(Message) -> Option<()> + Send + 'static) -> Worker {
    let mut poll = Poll::new().unwrap();
    let (handle, mail) = connect(poll.registry(), Token(0)).unwrap();
    let has_ended = Arc::new(AtomicBool::new(false));
    let farewell = Farewell {
        has_ended: Arc::clone(&has_ended),
        orders: Arc::clone(orders),
    };
    let thread = thread::spawn(move || {
        let (mut mail, _farewell): (Mail, _) = (mail, farewell);
        loop {
            poll.poll(&mut Events::with_capacity(1), None)?;
            while let Some(message) = mail.read() {
                if answer(message).is_none() {
                    return Ok(counted(3));
                }
            }
        }
    });
    Worker {
        handle,
        has_ended,
        thread,
    }
}

/// One that has counted `received`, and ends when it is told to.
fn counting(orders: &Arc<Orders>, received: u64) -> Worker {
    worker(orders, move |message| match message {
        Message::Tick(to) => {
            let mut tick = Tick {
                received,
                socket_drops: 1,
                ..Tick::default()
            };
            tick.sources[0] = received;
            to.send(tick).ok()
        }
        Message::End(_) => None,
        Message::States
        | Message::Strays(_)
        | Message::Keys(_)
        | Message::Expect(_)
        | Message::Show(_)
        | Message::Operate(_)
        | Message::Portion(_)
        | Message::Changes(_) => Some(()),
    })
}

#[test]
fn ticks_come_when_they_are_due_and_none_is_made_up_for() {
    let (mut supervisor, queue, _orders) = supervisor();
    let start = supervisor.ticks.as_ref().unwrap().next;
    let mut reading = clock::read();
    for (seconds, ticks) in [(-1, 0), (0, 1), (5, 1), (10, 2), (75, 3), (80, 3), (85, 4)] {
        reading.now = Moment::from_nanos(start.as_nanos().saturating_add_signed(seconds * 1_000_000_000));
        supervisor.tick(&reading);
        assert_eq!(queue.told().len(), ticks, "{seconds} s after the first");
    }
    assert!(matches!(queue.told()[0], What::Tick(_)));
}

#[test]
fn a_tick_is_the_sum_of_all_workers() {
    let (mut supervisor, _queue, orders) = supervisor();
    supervisor.workers = vec![counting(&orders, 3), counting(&orders, 40)];
    let tick = supervisor.count().unwrap();
    assert_eq!((tick.received, tick.socket_drops), (43, 2));
    assert_eq!(tick.sources[0], 43);
    supervisor.end().unwrap();
}

/// A worker that hangs is no reason to say that all is well.
#[test]
fn the_watchdog_is_not_fed_while_a_worker_does_not_answer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let listener = UnixDatagram::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let heard = || {
        let mut bytes = [0; 100];
        let next = || listener.recv(&mut bytes).ok().map(|len| bytes[..len].to_vec());
        std::iter::from_fn(next).any(|word| word == b"WATCHDOG=1")
    };
    let (supervisor, _queue, orders) = supervisor();
    let now = clock::now();
    let manager = Manager::new(path.as_ref(), Some("10".as_ref())).unwrap();
    let mut supervisor = supervisor.notifying(Some(Notifier::new(manager, now)));
    supervisor.workers = vec![counting(&orders, 3)];
    supervisor.notify(now);
    assert!(heard());
    let deaf = worker(&orders, |message| match message {
        Message::End(_) => None,
        _ => Some(()),
    });
    supervisor.workers.push(deaf);
    supervisor.notify(clock::now());
    assert!(!heard());
    supervisor.end().unwrap();
}

#[test]
fn the_end_is_told_when_every_worker_has_ended() {
    let (supervisor, queue, orders) = supervisor();
    let telling = {
        let queue = queue.clone();
        worker(&orders, move |message| match message {
            Message::End(Ending::InOrder(_)) => {
                // Long enough for an end that does not wait to come first.
                thread::park_timeout(Duration::from_millis(20));
                queue.0.lock().unwrap().push(What::Gap { dropped: 7 });
                None
            }
            _ => Some(()),
        })
    };
    let workers = vec![counting(&orders, 0), telling];
    orders.end();
    supervisor.run(workers).unwrap();
    assert_eq!(queue.told(), [What::Gap { dropped: 7 }, What::End(counted(6))]);
}

#[test]
fn a_worker_that_fails_ends_the_others_and_the_run() {
    let (supervisor, queue, orders) = supervisor();
    let failing = {
        let mut worker = counting(&orders, 0);
        let farewell = Farewell {
            has_ended: Arc::clone(&worker.has_ended),
            orders: Arc::clone(&orders),
        };
        worker.thread = thread::spawn(move || {
            let _farewell = farewell;
            Err(io::Error::other("no more"))
        });
        worker
    };
    let error = supervisor.run(vec![counting(&orders, 0), failing]).unwrap_err();
    assert_eq!(error.to_string(), "no more");
    assert_eq!(queue.told(), []);
}

#[test]
fn when_the_reader_is_gone_nothing_is_told_and_all_end() {
    let (supervisor, queue, orders) = supervisor();
    let (to, endings) = channel();
    let asked = worker(&orders, move |message| match message {
        Message::End(ending) => to.send(ending).ok().and(None),
        _ => Some(()),
    });
    orders.reader_is_gone();
    supervisor.run(vec![asked]).unwrap();
    assert_eq!(endings.try_iter().collect::<Vec<_>>(), [Ending::ReaderGone]);
    assert_eq!(queue.told(), []);
}

/// A reader that goes while the workers still wait for it to read on.
#[test]
fn orders_are_heard_while_the_workers_end() {
    let (supervisor, queue, orders) = supervisor();
    let waiting = {
        let heard = Arc::clone(&orders);
        worker(&orders, move |message| match message {
            Message::End(Ending::ReaderGone) => None,
            Message::End(Ending::InOrder(_)) => {
                heard.reader_is_gone();
                Some(())
            }
            _ => Some(()),
        })
    };
    orders.end();
    let (to, done) = channel();
    thread::spawn(move || to.send(supervisor.run(vec![waiting]).is_ok()));
    assert_eq!(done.recv_timeout(Duration::from_secs(20)), Ok(true));
    assert_eq!(queue.told(), []);
}
