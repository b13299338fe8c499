//! How beats leave: multicast, broadcast, interfaces, hops and classes, in a network of the test's own.

use crate::namespace::{skip, unshare};
use crate::support::{Agent, Collector, PATIENCE};
use socket2::{Domain, Protocol, Socket, Type};
use std::env;
use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::process::{Command, Stdio};

const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 255, 78, 78);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0, 0x7878);
const INSIDE: &str = "BEACON_TEST_IN_NAMESPACE";

/// Runs this test again in a network namespace with interfaces `lo` and `wan0`. True inside.
fn is_inside(test: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let Some(enter) = unshare("-n") else {
        return false;
    };
    if Command::new("ip")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        skip("there is no ip command (package iproute2)");
        return false;
    }
    let network = "ip link set lo up && ip link add wan0 type veth peer name far0 && \
                   ip addr add 192.0.2.1/24 brd + dev wan0 && ip -6 addr add fe80::1/64 dev wan0 nodad && \
                   ip link set wan0 up && ip link set far0 up && exec \"$0\" \"$@\"";
    let output = Command::new("unshare")
        .args(enter)
        .args(["sh", "-c", network])
        .arg(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    false
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status();
    assert!(status.unwrap().success(), "ip {arguments}");
}

/// The number of `wan0`, as the kernel lists it with its IPv6 address.
fn index_of_wan0() -> u32 {
    let list = fs::read_to_string("/proc/net/if_inet6").unwrap();
    let line = list.lines().find(|line| line.ends_with("wan0")).expect("wan0");
    let index = line.split_whitespace().nth(1).unwrap();
    u32::from_str_radix(index, 16).unwrap()
}

