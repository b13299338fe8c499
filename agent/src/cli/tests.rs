//! What the command line takes, and how it refuses what it does not.

use super::*;

fn parse(arguments: &[&str]) -> Result<Parsed, Failure> {
    let name = std::iter::once("beacon-agent");
    super::parse(name.chain(arguments.iter().copied()).map(OsString::from))
}

fn options(arguments: &[&str]) -> Options {
    match parse(arguments) {
        Ok(Parsed::Options(options)) => *options,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_definition_is_sound() {
    use clap::CommandFactory as _;
    Options::command().debug_assert();
    for argument in Options::command()
        .get_arguments()
        .filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()))
    {
        let name = argument
            .get_long()
            .unwrap()
            .to_ascii_uppercase()
            .replace('-', "_");
        assert_eq!(
            argument.get_env().unwrap().to_str().unwrap(),
            format!("BEACON_{name}")
        );
    }
}

#[test]
fn the_defaults() {
    let options = options(&["--to", "a"]);
    assert_eq!(options.interval, 10_000);
    assert_eq!(options.misses, 3);
    assert_eq!(options.ack_every, 1);
    assert_eq!(options.mode, Mode::All);
    assert_eq!((options.check_interval, options.check_timeout), (60_000, 10_000));
    assert_eq!(options.bye, Reason::Stop);
    assert_eq!(
        (options.once, options.dry_run, options.count),
        (false, false, None)
    );
}

#[test]
fn what_is_written_is_read() {
    let options = options(&[
        "--to",
        "a,[::1]:9",
        "--to=192.0.2.7",
        "--interval",
        "1h30m",
        "--label",
        "x",
        "--misses",
        "255",
        "--ack-every",
        "0",
        "--bind",
        "::1",
        "--mode",
        "failover",
        "--interface",
        "wwan0",
        "--ttl",
        "1",
        "--dscp",
        "63",
        "--check",
        "a, b; c",
        "--check=d\ne",
        "--check-interval",
        "1m",
        "--check-timeout",
        "250ms",
        "--on-lost",
        "-f",
        "--bye",
        "reboot",
        "--sleep-for",
        "8h",
        "--once",
        "--count",
        "7",
        "--dry-run",
    ]);
    let to: Vec<_> = options.to.iter().map(ToString::to_string).collect();
    assert_eq!(to, ["a", "[::1]:9", "192.0.2.7"]);
    assert_eq!(options.interval, 5_400_000);
    assert_eq!(options.misses, 255);
    assert_eq!(options.ack_every, 0);
    assert_eq!(options.mode, Mode::Failover);
    assert_eq!(options.interface.as_deref(), Some("wwan0"));
    assert_eq!((options.ttl, options.dscp), (Some(1), Some(63)));
    assert_eq!(options.check, ["a, b; c", "d\ne"]);
    assert_eq!((options.check_interval, options.check_timeout), (60_000, 250));
    assert_eq!(options.on_lost.as_deref(), Some("-f"));
    assert_eq!(options.bye, Reason::Reboot);
    assert_eq!(options.sleep_for, Some(28_800_000));
    assert_eq!(options.count, Some(7));
    assert!(options.once && options.dry_run);
}

#[test]
fn the_bounds_of_a_duration_are_those_it_tells() {
    assert_eq!(interval_ms("10ms"), Ok(10));
    assert_eq!(interval_ms("24d20h31m23s648ms"), Ok(1 << 31));
    assert_eq!(sleep_ms("49d17h2m47s295ms"), Ok(u32::MAX));
    for text in ["9ms", "24d20h31m23s649ms", "1000y", "0s"] {
        let error = interval_ms(text).unwrap_err();
        assert!(
            error.starts_with(&format!("'{text}' is out of range; it takes 10ms to ")),
            "{error}"
        );
    }
    assert!(sleep_ms("0ms").is_err());
    assert!(
        interval_ms("10ms1us")
            .unwrap_err()
            .contains("finer than a millisecond")
    );
}

