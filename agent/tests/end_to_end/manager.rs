//! What a service manager hears (sd_notify(3)).

use crate::support::{Agent, Collector, PATIENCE, command};
use rustix::process::Signal;
use std::os::unix::net::UnixDatagram;

fn hear(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 200];
    let len = manager.recv(&mut bytes).expect("word in time");
    String::from_utf8(bytes[..len].to_vec()).unwrap()
}

#[test]
fn a_manager_hears_of_the_start_the_watch_the_status_and_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let collector = Collector::new();
    let to = collector.address();
    // The check tells whether the variables reach it; they are not for it.
    let check = "exit ${NOTIFY_SOCKET:+2}";
    let arguments = ["--to", &to, "--interval", "1h", "--check", check];
    let mut command = command(&arguments);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000");
    let agent = Agent::spawn(&mut command);
    collector.ack(&collector.receive());
    assert_eq!(
        hear(&manager),
        "READY=1\nSTATUS=0 of 1 collectors answer, health unknown"
    );
    // The next beat is far away, and so would be the next status.
    for _ in 0..5 {
        assert_eq!(hear(&manager), "WATCHDOG=1");
    }
    agent.signal(Signal::TERM);
    let last = std::iter::repeat_with(|| hear(&manager)).find(|word| word != "WATCHDOG=1");
    assert_eq!(last.unwrap(), "STOPPING=1");
    assert_eq!(agent.end().0, Some(0));

    let arguments = ["--to", &to, "--interval", "50ms", "--check", check];
    let mut command = crate::support::command(&arguments);
    command.env("NOTIFY_SOCKET", &path);
    let _agent = Agent::spawn(&mut command);
    collector.ack(&collector.receive_until(|frame| frame.interval_ms == 50));
    let good = "STATUS=1 of 1 collectors answer, health ok";
    let heard = std::iter::repeat_with(|| hear(&manager)).find(|word| word.ends_with(good));
    assert!(heard.is_some());
}

#[test]
fn a_manager_that_is_not_there_or_takes_nothing_holds_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let full = UnixDatagram::bind(&path).unwrap();
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(b"full", &path).is_ok() {}
    for socket in [path.to_str().unwrap(), "/nonexistent/notify", "@nobody", ""] {
        let collector = Collector::new();
        let to = collector.address();
        let mut command = command(&["--to", &to, "--interval", "50ms"]);
        command.env("NOTIFY_SOCKET", socket).env("WATCHDOG_USEC", "20000");
        let _agent = Agent::spawn(&mut command);
        for number in 1..=3 {
            assert_eq!(collector.receive().frame.seq.get(), number);
        }
    }
    drop(full);
}
