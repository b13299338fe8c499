use super::*;
use crate::config::Listen;
use crate::handle::Message;
use crate::net::{self, Steering};
use crate::output::Entry;
use crate::output::events::EventSet;
use crate::output::pipe::Full;
use crate::teller::Teller;
use crate::track::config::Config;
use crate::track::event::{Happening, State, What};
use crate::track::reject::Reject;
use beacon_common::{
    FRAME_LEN, Flags, Frame, Health, KeyId, Kind, Label, MasterKey, Reason, Seq, Session, View,
};
use std::cell::RefCell;
use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroU16;
use std::rc::Rc;
use std::sync::mpsc::channel;

/// A queue without end.
#[derive(Clone, Debug, Default)]
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

fn shard() -> (Shard<Endless>, Endless, SocketAddr) {
    let listen = Listen::At(vec!["127.0.0.1:0".parse().unwrap()]);
    let mut listening = net::open(&listen, NonZeroU16::MIN).unwrap();
    let (address, told) = (listening.addresses[0], Endless::default());
    let shard = working_at(listening.shards.remove(0), &told);
    (shard, told, address)
}

fn working_at(sockets: Vec<Socket>, told: &Endless) -> Shard<Endless> {
    let relay = Relay::new(Teller::new(told.clone(), usize::MAX, EventSet::ALL));
    Shard::new(sockets, Tracker::new(Config::default()), relay).unwrap()
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
    let (mut shard, told, address) = shard();
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
    let (mut shard, _told, address) = shard();
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
    let (mut shard, told, _address) = shard();
    shard.cycle();
    assert_eq!(shard.patience(), None);
    assert!(told.0.borrow().is_empty());
}

#[test]
fn a_search_that_was_left_is_gone_on_with_at_once() {
    let (mut shard, told, address) = shard();
    let peer = Peer {
        addr: address,
        socket: 0,
        local: None,
    };
    for source in 0..5_000 {
        let frame = Frame {
            kind: Kind::Bye(Reason::Stop),
            next_ms: 0,
            ..View::parse(&beat(&format!("s{source}"), 1, 0)).unwrap().frame()
        };
        let mut bytes = [0; FRAME_LEN];
        frame.emit(None, &mut bytes);
        shard.tracker.on_datagram(clock::now(), peer, &bytes);
    }
    shard.cycle();
    assert_eq!(happenings(&told), [(Happening::Stopped, State::Stopped); 5_000]);
    work_until(&mut shard, |shard| shard.patience() != Some(Duration::ZERO));
    shard.tracker.ask_all_states();
    shard.cycle();
    assert_eq!(
        (told.0.borrow().len(), shard.patience()),
        (5_000, Some(Duration::ZERO))
    );
    work_until(&mut shard, |_| told.0.borrow().len() == 10_000);
}

/// What is asked of a shard while it waits.
#[test]
fn messages_are_heard_while_waiting() {
    let (mut shard, told, address) = shard();
    sender().send_to(&beat("fridge-7", 1, 0), address).unwrap();
    work_until(&mut shard, |shard| shard.tracker.tick().received == 1);
    let (to, counts) = channel();
    shard.handle().send(Message::Tick(to));
    shard.handle().send(Message::States);
    shard.handle().send(Message::End(Ending::InOrder(clock::now())));
    shard.run().unwrap();
    assert_eq!(counts.try_iter().map(|tick| tick.received).sum::<u64>(), 1);
    assert!(
        happenings(&told).contains(&(Happening::State, State::Up)),
        "{told:?}"
    );
    assert!(shard.ports.is_empty());
}

#[test]
fn a_shard_whose_reader_is_gone_tells_nothing_more() {
    let (mut shard, told, address) = shard();
    shard.handle().send(Message::End(Ending::ReaderGone));
    shard.run().unwrap();
    assert_eq!(happenings(&told), []);
    assert_eq!(shard.ports.len(), 1, "{address}");
}

/// Three shards that know each other, and their address.
fn three(address: &str) -> (Vec<Shard<Endless>>, Endless, SocketAddr, Steering) {
    let listen = Listen::At(vec![address.parse().unwrap()]);
    let listening = net::open(&listen, NonZeroU16::new(3).unwrap()).unwrap();
    let (address, told) = (listening.addresses[0], Endless::default());
    let steering = listening.steering.unwrap();
    let mut shards: Vec<_> = listening
        .shards
        .into_iter()
        .map(|sockets| working_at(sockets, &told))
        .collect();
    let handles: Vec<_> = shards.iter().map(Shard::handle).collect();
    for (number, shard) in shards.iter_mut().enumerate() {
        shard.sort_by(Sorter::new(steering.clone(), number, handles.clone()));
    }
    (shards, told, address, steering)
}

fn work(shards: &mut [Shard<Endless>]) {
    // Twice, so that strays are taken too.
    for _ in 0..2 {
        for shard in &mut *shards {
            shard.wait(Some(Duration::ZERO)).unwrap();
            shard.cycle();
        }
    }
}

fn received(shards: &[Shard<Endless>]) -> Vec<u64> {
    shards.iter().map(|shard| shard.tracker.tick().received).collect()
}

const LABELS: u32 = 60;

