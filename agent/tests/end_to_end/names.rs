//! Names whose servers are dead, and names that move.

use crate::living::Living;
use crate::namespace::{skip, unshare};
use crate::on_time::{INTERVAL, expect_on_time};
use crate::support::{Agent, Collector, PATIENCE, Received, is_bye, wait_until};
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Files that an agent sees in place of the system's own.
struct Files {
    directory: tempfile::TempDir,
    enter: Vec<String>,
}

impl Files {
    fn new(name_server: &str, hosts: &str) -> Option<Self> {
        let enter = unshare("-m")?;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let resolver = format!("nameserver {name_server}\noptions timeout:30 attempts:5\n");
        fs::write(path.join("resolv.conf"), resolver).unwrap();
        fs::write(path.join("nsswitch.conf"), "hosts: files dns\n").unwrap();
        fs::write(path.join("hosts"), hosts).unwrap();
        Some(Self { directory, enter })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn agent(&self, arguments: &[&str]) -> Agent {
        let mount = "for file in resolv.conf nsswitch.conf hosts; do \
                     [ -e /etc/$file ] && mount --bind $0/$file /etc/$file; done; exec \"$@\"";
        let mut command = Command::new("unshare");
        command
            .args(&self.enter)
            .args(["sh", "-c", mount])
            .arg(self.directory.path())
            .arg(Path::new(env!("CARGO_BIN_EXE_beacon-agent")))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Agent::spawn(&mut command)
    }
}

/// A name server that takes questions and never answers; `None`, and the test is skipped, where its port is not ours
/// to take.
fn black_hole(address: &str) -> Option<UdpSocket> {
    let black_hole = UdpSocket::bind((address, 53)).ok();
    if black_hole.is_none() {
        skip("port 53 is not ours to take (root's)");
    }
    black_hole
}

/// Expects the agent to have asked the black hole for its collector, and still to wait for the answer.
fn expect_open_question(agent: &Agent, black_hole: UdpSocket) {
    assert_eq!(agent.threads(), 2, "the beats, and one question");
    black_hole.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut question = [0; 512];
    let len = black_hole.recv(&mut question).expect("it was asked");
    let name = b"\x09collector\x07example\x03org\0";
    assert!(question[..len].windows(name.len()).any(|part| part == name));
}

#[test]
fn a_dead_name_server_holds_up_no_beat() {
    let name_server = "127.77.53.1";
    let Some(black_hole) = black_hole(name_server) else {
        return;
    };
    let Some(files) = Files::new(name_server, "127.0.0.1 localhost\n") else {
        return;
    };
    let agent = expect_on_time("a dead name server", |collector| {
        let to = ["--to", "collector.example.org", "--to", &collector.address()];
        files.agent(&[&to[..], &["--interval", INTERVAL]].concat())
    });
    expect_open_question(&agent, black_hole);
}

/// The name is asked for again because its collector does not answer.
#[test]
fn a_name_server_that_dies_later_holds_up_no_beat_either() {
    let name_server = "127.77.53.2";
    let Some(black_hole) = black_hole(name_server) else {
        return;
    };
    let silent = Collector::at("127.0.0.2:0");
    let hosts = "127.0.0.1 localhost\n127.0.0.2 collector.example.org\n";
    let Some(files) = Files::new(name_server, hosts) else {
        return;
    };
    let name = format!("collector.example.org:{}", silent.port());
    let agent = expect_on_time("a name server that has died", |collector| {
        fs::write(files.path("hosts"), hosts).unwrap();
        datagrams(&silent);
        let to = ["--to", &name, "--to", &collector.address()];
        let agent = files.agent(&[&to[..], &["--interval", INTERVAL, "--misses", "1"]].concat());
        silent.receive();
        wait_until("the name is resolved", || agent.threads() == 1);
        fs::write(files.path("hosts"), "127.0.0.1 localhost\n").unwrap();
        wait_until("the name is asked for again", || agent.threads() == 2);
        datagrams(collector);
        agent
    });
    expect_open_question(&agent, black_hole);
}

#[test]
fn a_name_that_moves_is_followed() {
    const MOST: Duration = Duration::from_secs(60);
    let before = Living::at("127.0.0.2:0");
    let after = Living::at(&format!("127.0.0.3:{}", before.port()));
    let hosts = |address: &str| format!("127.0.0.1 localhost\n{address} moving.example.org\n");
    let Some(files) = Files::new("203.0.113.77", &hosts("127.0.0.2")) else {
        return;
    };
    let to = format!("moving.example.org:{}", before.port());
    let agent = files.agent(&["--to", &to, "--interval", "500ms", "--on-lost", ":"]);
    let last = before.receive().frame;
    fs::write(files.path("hosts"), hosts("127.0.0.3")).unwrap();
    let last = before.kill().last().map_or(last, |received| received.frame);
    let moved = after.receive().frame;
    assert_eq!(moved.session, last.session);
    assert!(u128::from(moved.sent_us - last.sent_us) < MOST.as_micros());
    agent.log_line("moving.example.org");
}

const TWO: &str = "two.example.org";

fn files_with_two() -> Option<Files> {
    let hosts = format!("127.0.0.1 localhost\n127.0.0.5 {TWO}\n127.0.0.6 {TWO}\n");
    Files::new("203.0.113.77", &hosts)
}

fn datagrams(collector: &Collector) -> Vec<Received> {
    std::iter::from_fn(|| collector.receive_within(Duration::from_millis(1))).collect()
}

/// Of two addresses one is silent: now the one that is tried first, now the other one.
#[test]
fn what_is_sent_once_goes_on_to_the_next_address_of_a_name() {
    let Some(files) = files_with_two() else { return };
    for arguments in [
        ["--mode", "all", "--once"],
        ["--mode", "failover", "--once"],
        ["--mode", "all", "--sleep-for=8h"],
        ["--mode", "failover", "--sleep-for=8h"],
    ] {
        let mut tried_in_vain = 0;
        for (silent, living) in [("127.0.0.5", "127.0.0.6"), ("127.0.0.6", "127.0.0.5")] {
            let silent = Collector::at(&format!("{silent}:0"));
            let living = Living::at(&format!("{living}:{}", silent.port()));
            let to = format!("{TWO}:{}", silent.port());
            let agent = files.agent(&[&["--to", &to], &arguments[..]].concat());
            let (code, log) = agent.end();
            assert_eq!(code, Some(0), "{arguments:?}: {log:#?}");
            let (in_vain, heard) = (datagrams(&silent), living.kill());
            assert_eq!(heard.len(), 1, "{arguments:?}");
            assert!(in_vain.iter().all(|received| received.bytes == heard[0].bytes));
            tried_in_vain += in_vain.len();
        }
        assert_eq!(tried_in_vain, 1, "{arguments:?}");
    }
}

#[test]
fn a_goodbye_that_nobody_hears_goes_to_each_address_and_three_times_in_all() {
    let Some(files) = files_with_two() else { return };
    let one = Collector::at("127.0.0.5:0");
    let other = Collector::at(&format!("127.0.0.6:{}", one.port()));
    let to = format!("{TWO}:{}", one.port());
    let agent = files.agent(&["--to", &to, "--count", "1"]);
    assert_eq!(agent.end().0, Some(0));
    let byes = [one, other].map(|collector| {
        let all = datagrams(&collector).into_iter();
        all.filter(|received| is_bye(&received.frame)).count()
    });
    assert!(byes == [2, 1] || byes == [1, 2], "{byes:?}");
}
