use super::*;
use crate::net::Inbox;
use std::collections::HashSet;

const ALONE: NonZeroU16 = NonZeroU16::MIN;

fn open_alone(listen: &Listen) -> Result<Vec<Socket>, Failure> {
    let mut listening = open(listen, ALONE)?;
    assert_eq!(listening.shards.len(), 1);
    Ok(listening.shards.remove(0))
}

#[test]
fn the_default_is_the_wildcard_address_of_both_families() {
    let Ok(sockets) = open_alone(&Listen::Default) else {
        // Somebody listens there already, which is what the error has to say.
        let line = open_alone(&Listen::Default).unwrap_err().line;
        assert!(line.contains(":7878: cannot listen: port in use; "), "{line}");
        return;
    };
    let local = sockets[0].local();
    assert_eq!(local.port(), DEFAULT_PORT);
    assert!(local.ip().is_unspecified());
}

fn receive(socket: &Socket) -> Vec<Option<IpAddr>> {
    let mut inbox = Inbox::default();
    socket.receive(&mut inbox).unwrap();
    inbox.datagrams().map(|datagram| datagram.to).collect()
}

/// Who is sent to gets it once, and only a wildcard has to be told to whom it was sent.
#[test]
fn a_wildcard_has_sockets_beside_it_for_the_addresses_of_the_host() {
    for (listen, steering) in [("[::]:0", None), ("0.0.0.0:0", None), ("[::]:0", Some(three()))] {
        let listening = open_steered(&Listen::At(vec![listen.parse().unwrap()]), steering).unwrap();
        let [wildcard] = listening.addresses[..] else {
            panic!("it is told as it was asked for: {listening:?}");
        };
        let sockets = || listening.shards.iter().flatten();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.set_broadcast(true).unwrap();
        // The second is an address of the loopback that no interface names, the third one that nobody has alone.
        for (to, is_own) in [
            ("127.0.0.1", true),
            ("127.0.0.9", false),
            ("127.255.255.255", false),
        ] {
            let to = SocketAddr::new(to.parse().unwrap(), wildcard.port());
            sender.send_to(&[7; 64], to).unwrap();
            let takers = sockets().filter(|socket| !receive(socket).is_empty()).count();
            let expected = if to.ip() == Ipv4Addr::new(127, 255, 255, 255) {
                listening.shards.len()
            } else {
                1
            };
            assert_eq!(takers, expected, "{to}");
            sender.send_to(&[7; 64], to).unwrap();
            let told: Vec<_> = sockets()
                .filter_map(|socket| Some((socket.local(), *receive(socket).first()?)))
                .collect();
            let has_own = told.iter().all(|(local, told)| *local == to && told.is_none());
            let has_wildcard = told
                .iter()
                .all(|(local, told)| *local == wildcard && told.is_some());
            assert!(if is_own { has_own } else { has_wildcard }, "{told:?}");
        }
    }
}

#[test]
fn nobody_can_open_a_socket_where_one_of_ours_is() {
    let listening = open_steered(&Listen::At(vec!["[::]:0".parse().unwrap()]), None).unwrap();
    for address in listening.shards[0].iter().map(Socket::local) {
        let bold =
            socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None).unwrap();
        bold.set_reuse_address(true).unwrap();
        bold.set_reuse_port(true).unwrap();
        let error = bold.bind(&address.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{address}");
    }
}

#[test]
fn each_address_has_its_own_socket_and_its_own_port() {
    let both = vec![
        "[::1]:0".parse().unwrap(),
        "127.0.0.1:0".parse().unwrap(),
        "[::ffff:127.0.0.1]:0".parse().unwrap(),
    ];
    let sockets = open_alone(&Listen::At(both)).unwrap();
    let hosts: Vec<_> = sockets
        .iter()
        .map(|socket| socket.local().ip().to_string())
        .collect();
    assert_eq!(hosts, ["::1", "127.0.0.1", "127.0.0.1"]);
    let ports: HashSet<_> = sockets.iter().map(|socket| socket.local()).collect();
    assert_eq!(ports.len(), 3);
    assert!(sockets.iter().all(|socket| socket.local().port() != 0));
}

#[test]
fn an_address_that_is_taken_is_told_with_what_to_do() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let busy = other.local_addr().unwrap();
    let failure = open_alone(&Listen::At(vec![busy])).unwrap_err();
    assert_eq!(failure.exit, Exit::System);
    let port = busy.port();
    assert_eq!(
        failure.line,
        format!(
            "--listen {busy}: cannot listen: port in use; `ss -ulnp sport = :{port}` tells by whom; stop it, or \
             listen elsewhere"
        )
    );
    // The IPv6 wildcard takes IPv4 too.
    let wildcard = SocketAddr::from((Ipv6Addr::UNSPECIFIED, taken.port()));
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, taken.port()));
    let failure = open_alone(&Listen::At(vec![wildcard, v4])).unwrap_err();
    assert_eq!(
        failure.line,
        format!(
            "--listen {v4}: cannot listen: port in use; --listen {wildcard} already takes it; leave one of them out"
        )
    );
}

