//! What is run when a collector is lost or found.

use crate::living::Living;
use crate::on_time::{INTERVAL, expect_on_time};
use crate::support::{Agent, Collector, wait_until};
use std::fs;

#[test]
fn hooks_are_told_which_collector_who_and_how_often() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("calls");
    let write = |what: &str| {
        let path = file.display();
        format!("echo {what} $BEACON_COLLECTOR $BEACON_LABEL $BEACON_UNACKED $NOTIFY_SOCKET >> {path}")
    };
    let calls = || fs::read_to_string(&file).unwrap_or_default();

    let collector = Living::new();
    let address = collector.address().to_owned();
    let agent = Agent::start(&[
        "--to",
        &address,
        "--label",
        "fridge-7",
        "--interval",
        "100ms",
        "--on-lost",
        &write("lost"),
        "--on-found",
        &write("found"),
    ]);
    collector.receive();
    drop(collector);
    wait_until("lost", || !calls().is_empty());
    assert_eq!(calls(), format!("lost {address} fridge-7 3\n"));
    let collector = Living::at(&address);
    wait_until("found", || calls().lines().count() == 2);
    let line = calls().lines().last().unwrap().to_owned();
    let unacked = line.strip_prefix(&format!("found {address} fridge-7 ")).unwrap();
    assert!(unacked.parse::<u32>().unwrap() >= 3, "{line}");
    drop(collector);
    drop(agent);
}

#[test]
fn a_hook_that_hangs_or_fails_holds_up_no_beat() {
    for hook in ["sleep 10", "timeout 10 yes >&2", "no-such-command-42"] {
        let silent = Collector::new();
        let agent = expect_on_time(hook, |collector| {
            Agent::start(&[
                "--to",
                &collector.address(),
                "--to",
                &silent.address(),
                "--interval",
                INTERVAL,
                "--misses",
                "1",
                "--on-lost",
                hook,
            ])
        });
        agent.log_line(&format!("{}: lost", silent.address()));
        if hook.starts_with("no-such") {
            let line = agent.log_line("--on-lost");
            assert!(line.contains("exit status: 127"), "{line}");
        }
    }
}
