//! Exit codes, one line of error, and the dry run.

use crate::support::{Collector, command};
use beacon_common::View;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    command(arguments)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

/// Expects `code` and one line on stderr, and gives the line.
fn refusal(output: &Output, code: i32) -> &str {
    let text = str::from_utf8(&output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(output.stdout.is_empty());
    text.strip_prefix("beacon-agent: ").unwrap()
}

#[test]
fn a_wrong_argument_is_exit_2_with_one_line_wherever_it_comes_from() {
    let problem = "'x' is not a duration; it takes 10ms to 24d20h31m23s648ms in whole milliseconds, \
                   like 250ms, 10s, 1h30m\n";
    let line = format!("--interval: {problem}");
    assert_eq!(refusal(&run(&["--to", "a", "--interval", "x"], &[]), 2), line);
    let environment = [("BEACON_TO", "a"), ("BEACON_INTERVAL", "x"), ("RUST_LOG", "off")];
    assert_eq!(
        refusal(&run(&[], &environment), 2),
        format!("--interval (from BEACON_INTERVAL): {problem}")
    );
    let both = run(&["--interval", "x"], &environment);
    assert_eq!(refusal(&both, 2), line, "the command line goes first");
    let another = run(&["--misses", "3"], &environment);
    assert!(refusal(&another, 2).starts_with("--interval (from BEACON_INTERVAL): 'x'"));
    assert!(refusal(&run(&[], &[]), 2).starts_with("--to: missing; it takes HOST[:PORT]"));
    assert!(refusal(&run(&["--frequency"], &[]), 2).starts_with("--frequency: no such option"));
}

#[test]
fn a_key_file_is_refused_with_its_exit_code_and_never_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let path = path.to_str().unwrap();
    let refused = |text: &str, mode: u32, code: i32| {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let output = run(&["--to", "a", "--key-file", path], &[]);
        let line = refusal(&output, code);
        assert!(line.starts_with(&format!("--key-file: {path}: ")), "{line}");
        assert!(!line.contains("5ec3e7"), "{line}");
    };
    refused("7 5ec3e7", 0o600, 66);
    refused("7 5ec3e7", 0o644, 77);
    std::fs::remove_file(path).unwrap();
    refusal(&run(&["--to", "a", "--key-file", path], &[]), 66);
}

#[test]
fn a_dry_run_prints_the_first_frame_and_sends_nothing() {
    let collector = Collector::new();
    let to = collector.address();
    let output = run(
        &[
            "--to",
            &to,
            "--label",
            "fridge-7",
            "--interval",
            "2s",
            "--dry-run",
        ],
        &[],
    );
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let hex = lines.next().unwrap();
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    let frame = View::parse(&bytes).unwrap().frame();
    let expected = format!(
        "magic beac\nversion 1\nkind 1 beat\ncode 0 ok\nflags 1 want_ack\nkey_id 0\nmisses 3\nlabel fridge-7\n\
         session {}\nsent_us 0\nseq 1\ninterval_ms 2000\nnext_ms {}\nuptime_s {}\ntag 0000000000000000",
        frame.session, frame.next_ms, frame.uptime_s
    );
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!(words.collect::<Vec<_>>().join("\n"), expected);
    assert!(collector.is_drained());
}

#[test]
fn the_environment_sets_what_the_command_line_does_not() {
    let environment = [
        ("BEACON_LABEL", "from-env"),
        ("BEACON_INTERVAL", "3s"),
        ("BEACON_DRY_RUN", "1"),
    ];
    let output = run(&["--label", "from-cli"], &environment);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("label       from-cli\n"), "{text}");
    assert!(text.contains("interval_ms 3000\n"), "{text}");
}

#[test]
fn an_empty_variable_sets_nothing() {
    let help = run(&["--help"], &[]);
    let help = String::from_utf8(help.stdout).unwrap();
    let empty: Vec<_> = help
        .split(|char: char| !(char.is_ascii_uppercase() || char == '_'))
        .filter(|word| word.starts_with("BEACON_"))
        .map(|variable| (variable, ""))
        .collect();
    assert!(empty.len() > 15, "{help}");
    let missing = run(&[], &empty);
    assert!(refusal(&missing, 2).starts_with("--to: missing"));
    let output = run(&["--dry-run", "--label", "a"], &empty);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("interval_ms 10000\n"), "{text}");
    let given = run(&["--to", "a", "--interval", ""], &empty);
    assert!(refusal(&given, 2).starts_with("--interval: '' is not a duration"));
}

#[test]
fn help_is_no_error() {
    let output = run(&["--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("--sleep-for"));
}
