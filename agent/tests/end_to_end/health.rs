//! The health that beats carry, and that finding it out holds up no beat.

use crate::on_time::{INTERVAL, expect_on_time};
use crate::support::{Agent, Collector, wait_until};
use beacon_common::{Frame, Health, Kind};
use rustix::process::Signal;
use std::fs;

fn is_of(health: Health) -> impl Fn(&Frame) -> bool {
    move |frame| frame.kind == Kind::Beat(health)
}

/// A number of seconds that no other process sleeps.
fn long(number: u32) -> String {
    format!("77{number:03}.{}", std::process::id())
}

/// The command lines of all processes that have `part` in them.
fn processes_with(part: &str) -> Vec<String> {
    let directories = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    directories
        .filter_map(|directory| fs::read(directory.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(part))
        .collect()
}

/// How many threads the agent has, and how many of its children are dead but not buried.
fn threads_and_zombies(agent: &Agent) -> (usize, usize) {
    let parent = format!(" {} ", agent.pid());
    let directories = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let stats = directories.filter_map(|directory| fs::read_to_string(directory.path().join("stat")).ok());
    let zombies = stats.filter(|stat| {
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        after_name.starts_with(&format!(" Z{parent}"))
    });
    (agent.threads(), zombies.count())
}

/// Runs a check that fails in some way over and over, and expects beats on time, health unknown and one line.
fn expect_unknown(check: &str, why: &str) {
    let agent = expect_on_time(check, |collector| {
        let to = collector.address();
        let limits = ["--check-interval", "100ms", "--check-timeout", "300ms"];
        let arguments = ["--to", &to, "--interval", INTERVAL, "--check", check];
        let agent = Agent::start(&[&arguments[..], &limits[..]].concat());
        collector.ack(&collector.receive());
        agent
    });
    let mut lines = vec![agent.log_line("check '")];
    lines.extend(agent.log_so_far());
    lines.retain(|line| line.contains("check '"));
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let line = format!("beacon-agent: warn: check '{check}': unknown ({why})");
    assert_eq!(lines[0], line);
    wait_until("no zombies", || threads_and_zombies(&agent).1 == 0);
    agent.signal(Signal::TERM);
    assert_eq!(agent.end().0, Some(0));
}

#[test]
fn a_check_that_hangs_is_killed_with_what_it_has_started() {
    let sleep = format!("sleep {}", long(1));
    expect_unknown(&format!("{sleep} & {sleep}"), "no result after 300 ms, killed");
    wait_until("it is gone", || processes_with(&sleep).is_empty());
}

#[test]
fn a_check_that_ignores_all_signals_is_killed() {
    let sleep = format!("sleep {}", long(2));
    let check = format!("trap : TERM INT HUP; while :; do {sleep}; done");
    expect_unknown(&check, "no result after 300 ms, killed");
    wait_until("it is gone", || processes_with(&sleep).is_empty());
}

#[test]
fn a_check_that_floods_its_output_fills_nothing() {
    let flood = format!("yes {}", long(3));
    expect_unknown(&flood, "no result after 300 ms, killed");
    wait_until("it is gone", || processes_with(&flood).is_empty());
}

#[test]
fn a_check_that_does_not_exist_cannot_tell() {
    expect_unknown("no-such-command-42", "exit status: 127");
}

#[test]
fn a_check_that_forks_and_exits_leaves_nothing_behind() {
    let sleep = format!("sleep {}", long(4));
    expect_unknown(&format!("{sleep} & {sleep} & exit 3"), "exit status: 3");
    wait_until("it is gone", || processes_with(&sleep).is_empty());
}

#[test]
fn the_worst_of_several_checks_is_carried_and_each_change_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let code = dir.path().join("code");
    let set = |text: &str| {
        fs::write(dir.path().join("new"), text).unwrap();
        fs::rename(dir.path().join("new"), &code).unwrap();
    };
    set("0");
    let check = format!("exit $(cat {})", code.display());
    let collector = Collector::new();
    let checks = ["--check", &check, "--check", "exit 1", "--check-interval", "50ms"];
    let agent = Agent::beating(&collector, &checks);
    assert_eq!(collector.receive().frame.kind, Kind::Beat(Health::Unknown));
    collector.receive_until(is_of(Health::Warning));
    for (text, health) in [
        ("2", Health::Critical),
        ("1", Health::Warning),
        ("77", Health::Unknown),
        ("0", Health::Warning),
    ] {
        set(text);
        collector.receive_until(is_of(health));
    }
    agent.signal(Signal::TERM);
    let (code, lines) = agent.end();
    assert_eq!(code, Some(0));
    let told: Vec<_> = lines.iter().filter(|line| line.contains("check '")).collect();
    assert_eq!(told.len(), 6, "{told:#?}");
    for (place, part) in [
        "critical (exit status: 2)",
        "warning (exit status: 1)",
        "unknown (exit status: 77)",
        "ok (exit status: 0)",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(told[place + 2].ends_with(part), "{told:#?}");
    }
}

#[test]
fn a_status_file_is_read_for_every_beat() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("status");
    let collector = Collector::new();
    let agent = Agent::beating(&collector, &["--status-file", path.to_str().unwrap()]);
    assert_eq!(collector.receive().frame.kind, Kind::Beat(Health::Unknown));
    agent.log_line("unknown (No such file or directory");
    for health in Health::ALL {
        fs::write(dir.path().join("new"), health.name()).unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        collector.receive_until(is_of(health));
        agent.log_line(&format!("status file {}: {}", path.display(), health.name()));
    }
    assert!(
        agent
            .log_so_far()
            .iter()
            .all(|line| !line.contains("status file"))
    );
}

#[test]
fn once_waits_for_its_checks() {
    let collector = Collector::new();
    let checks = [
        "--once",
        "--ack-every",
        "0",
        "--check",
        "sleep 0.2; exit 2",
        "--check",
        ":",
    ];
    assert_eq!(Agent::beating(&collector, &checks).end().0, Some(0));
    assert_eq!(collector.receive().frame.kind, Kind::Beat(Health::Critical));
    assert!(collector.is_drained());
}

#[test]
fn a_check_ends_with_the_agent() {
    let sleep = format!("sleep {}", long(5));
    let collector = Collector::new();
    let agent = Agent::beating(&collector, &["--check", &sleep]);
    wait_until("it runs", || {
        !processes_with(&format!("/bin/sh -c {sleep}")).is_empty()
    });
    collector.receive();
    agent.signal(Signal::TERM);
    assert_eq!(agent.end().0, Some(0));
    wait_until("it is gone", || processes_with(&sleep).is_empty());
}

#[test]
fn without_checks_and_names_there_is_one_thread() {
    let collector = Collector::new();
    let agent = Agent::beating(&collector, &[]);
    for _ in 0..3 {
        collector.ack(&collector.receive());
    }
    assert_eq!(threads_and_zombies(&agent).0, 1);
}
