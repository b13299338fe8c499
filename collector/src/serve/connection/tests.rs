use super::*;
use std::io::Write as _;
use std::net;
use std::time::Duration;

/// A client that is taken in at `now`, and the other side, which has sent a byte.
fn client(now: Moment) -> (Client, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.write_all(b"G").unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.peek(&mut [0]).unwrap();
    stream.set_nonblocking(true).unwrap();
    (Client::new(TcpStream::from_std(stream), now), peer)
}

#[test]
fn the_client_that_has_been_silent_longest_makes_room() {
    let at = |seconds| Moment::ORIGIN + Duration::from_secs(seconds);
    let (mut kept, _kept_peer) = client(at(0));
    kept.end(true, at(1)).unwrap();
    let (connected, _connected_peer) = client(at(101));
    assert!(kept.deadline() > connected.deadline());
    assert_eq!(kept.idle_since(), Some(at(1)));
    assert_eq!(connected.idle_since(), Some(at(101)));
    assert_eq!(kept.gather(at(102)).unwrap(), None);
    assert_eq!(kept.idle_since(), Some(at(102)), "it asks for something");
}

/// Has `peer` send `text`, and the client take it at `now`.
fn send(client: &mut Client, peer: &mut net::TcpStream, text: &str, now: Moment) {
    peer.write_all(text.as_bytes()).unwrap();
    assert!((0..1_000_000).any(|_| client.link.stream.peek(&mut [0]).is_ok()));
    client.link.wake(true, false);
    while client.gather(now).unwrap().is_none() {}
}

#[test]
fn no_byte_buys_a_request_more_time() {
    let at = |seconds| Moment::ORIGIN + Duration::from_secs(seconds);
    let (mut connected, mut peer) = client(at(0));
    let deadline = at(0) + REQUEST_WITHIN;
    for (second, text) in (1..).zip(["ET / HTTP/1.1\r\n", "A: ", "b\r\n"]) {
        send(&mut connected, &mut peer, text, at(second));
        assert_eq!(
            (connected.deadline(), connected.idle_since()),
            (deadline, Some(at(1)))
        );
    }
}

#[test]
fn empty_lines_are_no_request_and_buy_no_time_either() {
    let at = |seconds| Moment::ORIGIN + Duration::from_secs(seconds);
    let (mut kept, mut peer) = client(at(0));
    kept.gather(at(0)).unwrap();
    kept.input.clear();
    for (begun, within) in [(0, REQUEST_WITHIN), (100, IDLE_FOR)] {
        for second in 1..5 {
            send(&mut kept, &mut peer, "\r\n\r\n", at(begun + second));
            assert_eq!(kept.deadline(), at(begun) + within);
            assert_eq!(kept.idle_since(), Some(at(begun)));
        }
        kept.end(true, at(100)).unwrap();
    }
    send(&mut kept, &mut peer, "\r\nGET", at(110));
    assert_eq!(kept.deadline(), at(110) + REQUEST_WITHIN);
    // It had all that it asked for, and what it sent meanwhile is the beginning of its next request.
    kept.input.splice(..0, *b"\r\n");
    kept.end(true, at(200)).unwrap();
    assert_eq!(
        (kept.deadline(), &*kept.input),
        (at(200) + REQUEST_WITHIN, &b"GET"[..])
    );
}

#[test]
fn who_sends_empty_lines_as_fast_as_they_are_read_keeps_nobody_waiting() {
    let now = Moment::ORIGIN;
    let (mut flooding, mut peer) = client(now);
    peer.write_all(&[b'\n'; 40_000]).unwrap();
    flooding.gather(now).unwrap();
    flooding.input.clear();
    assert_eq!(
        flooding.gather(now).unwrap(),
        None,
        "there is more, after the others"
    );
}

#[test]
fn the_head_ends_at_the_first_blank_line() {
    for (text, end) in [
        ("", None),
        ("GET / HTTP/1.1\r\n", None),
        ("GET / HTTP/1.1\r\n\r", None),
        ("GET / HTTP/1.1\r\n\r\n", Some(18)),
        ("GET / HTTP/1.1\n\nGET", Some(16)),
        ("GET / HTTP/1.1\n\r\n", Some(17)),
    ] {
        assert_eq!(end_of_head(text.as_bytes()), end, "{text:?}");
    }
}
