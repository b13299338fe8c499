use super::*;
use crate::clock;
use crate::net::BATCH;
use beacon_common::FRAME_LEN;
use std::net::UdpSocket;
use std::time::Duration;

fn open_at(address: &str) -> Socket {
    Socket::open(address.parse().unwrap(), Place::Alone).unwrap()
}

/// A peer's socket on `host`, which waits long enough for what must come.
fn peer(host: &str) -> UdpSocket {
    let socket = UdpSocket::bind((host, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

/// What one batch holds: bytes, peer, own address.
type Held = Vec<(Vec<u8>, SocketAddr, Option<IpAddr>)>;

/// Loopback delivers before the send returns, so nothing is to be waited for.
fn take(socket: &Socket, inbox: &mut Inbox) -> Held {
    let taken = socket.receive(inbox).unwrap();
    let held: Held = inbox
        .datagrams()
        .map(|datagram| (datagram.bytes.to_vec(), datagram.from, datagram.to))
        .collect();
    assert_eq!(held.len(), taken);
    held
}

#[test]
fn every_length_is_received_and_what_is_too_long_comes_as_nothing() {
    let (socket, sender, mut inbox) = (open_at("127.0.0.1:0"), peer("127.0.0.1"), Inbox::default());
    let bytes: Vec<u8> = (0..=255).cycle().take(2_000).collect();
    for len in [64, 0, 63, 65, 1, 2_000, 64] {
        sender.send_to(&bytes[..len], socket.local()).unwrap();
    }
    let from = sender.local_addr().unwrap();
    let expected: Held = [64, 0, 63, 0, 1, 0, 64]
        .iter()
        .map(|&len| (bytes[..len].to_vec(), from, None))
        .collect();
    assert_eq!(take(&socket, &mut inbox), expected);
    assert_eq!(take(&socket, &mut inbox), []);
}

#[test]
fn a_batch_is_full_while_more_is_waiting() {
    let (socket, sender, mut inbox) = (open_at("[::1]:0"), peer("::1"), Inbox::default());
    let sent: Vec<Vec<u8>> = (0..BATCH as u8 + 3)
        .map(|number| vec![number; FRAME_LEN])
        .collect();
    sent.iter()
        .for_each(|bytes| assert_eq!(sender.send_to(bytes, socket.local()).unwrap(), FRAME_LEN));
    let (first, second) = (take(&socket, &mut inbox), take(&socket, &mut inbox));
    assert_eq!((first.len(), second.len()), (BATCH, 3));
    let received: Vec<_> = first.into_iter().chain(second).map(|(bytes, ..)| bytes).collect();
    assert_eq!(received, sent);
}

/// A socket whose datagrams the kernel stamps when they arrive. It begins to do so a moment after it is asked to,
/// for all sockets at once; until then a stamp is the time of reception.
pub(crate) fn with_stamps() -> Socket {
    let (socket, sender, mut inbox) = (open_at("127.0.0.1:0"), peer("127.0.0.1"), Inbox::default());
    for _ in 0..1_000_000 {
        sender.send_to(&[1; FRAME_LEN], socket.local()).unwrap();
        let between = clock::read().wall_nanos;
        assert_eq!(socket.receive(&mut inbox).unwrap(), 1);
        let stamps: Vec<_> = inbox
            .datagrams()
            .filter_map(|datagram| datagram.stamp_nanos)
            .collect();
        assert_eq!(stamps.len(), 1);
        if stamps[0] <= between {
            return socket;
        }
    }
    panic!("the kernel does not stamp arrivals");
}

#[test]
fn the_kernel_stamps_every_datagram_with_its_wall_clock() {
    let (socket, sender, mut inbox) = (with_stamps(), peer("127.0.0.1"), Inbox::default());
    let mut last = clock::read().wall_nanos;
    for _ in 0..2 * BATCH {
        sender.send_to(&[1; FRAME_LEN], socket.local()).unwrap();
    }
    let after = clock::read().wall_nanos;
    for _ in 0..2 {
        assert_eq!(socket.receive(&mut inbox).unwrap(), BATCH);
        for datagram in inbox.datagrams() {
            let stamp = datagram.stamp_nanos.unwrap();
            assert!((last..=after).contains(&stamp), "{last} {stamp} {after}");
            last = stamp;
        }
    }
}

/// IPv4 peers of the dual-stack socket are IPv4 peers, in whatever order they and others come.
#[test]
fn a_wildcard_socket_takes_both_families_and_answers_from_where_it_was_asked() {
    let (socket, mut inbox, mut outbox) = (open_at("[::]:0"), Inbox::default(), Outbox::default());
    let port = socket.local().port();
    let asked: [(&str, IpAddr); 4] = [
        ("127.0.0.1", "127.0.0.1".parse().unwrap()),
        ("::1", "::1".parse().unwrap()),
        ("127.0.0.1", "127.0.0.5".parse().unwrap()),
        ("::1", "::1".parse().unwrap()),
    ];
    let peers: Vec<_> = asked.iter().map(|(host, _)| peer(host)).collect();
    for (peer, (_, to)) in peers.iter().zip(asked) {
        peer.send_to(&[7; FRAME_LEN], (to, port)).unwrap();
    }
    let held = take(&socket, &mut inbox);
    for ((peer, (_, to)), (number, held)) in peers.iter().zip(asked).zip((0..).zip(held)) {
        assert_eq!(held, (vec![7; FRAME_LEN], peer.local_addr().unwrap(), Some(to)));
        outbox.push([number; FRAME_LEN], held.1, held.2);
    }
    socket.send(&mut outbox).unwrap();
    for ((peer, (_, to)), number) in peers.iter().zip(asked).zip(0..) {
        let mut bytes = [0; FRAME_LEN + 1];
        assert_eq!(
            peer.recv_from(&mut bytes).unwrap(),
            (FRAME_LEN, SocketAddr::from((to, port)))
        );
        assert_eq!(bytes[..FRAME_LEN], [number; FRAME_LEN]);
    }
}

#[test]
fn an_answer_that_cannot_be_sent_does_not_keep_the_others() {
    let (socket, mut outbox) = (open_at("127.0.0.1:0"), Outbox::default());
    let good = peer("127.0.0.1");
    let bad = "[::1]:9".parse().unwrap();
    let answers = BATCH as u8 + 8;
    for number in 0..answers {
        let to = if number % 20 == 3 {
            bad
        } else {
            good.local_addr().unwrap()
        };
        outbox.push([number; FRAME_LEN], to, None);
    }
    let unsent = socket.send(&mut outbox).unwrap_err();
    assert_eq!(unsent.count, 2);
    assert_eq!(unsent.error.raw_os_error(), Some(libc::EAFNOSUPPORT));
    for number in (0..answers).filter(|number| number % 20 != 3) {
        let mut bytes = [0; FRAME_LEN];
        assert_eq!(good.recv(&mut bytes).unwrap(), FRAME_LEN);
        assert_eq!(bytes, [number; FRAME_LEN]);
    }
    socket.send(&mut outbox).unwrap();
}

#[test]
fn what_the_socket_has_no_room_for_is_counted() {
    let (mut socket, sender, mut inbox) = (open_at("127.0.0.1:0"), peer("127.0.0.1"), Inbox::default());
    socket.inner.set_recv_buffer_size(1).unwrap();
    assert_eq!(socket.drops(), 0);
    let mut received = 0;
    for round in 1..=2 {
        for _ in 0..500 {
            sender.send_to(&[1; FRAME_LEN], socket.local()).unwrap();
        }
        received += take(&socket, &mut inbox).len() as u64;
        assert!((1..BATCH as u64).contains(&received), "{received}");
        assert_eq!(socket.drops(), 500 * round - received);
    }
}

#[test]
fn a_group_is_joined_beside_others_who_listen_to_it() {
    // Interface 1 is the loopback of every network namespace.
    let first = open_at("[ff02::be:ac%1]:0");
    let second = open_at(&first.local().to_string());
    assert_eq!(first.local(), second.local());
    let joined = std::fs::read_to_string("/proc/net/igmp6").unwrap();
    let is_group = |line: &str| line.starts_with("1 ") && line.contains("ff020000000000000000000000be00ac");
    assert!(joined.lines().any(is_group), "{joined}");
}

#[test]
fn a_buffer_that_is_too_small_comes_with_the_command_to_enlarge_it() {
    let line = too_small(212_992);
    assert!(
        line.starts_with("the kernel gives a receive buffer of 212992 bytes, "),
        "{line}"
    );
    assert!(line.ends_with("sysctl -w net.core.rmem_max=4194304"), "{line}");
}