/// How many of `LABELS` are each shard's.
fn shares(steering: &Steering) -> Vec<u64> {
    let mut shares = vec![0; steering.shards()];
    (0..LABELS).for_each(|n| shares[steering.owner(&beat(&format!("s{n}"), 1, 0))] += 1);
    shares
}

#[test]
fn each_shard_takes_its_own_and_answers_it() {
    let (mut shards, told, address, steering) = three("127.0.0.1:0");
    for n in 0..LABELS {
        let sender = sender();
        sender.send_to(&beat(&format!("s{n}"), 1, 0), address).unwrap();
        work(&mut shards);
        assert_eq!(sender.recv_from(&mut [0; FRAME_LEN]).unwrap().1, address);
    }
    assert_eq!(received(&shards), shares(&steering));
    let ups = happenings(&told)
        .into_iter()
        .filter(|(happening, _)| *happening == Happening::Up);
    assert_eq!(ups.count(), LABELS as usize);
}

/// The kernel steers by the first of what was handed to it at once (UDP_SEGMENT).
#[test]
fn what_came_to_the_wrong_socket_is_handed_over() {
    let (mut shards, _told, address, steering) = three("127.0.0.1:0");
    let sender = sender();
    net::segment(&sender, FRAME_LEN).unwrap();
    let all: Vec<u8> = (0..LABELS).flat_map(|n| beat(&format!("s{n}"), 1, 0)).collect();
    assert_eq!(sender.send_to(&all, address).unwrap(), all.len());
    work(&mut shards);
    assert_eq!(received(&shards), shares(&steering));
    (0..LABELS).for_each(|_| assert_eq!(sender.recv_from(&mut [0; FRAME_LEN]).unwrap().1, address));
}

/// Linux delivers what is broadcast to every socket that would take it.
#[test]
fn a_broadcast_is_taken_once() {
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let (mut shards, _told, address, steering) = three(listen);
        let to = SocketAddr::from(([127, 255, 255, 255], address.port()));
        let sender = sender();
        sender.set_broadcast(true).unwrap();
        for n in 0..LABELS {
            sender.send_to(&beat(&format!("s{n}"), 1, 0), to).unwrap();
        }
        sender.send_to(b"rubbish", to).unwrap();
        work(&mut shards);
        let mut expected = shares(&steering);
        expected[0] += 1;
        assert_eq!(received(&shards), expected, "{listen}");
        (0..LABELS).for_each(|_| assert_eq!(sender.recv(&mut [0; FRAME_LEN]).unwrap(), FRAME_LEN));
    }
}

#[test]
fn who_is_refused_is_named_once_a_minute_for_each_reason() {
    let (mut shard, _told, address) = shard();
    let sender = sender();
    for (label, seq) in [("fridge-7", 1), ("fridge-8", 1)] {
        sender.send_to(&beat(label, seq, 7), address).unwrap();
    }
    work_until(&mut shard, |shard| {
        shard.tracker.refusals().counts().get(Reject::Key) == 2
    });
    let last = shard.tracker.refusals().last(Reject::Key).unwrap();
    assert_eq!(
        (last.label.as_str(), last.from),
        ("fridge-8", sender.local_addr().unwrap())
    );
    assert_eq!(shard.tracker.refusals().last(Reject::Tag), None);

    let mut refusal = Refusal::default();
    let start = clock::now();
    let told = [0, 59, 60].map(|second| refusal.tell(&shard.tracker, start + Duration::from_secs(second)));
    assert_eq!(told, [1, 0, 0], "there is nothing new");
    sender.send_to(&beat("fridge-7", 2, 7), address).unwrap();
    work_until(&mut shard, |shard| {
        shard.tracker.refusals().counts().get(Reject::Key) == 3
    });
    let told = [59, 61].map(|second| refusal.tell(&shard.tracker, start + Duration::from_secs(second)));
    assert_eq!(told, [0, 0], "counted while it was held back");
}

/// It beats every second and hears no probe. Each restart of a device that does is no reason for a line.
#[test]
fn who_does_not_answer_is_named_when_it_has_had_the_time() {
    let master = MasterKey::new(KeyId::new(7).unwrap(), [7; 16]);
    let mut tracker = Tracker::new(Config {
        keys: vec![master.clone()].into(),
        ..Config::default()
    });
    let peer = Peer {
        addr: "192.0.2.1:9".parse().unwrap(),
        socket: 0,
        local: None,
    };
    let mut refusal = Refusal::default();
    let key = master.device_key(&Label::new("fridge-7").unwrap());
    let told = (0..=75).filter(|&second: &u32| {
        let now = Moment::ORIGIN.after_ms(1_000_000 + u64::from(second) * 1_000);
        let mut bytes = beat("fridge-7", 1 + second, 0);
        let frame = View::parse(&bytes).unwrap().frame();
        frame.emit(Some(&key), &mut bytes);
        tracker.on_datagram(now, peer, &bytes);
        refusal.tell(&tracker, now) > 0
    });
    assert_eq!(told.collect::<Vec<_>>(), [10, 70]);
    assert_eq!(tracker.refusals().counts().get(Reject::Session), 76);
    let last = tracker.refusals().last(Reject::Session).unwrap();
    assert_eq!((last.label.as_str(), last.from), ("fridge-7", peer.addr));
}
