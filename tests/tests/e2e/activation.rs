//! Under a service manager: sockets that are handed over, and what it is told.

use beacon_tests::e2e::{Binary, Collector, Directory, Handover, Limit, Line, Process, Sender, Signal};
use beacon_tests::random::number_from_environment;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

fn handover(away: Duration, buffer: usize) -> Handover {
    Handover {
        sources: 1_000,
        rate: 2_000,
        lasts: Duration::from_secs(4),
        life: Duration::from_millis(400),
        away,
        buffer,
        seed: number_from_environment("BEACON_SEED", 1),
    }
}

/// Each datagram is received by one of the collectors, and no source is called down. A load that comes late may be called
/// so.
#[test]
fn a_restart_loses_no_datagram_and_calls_nobody_down() {
    let handover = handover(Duration::from_millis(20), 1 << 20);
    println!("{handover:?}");
    let handed_over = handover.run().unwrap();
    println!("{handed_over:?}");
    assert!(handed_over.runs >= 3, "{} collectors", handed_over.runs);
    assert_eq!(
        (handed_over.received, handed_over.socket_drops),
        (handed_over.load.sent, 0)
    );
    let is_down = |line: &&Line| line.event() == "down";
    assert_eq!(handed_over.false_alarms.iter().find(is_down), None);
}

/// What the socket had no room for while there was no collector is counted too, and once.
#[test]
fn what_is_dropped_while_nobody_listens_is_counted() {
    let handover = handover(Duration::from_millis(300), 4_096);
    println!("{handover:?}");
    let handed_over = handover.run().unwrap();
    println!("{handed_over:?}");
    assert!(handed_over.socket_drops > 0, "the buffer was to be too small");
    let accounted = handed_over.received + handed_over.socket_drops;
    assert_eq!(accounted, handed_over.load.sent);
}

/// A beat that waited in the socket came when it came, not when it was read.
#[test]
fn what_waited_is_taken_with_the_time_of_its_arrival() {
    let (directory, socket) = (Directory::default(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let state = directory.path().join("state");
    let arguments = ["--state", state.to_str().unwrap(), "--margin", "0ms"];
    let start = || Collector::start_handed(&socket, &arguments).unwrap();
    let mut fridge = Sender::new(socket.local_addr().unwrap(), "fridge-7").every_ms(60_000);
    let mut first = start();
    fridge.beat();
    first.tells("fridge-7", "up new");
    first.stop();
    fridge.beat();
    Limit::after(Duration::from_millis(600)).pass();
    let mut second = start();
    second.says_where("blind", |line| line.text("cause") == "restarted");
    second.signal(Signal::USR1);
    let waited = second.shows("fridge-7");
    assert_eq!(waited.number("seq"), 2);
    assert!(waited.number("silent_ms") >= 600, "{waited}");
    second.stop();
}

#[test]
fn beside_what_is_handed_over_it_listens_where_it_is_told_to() {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let mut collector = Collector::start_handed(&socket, &["--listen", "127.0.0.1:0"]).unwrap();
    assert_eq!(collector.addresses().len(), 2);
    let port = socket.local_addr().unwrap().port();
    assert_eq!(collector.addresses()[0].port(), port);
    Sender::new(collector.addresses()[1], "oven-1").beat();
    collector.tells("oven-1", "up new");
    Sender::new(([127, 0, 0, 1], port).into(), "fridge-7").beat();
    collector.tells("fridge-7", "up new");
    collector.stop();
}

fn hear(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 200];
    let len = manager.recv(&mut bytes).expect("word in time");
    String::from_utf8(bytes[..len].to_vec()).unwrap()
}

/// The next word that is not the watchdog's food.
fn hear_news(manager: &UnixDatagram) -> String {
    let news = std::iter::repeat_with(|| hear(manager)).find(|word| word != "WATCHDOG=1");
    news.expect("the iterator has no end")
}

#[test]
fn a_manager_hears_of_the_start_the_sources_the_files_and_the_end() {
    let directory = Directory::default();
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut command = Binary::Collector.command();
    command
        .args(["--listen", "127.0.0.1:0"])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "200000")
        .stdout(Stdio::null());
    let mut collector = Process::spawn("beacon-collector", &mut command);
    assert_eq!(hear_news(&manager), "READY=1");
    assert_eq!(hear_news(&manager), "STATUS=0 up");
    for _ in 0..5 {
        assert_eq!(hear(&manager), "WATCHDOG=1");
    }
    collector.signal(Signal::HUP);
    let reloading = hear_news(&manager);
    let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    since
        .unwrap_or_else(|| panic!("{reloading}"))
        .parse::<u64>()
        .unwrap();
    assert_eq!(hear_news(&manager), "READY=1");
    collector.signal(Signal::TERM);
    assert_eq!(hear_news(&manager), "STOPPING=1");
    assert!(collector.wait().success());
}