fn socket(address: &str) -> (UdpSocket, u16) {
    let socket = UdpSocket::bind(address).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

/// The packets that leave by any interface, from the IP header on (packet(7)).
struct Packets(Socket);

impl Packets {
    fn new() -> Self {
        const ALL_PROTOCOLS: u16 = 3;
        let protocol = Protocol::from(i32::from(ALL_PROTOCOLS.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    /// The next one that carries a frame to that port.
    fn to(&mut self, port: u16) -> [u8; 200] {
        loop {
            let mut packet = [0; 200];
            let len = self.0.read(&mut packet).expect("a packet in time");
            let header_len = if packet[0] >> 4 == 4 { 20 } else { 40 };
            // A UDP header, whose second field is the port, and a frame.
            if len == header_len + 8 + 64 && packet[header_len + 2..][..2] == port.to_be_bytes() {
                return packet;
            }
        }
    }
}

/// Sends a beat to `to` through an agent with these arguments, and expects it and its ack.
fn expect_exchange(socket: UdpSocket, to: &str, arguments: &[&str]) {
    let agent = Agent::start(&[&["--to", to, "--once"], arguments].concat());
    let collector = Collector::over(socket);
    collector.ack(&collector.receive());
    let (code, lines) = agent.end();
    assert_eq!(code, Some(0), "{to} {arguments:?}: {lines:#?}");
}

#[test]
fn groups_and_broadcasts_are_reached_and_answer() {
    if !is_inside("network::groups_and_broadcasts_are_reached_and_answer") {
        return;
    }
    let v4 = || {
        let (socket, port) = socket("0.0.0.0:0");
        socket
            .join_multicast_v4(&GROUP_V4, &Ipv4Addr::new(192, 0, 2, 1))
            .unwrap();
        (socket, port)
    };
    let v6 = || {
        let (socket, port) = socket("[::]:0");
        socket.join_multicast_v6(&GROUP_V6, index_of_wan0()).unwrap();
        (socket, port)
    };
    // There is no default route, so that only the interface says where a group is.
    let (socket_v4, port) = v4();
    expect_exchange(socket_v4, &format!("{GROUP_V4}:{port}"), &["--interface", "wan0"]);
    let (socket_v4, port) = v4();
    expect_exchange(socket_v4, &format!("{GROUP_V4}:{port}"), &["--bind", "192.0.2.1"]);
    let (socket_v6, port) = v6();
    expect_exchange(
        socket_v6,
        &format!("[{GROUP_V6}]:{port}"),
        &["--interface", "wan0"],
    );
    let (socket_v6, port) = v6();
    expect_exchange(socket_v6, &format!("[{GROUP_V6}%wan0]:{port}"), &[]);
    for (address, arguments) in [
        ("192.0.2.255", &[][..]),
        ("255.255.255.255", &["--interface", "wan0"]),
        ("127.255.255.255", &["--interface", "lo"]),
    ] {
        let (socket, port) = socket("0.0.0.0:0");
        expect_exchange(socket, &format!("{address}:{port}"), arguments);
    }
}

/// Acks of a group come from addresses that nobody sent to, also where there are other collectors.
#[test]
fn a_group_among_others_is_told_apart() {
    if !is_inside("network::a_group_among_others_is_told_apart") {
        return;
    }
    let (group, port) = socket("0.0.0.0:0");
    group
        .join_multicast_v4(&GROUP_V4, &Ipv4Addr::new(192, 0, 2, 1))
        .unwrap();
    let (group, silent) = (Collector::over(group), Collector::at("192.0.2.1:0"));
    let to = format!("{},{GROUP_V4}:{port}", silent.address());
    let agent = Agent::start(&["--to", &to, "--interface", "wan0", "--interval", "50ms"]);
    group.ack(&group.receive());
    agent.log_line(&format!("{GROUP_V4}:{port}: answers"));
}

/// What cannot be sent to one collector takes nothing from another: its acks still find their socket.
#[test]
fn an_unreachable_collector_costs_the_others_nothing() {
    if !is_inside("network::an_unreachable_collector_costs_the_others_nothing") {
        return;
    }
    let (group, port) = socket("[::]:0");
    group.join_multicast_v6(&GROUP_V6, index_of_wan0()).unwrap();
    let group = Collector::over(group);
    let to = format!("[{GROUP_V6}]:{port},[2001:db8::7]:9");
    let agent = Agent::start(&["--to", &to, "--interface", "wan0", "--interval", "50ms"]);
    assert!(agent.log_line("network unreachable").contains("2001:db8::7"));
    let first = group.receive();
    for _ in 0..5 {
        assert_eq!(group.receive().from, first.from);
    }
}

#[test]
fn hops_and_classes_are_on_the_packets() {
    if !is_inside("network::hops_and_classes_are_on_the_packets") {
        return;
    }
    let mut packets = Packets::new();
    // Nobody has to be there for a packet to leave.
    ip("neigh add 192.0.2.99 lladdr 02:00:00:00:00:63 dev wan0");
    ip("neigh add fe80::99 lladdr 02:00:00:00:00:63 dev wan0");
    let hosts = [
        "192.0.2.99".to_owned(),
        "192.0.2.255".to_owned(),
        GROUP_V4.to_string(),
        "[fe80::99]".to_owned(),
        format!("[{GROUP_V6}]"),
    ];
    for (port, host) in (9_001..).zip(hosts) {
        let to = format!("{host}:{port}");
        // It beats until the interface is up, which takes a moment.
        let marks = ["--interface", "wan0", "--ttl", "7", "--dscp", "46"];
        let _agent = Agent::start(&[&["--to", &to, "--interval", "50ms"], &marks[..]].concat());
        let packet = packets.to(port);
        let (class, hops) = if host.starts_with('[') {
            (packet[0] << 4 | packet[1] >> 4, packet[7])
        } else {
            (packet[1], packet[8])
        };
        assert_eq!((class, hops), (46 << 2, 7), "{to}");
    }
}

#[test]
fn an_interface_may_come_and_go() {
    if !is_inside("network::an_interface_may_come_and_go") {
        return;
    }
    let to = format!("198.51.100.255:9001,[{GROUP_V6}]:9002");
    let agent = Agent::start(&["--to", &to, "--interface", "usb0", "--interval", "50ms"]);
    assert!(agent.log_line("interface unusable").contains("198.51.100.255"));
    assert!(
        agent
            .log_line("interface unusable")
            .contains(&GROUP_V6.to_string())
    );
    for _ in 0..3 {
        ip("link add usb0 type veth peer name peer0");
        ip("addr add 198.51.100.1/24 brd + dev usb0");
        ip("-6 addr add fe80::9/64 dev usb0 nodad");
        let mut packets = Packets::new();
        ip("link set usb0 up");
        ip("link set peer0 up");
        packets.to(9_001);
        packets.to(9_002);
        ip("link del usb0");
    }
}
