use super::*;
use crate::config::Listen;
use crate::net;
use crate::output::Entry;
use crate::output::events::EventSet;
use crate::output::pipe::Full;
use crate::signals::{self, Orders};
use crate::track::config::Config;
use crate::track::event::{Happening, State};
use beacon_common::{FRAME_LEN, Flags, Frame, Health, Kind, Label, Seq, Session, View};
use std::cell::RefCell;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;

/// A queue without end.
#[derive(Clone, Default)]
struct Endless(Rc<RefCell<Vec<What>>>);

impl Queue for Endless {
    fn push(&self, entry: Entry) -> Result<(), Full> {
        self.0.borrow_mut().push(entry.what);
        Ok(())
    }

    fn room(&self) -> usize {
        usize::MAX
    }

    fn want_room(&self) {}
}

fn shard(tick: Option<Duration>) -> (Shard<Endless>, Endless, Orders, SocketAddr) {
    let sockets = net::open(&Listen::At(vec!["127.0.0.1:0".parse().unwrap()])).unwrap();
    let address = sockets[0].local();
    let (orders, obedience) = signals::orders().unwrap();
    let told = Endless::default();
    let relay = Relay::new(told.clone(), usize::MAX, EventSet::ALL);
    let shard = Shard::new(sockets, Tracker::new(Config::default()), relay, obedience, tick).unwrap();
    (shard, told, orders, address)
}

fn sender() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

fn beat(label: &str, seq: u32, key_id: u8) -> [u8; FRAME_LEN] {
    let frame = Frame {
        kind: Kind::Beat(Health::Ok),
        flags: Flags {
            want_ack: true,
            skipped: false,
        },
        misses: 0,
        label: Label::new(label).unwrap(),
        session: Session::new(1, 1),
        sent_us: u64::from(seq),
        seq: Seq::new(seq),
        interval_ms: 10,
        next_ms: 10,
        uptime_s: 1,
    };
    let mut bytes = [0; FRAME_LEN];
    frame.emit(None, &mut bytes);
    bytes[6] = key_id;
    bytes
}

/// Cycles until `is_done`, which the clock's passing must bring about.
fn work_until(shard: &mut Shard<Endless>, is_done: impl Fn(&Shard<Endless>) -> bool) {
    for _ in 0..10_000 {
        if is_done(shard) {
            return;
        }
        shard.wait(shard.patience()).unwrap();
        shard.cycle();
    }
    panic!("not done after 10,000 cycles");
}

fn happenings(told: &Endless) -> Vec<(Happening, State)> {
    let told = told.0.borrow();
    let of = |what: &What| match what {
        What::Source(source) => Some((source.happening, source.state)),
        _ => None,
    };
    told.iter().filter_map(of).collect()
}

#[test]
fn a_beat_is_answered_and_told_and_so_is_the_silence_after_it() {
    let (mut shard, told, _orders, address) = shard(None);
    let sender = sender();
    sender.send_to(&beat("fridge-7", 5, 0), address).unwrap();
    sender.send_to(b"rubbish", address).unwrap();
    shard.cycle();
    let mut bytes = [0; FRAME_LEN + 1];
    assert_eq!(sender.recv_from(&mut bytes).unwrap(), (FRAME_LEN, address));
    let ack = View::parse(&bytes[..FRAME_LEN]).unwrap().frame();
    assert_eq!((ack.kind, ack.seq, ack.sent_us), (Kind::Ack, Seq::new(5), 5));
    let tick = shard.tracker.tick();
    assert_eq!((tick.received, tick.rejected.get(Reject::Length)), (2, 1));

    work_until(&mut shard, |shard| shard.tracker.tick().sources[2] == 1);
    let expected = [
        (Happening::Up, State::Up),
        (Happening::Late, State::Late),
        (Happening::Down, State::Down),
    ];
    assert_eq!(happenings(&told), expected);
}

/// A drain that has not come to its end is continued at once, and time is judged only as far as it came.
#[test]
fn time_is_judged_no_further_than_reception() {
    let _stamps = net::with_stamps();
    let (mut shard, _told, _orders, address) = shard(None);
    shard.batches_a_cycle = 1;
    let sender = sender();
    let before = clock::now();
    (1..=BATCH as u32 + 8).for_each(|seq| {
        sender.send_to(&beat("fridge-7", seq, 0), address).unwrap();
    });
    let after = clock::now();
    shard.cycle();
    assert_eq!(shard.tracker.tick().received, BATCH as u64);
    assert!(
        before <= shard.judged && shard.judged < after,
        "{before:?} {:?} {after:?}",
        shard.judged
    );
    assert_eq!(shard.patience(), Some(Duration::ZERO));
    shard.cycle();
    assert_eq!(shard.tracker.tick().received, BATCH as u64 + 8);
    assert!(shard.judged > after);
}

#[test]
fn nothing_to_do_is_waited_for_without_end() {
    let (mut shard, told, _orders, _address) = shard(None);
    shard.cycle();
    assert_eq!(shard.patience(), None);
    assert!(told.0.borrow().is_empty());
}

#[test]
fn ticks_come_when_they_are_due_and_none_is_made_up_for() {
    let (mut shard, told, _orders, _address) = shard(Some(Duration::from_secs(10)));
    let start = shard.ticks.as_ref().unwrap().next;
    let mut reading = clock::read();
    for (seconds, ticks) in [(-1, 0), (0, 1), (5, 1), (10, 2), (75, 3), (80, 3), (85, 4)] {
        reading.now = Moment::from_nanos(start.as_nanos().saturating_add_signed(seconds * 1_000_000_000));
        shard.tick(&reading);
        assert_eq!(told.0.borrow().len(), ticks, "{seconds} s after the first");
    }
    assert!(matches!(told.0.borrow()[0], What::Tick(_)));
}

#[test]
fn orders_are_heard_while_waiting() {
    let (mut shard, told, orders, address) = shard(None);
    sender().send_to(&beat("fridge-7", 1, 0), address).unwrap();
    orders.reader_is_gone();
    assert_eq!(shard.run().unwrap(), Ended::ReaderGone);
    assert_eq!(
        told.0.borrow()[0],
        What::Start {
            listen: vec![address]
        }
    );
    shard.close(clock::now()).unwrap();
    assert_eq!(told.0.borrow().last(), Some(&What::End));
}

#[test]
fn a_frame_with_a_key_is_warned_of_once() {
    let (shard, _told, _orders, address) = shard(None);
    let mut shard = shard.warning_of_keys();
    shard.cycle();
    assert!(shard.warns_of_keys);
    sender().send_to(&beat("fridge-7", 1, 7), address).unwrap();
    work_until(&mut shard, |shard| !shard.warns_of_keys);
    assert_eq!(shard.tracker.tick().rejected.get(Reject::Key), 1);
}