#[test]
fn an_address_of_another_host_is_told_with_what_to_do() {
    let failure = open_alone(&Listen::At(vec!["192.0.2.1:7878".parse().unwrap()])).unwrap_err();
    assert_eq!(
        failure.line,
        "--listen 192.0.2.1:7878: cannot listen: no such address on this host; `ip address` tells which there are"
    );
    let failure = open_alone(&Listen::At(vec!["[fe80::1]:7878".parse().unwrap()])).unwrap_err();
    assert!(
        failure.line.contains("takes the interface's number behind it"),
        "{failure}"
    );
}

#[test]
fn wildcards_overlap_what_they_take() {
    let overlap = |one: &str, other: &str| overlap(one.parse().unwrap(), other.parse().unwrap());
    assert!(overlap("[::]:1", "127.0.0.1:1"));
    assert!(overlap("127.0.0.1:1", "0.0.0.0:1"));
    assert!(overlap("[::1]:1", "[::]:1"));
    assert!(!overlap("0.0.0.0:1", "[::1]:1"));
    assert!(!overlap("[::]:1", "127.0.0.1:2"));
    assert!(!overlap("127.0.0.2:1", "127.0.0.1:1"));
}

fn three() -> Steering {
    Steering::new(NonZeroU16::new(3).unwrap())
}

#[test]
fn each_shard_has_a_socket_at_each_address() {
    let addresses = ["127.0.0.1:0", "[::1]:0"];
    let listen = Listen::At(addresses.iter().map(|address| address.parse().unwrap()).collect());
    let listening = open_steered(&listen, Some(three())).unwrap();
    assert_eq!(listening.steering.as_ref().map(Steering::shards), Some(3));
    assert_eq!(listening.shards.len(), 3);
    let local = |shard: &Vec<Socket>| shard.iter().map(Socket::local).collect::<Vec<_>>();
    let at = &listening.addresses;
    assert!(
        listening.shards.iter().all(|shard| local(shard) == *at),
        "{listening:?}"
    );
    assert_eq!(
        at.iter().map(SocketAddr::is_ipv4).collect::<Vec<_>>(),
        [true, false]
    );
}

#[test]
fn where_the_kernel_refuses_to_steer_there_is_one_shard_with_a_socket_of_its_own() {
    let mut refused = three();
    refused.program.clear();
    let listen = Listen::At(vec!["127.0.0.1:0".parse().unwrap()]);
    let listening = open_steered(&listen, Some(refused)).unwrap();
    assert!(listening.steering.is_none());
    assert_eq!(listening.shards.len(), 1);
    assert!(open(&Listen::At(listening.addresses), ALONE).is_err());
}

#[test]
fn what_is_for_many_is_received_by_one() {
    for address in [
        "[ff02::be:ad%1]:0",
        "239.190.172.1:0",
        "127.255.255.255:0",
        "255.255.255.255:0",
    ] {
        assert!(is_for_many(address.parse().unwrap()), "{address}");
    }
    for address in [
        "127.0.0.1:0",
        "0.0.0.0:0",
        "[::]:0",
        "192.0.2.1:0",
        "[fe80::1%1]:0",
    ] {
        assert!(!is_for_many(address.parse().unwrap()), "{address}");
    }
    let addresses = ["127.0.0.1:0", "[ff02::be:ad%1]:0"];
    let listen = Listen::At(addresses.iter().map(|address| address.parse().unwrap()).collect());
    let listening = open_steered(&listen, Some(three())).unwrap();
    assert!(listening.steering.is_none());
    assert_eq!((listening.shards.len(), listening.shards[0].len()), (1, 2));
}

/// Whatever both are: SO_REUSEPORT alone would let the second take part of the beats.
#[test]
fn a_second_collector_is_refused_whoever_shares() {
    for first in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0", "[::1]:0"] {
        for (one, other) in [
            (None, None),
            (None, Some(three())),
            (Some(three()), None),
            (Some(three()), Some(three())),
        ] {
            let listening = open_steered(&Listen::At(vec![first.parse().unwrap()]), one).unwrap();
            let address = listening.addresses[0];
            let failure = open_steered(&Listen::At(vec![address]), other).unwrap_err();
            assert_eq!(failure.exit, Exit::System);
            assert!(failure.line.contains("cannot listen: port in use"), "{failure}");
        }
    }
}
