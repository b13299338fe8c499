//! What is written wrongly: exit code 2, and one line that names the option.

use beacon_tests::e2e::{Binary, Finished, Limit, Lines, Process, run};
use std::process::Stdio;

fn assert_refused(finished: &Finished, option: &str) {
    assert_eq!(
        (finished.code, finished.stderr.len()),
        (Some(2), 1),
        "{option}: {finished:?}"
    );
    assert!(finished.stderr[0].contains(option), "{option}: {finished:?}");
    assert_eq!(finished.stdout, [""; 0], "{option}");
}

#[test]
fn the_agent_names_the_option_that_is_wrong() {
    for (option, arguments) in [
        ("--to", &[][..]),
        ("--to", &["--to", ""]),
        ("--to", &["--to", "a:99999"]),
        ("--to", &["--to"]),
        ("--interval", &["--to", "a", "--interval", "soon"]),
        ("--interval", &["--to", "a", "--interval", "1ms"]),
        ("--label", &["--to", "a", "--label", "-bad-"]),
        ("--label", &["--to", "a", "--label", "seventeen-letters"]),
        ("--misses", &["--to", "a", "--misses", "0"]),
        ("--misses", &["--to", "a", "--misses", "256"]),
        ("--ack-every", &["--to", "a", "--ack-every", "x"]),
        ("--bind", &["--to", "127.0.0.1", "--bind", "eth0"]),
        ("--bind", &["--to", "127.0.0.1", "--bind", "::1"]),
        ("--bye", &["--to", "a", "--bye", "sleep"]),
        ("--sleep-for", &["--to", "a", "--sleep-for", "long"]),
        ("--count", &["--to", "a", "--count", "0"]),
        ("--count", &["--to", "a", "--count", "3", "--once"]),
        ("--colour", &["--to", "a", "--colour"]),
        ("'a\\nb'", &["--to", "a", "a\nb"]),
    ] {
        assert_refused(&run(Binary::Agent, arguments.iter().copied()), option);
    }
}

#[test]
fn the_collector_names_the_option_that_is_wrong() {
    for (option, arguments) in [
        ("--listen", &["--listen", "somewhere"][..]),
        ("--listen", &["--listen", "127.0.0.1"]),
        ("--listen", &["--listen"]),
        ("--workers", &["--workers", "0"]),
        ("--workers", &["--workers", "257"]),
        ("--format", &["--format", "xml"]),
        ("--misses", &["--misses", "0"]),
        ("--misses-override", &["--misses-override", "256"]),
        ("--margin", &["--margin", "wide"]),
        ("--forget", &["--forget", "0s"]),
        ("--settle", &["--settle", "soon"]),
        ("--inventory-only", &["--inventory-only"]),
        ("--max-sources", &["--max-sources", "-1"]),
        ("--reorder-wait", &["--reorder-wait", "63"]),
        ("--tick", &["--tick", "often"]),
        ("--report", &["--report", "1ms"]),
        ("--probe", &["--probe", "sometimes"]),
        ("--probe-rate", &["--probe-rate", "0"]),
        ("--events", &["--events", "up,sideways"]),
        ("--name", &["--name", ""]),
        ("--queue", &["--queue", "x"]),
        ("--http", &["--http", "localhost"]),
        ("--on-event", &["--on-event", ""]),
        ("--on-events", &["--on-events", "down,end"]),
        ("--on-event-parallel", &["--on-event-parallel", "0"]),
        ("--on-event-timeout", &["--on-event-timeout", "0s"]),
        ("--colour", &["--colour"]),
        ("'keygem'", &["keygem"]),
        ("--id", &["keygen", "--id", "0"]),
        ("--keys", &["device-key", "a"]),
        ("LABEL", &["device-key", "--keys", "file", "-- -"]),
        ("DURATION", &["silence", "a", "soon"]),
        ("--reason", &["silence", "a", "2h", "--reason", "a\nb"]),
        ("LABEL", &["forget"]),
        ("--control", &["status", "--control", "none"]),
    ] {
        assert_refused(&run(Binary::Collector, arguments.iter().copied()), option);
    }
}

fn run_with(binary: Binary, environment: &[(&str, &str)], arguments: &[&str]) -> Finished {
    let mut command = binary.command();
    command
        .args(arguments)
        .envs(environment.iter().copied())
        .stdout(Stdio::piped());
    let mut process = Process::spawn(binary.name(), &mut command);
    let mut stdout = Lines::follow(process.stdout().unwrap());
    Finished {
        code: process.wait().code(),
        stdout: stdout.rest(Limit::soon()).to_vec(),
        stderr: process.whole_log().to_vec(),
    }
}

#[test]
fn the_environment_is_held_to_the_same_rules() {
    for (binary, variable, option, arguments) in [
        (Binary::Agent, "BEACON_INTERVAL", "--interval", &[][..]),
        (Binary::Agent, "BEACON_MISSES", "--misses", &[]),
        (Binary::Collector, "BEACON_TICK", "--tick", &[]),
        (Binary::Collector, "BEACON_LISTEN", "--listen", &[]),
        (Binary::Collector, "BEACON_KEY_ID", "--id", &["keygen"]),
        (Binary::Collector, "BEACON_KEY_ID", "--id", &["device-key", "a"]),
    ] {
        let environment = [
            ("BEACON_TO", "127.0.0.1:9"),
            ("BEACON_KEYS", "file"),
            (variable, "wrong"),
        ];
        let source = format!("{option} (from {variable}): 'wrong' is not");
        assert_refused(&run_with(binary, &environment, arguments), &source);
    }
    let one = [("BEACON_TICK", "wrong")];
    let both = run_with(Binary::Collector, &one, &["--tick", "never"]);
    assert_refused(&both, "--tick: 'never' is not a duration");
}

#[test]
fn an_empty_variable_sets_nothing() {
    let help = run(Binary::Collector, ["--help"]).stdout.join(" ");
    let words = help.split(|char: char| !(char.is_ascii_uppercase() || char == '_'));
    let variables = words.filter(|word| word.starts_with("BEACON_"));
    let mut empty: Vec<_> = variables.map(|variable| (variable, "")).collect();
    assert!(empty.len() > 10, "{help}");
    // It goes on as far as to the one variable that is not empty.
    empty.retain(|(variable, _)| *variable != "BEACON_KEYS");
    empty.extend([("BEACON_KEY_ID", ""), ("BEACON_KEYS", "/nonexistent")]);
    let finished = run_with(Binary::Collector, &empty, &[]);
    assert_eq!(finished.code, Some(66), "{finished:?}");
    let finished = run_with(Binary::Collector, &[("BEACON_KEYS", "")], &["device-key", "a"]);
    assert_refused(&finished, "--keys <FILE>: missing");
    let finished = run_with(Binary::Collector, &empty, &["keygen"]);
    assert!(finished.stdout[0].starts_with("1 "), "{finished:?}");
}

#[test]
fn help_and_version_go_to_stdout() {
    for binary in [Binary::Agent, Binary::Collector] {
        for (argument, part) in [("--help", "BEACON_MISSES"), ("--version", binary.name())] {
            let finished = run(binary, [argument]);
            assert_eq!(
                (finished.code, finished.stderr.len()),
                (Some(0), 0),
                "{finished:?}"
            );
            assert!(
                finished.stdout.iter().any(|line| line.contains(part)),
                "{finished:?}"
            );
        }
    }
}