#[test]
fn a_wrong_argument_is_one_line_that_names_the_option() {
    for (arguments, line) in [
        (
            &["--interval", "x"][..],
            "--interval: 'x' is not a duration; it takes 10ms to 24d20h31m23s648ms in whole milliseconds, like 250ms, 10s, 1h30m",
        ),
        (
            &["--interval"],
            "--interval: the value is missing; it takes <DURATION>, see --help",
        ),
        (
            &["--interval", ""],
            "--interval: '' is not a duration; it takes 10ms",
        ),
        (
            &["--interval", "1s\n2s!"],
            "--interval: '1s\\n2s!' is not a duration",
        ),
        (
            &["--interval=1s", "--interval=2s"],
            "--interval: given twice; it takes one <DURATION>",
        ),
        (
            &["--to", ""],
            "--to: '' has no host name and no address; it takes HOST[:PORT]",
        ),
        (
            &["--to", "a:x"],
            "--to: 'a:x' has no port from 1 to 65535 behind its colon; it takes",
        ),
        (
            &["--label", "-x"],
            "--label: '-x' is not a label (a label begins with a letter or a digit); it takes 1 to 16",
        ),
        (
            &["--misses", "0"],
            "--misses: '0' is out of range; it takes a number from 1 to 255",
        ),
        (&["--misses", "256"], "--misses: '256' is out of range"),
        (&["--misses", "x"], "--misses: 'x' is not a number"),
        (&["--ack-every", "-1"], "--ack-every: '-1' is not a number"),
        (
            &["--count", "0"],
            "--count: '0' is out of range; it takes a number from 1 on",
        ),
        (
            &["--bind", "eth0"],
            "--bind: 'eth0' is not an address; it takes ADDR[:PORT]",
        ),
        (
            &["--mode", "some"],
            "--mode: 'some' is not a mode; it takes all or failover",
        ),
        (
            &["--interface", "eth0/1"],
            "--interface: 'eth0/1' is not an interface; it takes a name like eth0",
        ),
        (
            &["--interface", "sixteen-letters-"],
            "--interface: 'sixteen-letters-' is not an interface",
        ),
        (
            &["--ttl", "0"],
            "--ttl: '0' is out of range; it takes a number from 1",
        ),
        (&["--ttl", "256"], "--ttl: '256' is out of range"),
        (
            &["--dscp", "64"],
            "--dscp: '64' is out of range; it takes a number from 0 to 63",
        ),
        (&["--dscp", "ef"], "--dscp: 'ef' is not a number"),
        (
            &["--check", " "],
            "--check: ' ' is no command; it takes a shell command",
        ),
        (&["--on-lost", ""], "--on-lost: '' is no command"),
        (
            &["--check-interval", "9ms"],
            "--check-interval: '9ms' is out of range; it takes 10ms to",
        ),
        (
            &["--bye", "sleep"],
            "--bye: 'sleep' is not a reason; it takes stop, reboot or upgrade",
        ),
        (
            &["--sleep-for", "x"],
            "--sleep-for: 'x' is not a duration; it takes 1ms to 49d17h2m47s295ms",
        ),
        (
            &["--once=maybe"],
            "--once: 'maybe' is too much; it takes no value",
        ),
        (&["--colour"], "--colour: no such option; --help lists them"),
        (&["-x"], "-x: no such option"),
        (&["collector"], "'collector' is no option; --help lists them"),
    ] {
        let failure = parse(arguments).unwrap_err();
        assert_eq!(failure.code(), 2);
        let text = failure.to_string();
        assert!(text.starts_with(line), "{arguments:?}: {text}");
        assert_eq!(text.lines().count(), 1);
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for (argument, part) in [
        ("--help", "BEACON_ACK_EVERY"),
        ("-h", "--dry-run"),
        ("--version", "0.1.0"),
    ] {
        match parse(&[argument]) {
            Ok(Parsed::Text(text)) => assert!(text.contains(part), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}
