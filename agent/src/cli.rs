//! What may be written on the command line and in the environment. What it means is told in [`crate::config`].

use beacon_common::wire::{MAX_INTERVAL_MS, MIN_INTERVAL_MS};
use beacon_common::{Label, Reason};
use clap::Parser;
use clap::error::{ContextKind, ErrorKind};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::destination::{Destination, parse_source};
use crate::failure::Failure;
use crate::route::Mode;

/// Tells its collectors, on time and with little else, that this device is alive.
///
/// Sends one 64-byte UDP datagram an interval. Every option can be set in the environment too; what stands on
/// the command line goes first. The log goes to stderr, its level by RUST_LOG. Exit codes: 2 wrong
/// arguments, 66 unusable key file, 77 key file open to others.
#[derive(Debug, Parser)]
#[command(name = "beacon-agent", version)]
pub struct Options {
    /// A collector to send to: a name, an IPv4 or IPv6 address, multicast or broadcast; port 7878 unless
    /// told otherwise. Repeatable; in the environment separated by commas. The same one given twice counts once
    #[arg(long, env = "BEACON_TO", value_name = "HOST[:PORT]", value_delimiter = ',', value_parser = destination)]
    pub to: Vec<Destination>,

    /// Whether each beat goes to all collectors, or to the first that answers: all or failover. With failover
    /// an earlier collector that was lost is tried with every --misses-th beat, and has the beats back once it
    /// answers
    #[arg(long, env = "BEACON_MODE", value_name = "MODE", default_value = "all", value_parser = mode, allow_hyphen_values = true)]
    pub mode: Mode,

    /// How often to send a beat, like 250ms, 10s, 1h30m
    #[arg(long, env = "BEACON_INTERVAL", value_name = "DURATION", default_value = "10s", value_parser = interval_ms, allow_hyphen_values = true)]
    pub interval: u32,

    /// The name by which collectors know this device, unique among all they watch [default: the host name]
    #[arg(long, env = "BEACON_LABEL", value_name = "NAME", value_parser = label, allow_hyphen_values = true)]
    pub label: Option<Label>,

    /// How many beats in a row may be missing before a collector calls this device down, and how many acks
    /// before this agent calls a collector lost: 1 to 255
    #[arg(long, env = "BEACON_MISSES", value_name = "COUNT", default_value = "3", value_parser = misses, allow_hyphen_values = true)]
    pub misses: u8,

    /// The file with this device's key, one line ID HEX32, readable by its owner alone
    #[arg(long, env = "BEACON_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,

    /// Ask for an ack with the first of every so many beats; 0 asks for none
    #[arg(long, env = "BEACON_ACK_EVERY", value_name = "COUNT", default_value = "1", value_parser = ack_every, allow_hyphen_values = true)]
    pub ack_every: u32,

    /// The address to send from
    #[arg(long, env = "BEACON_BIND", value_name = "ADDR[:PORT]", value_parser = source)]
    pub bind: Option<SocketAddr>,

    /// The network interface to send by, whatever the routes say; kernels before 5.7 want CAP_NET_RAW for it
    #[arg(long, env = "BEACON_INTERFACE", value_name = "NAME", value_parser = interface, allow_hyphen_values = true)]
    pub interface: Option<String>,

    /// How many routers a beat may pass, 1 to 255 [default: the system's; multicast stays on the link]
    #[arg(long, env = "BEACON_TTL", value_name = "COUNT", value_parser = ttl, allow_hyphen_values = true)]
    pub ttl: Option<u8>,

    /// The class of service that beats are marked with, 0 to 63
    #[arg(long, env = "BEACON_DSCP", value_name = "NUMBER", value_parser = dscp, allow_hyphen_values = true)]
    pub dscp: Option<u8>,

    /// A shell command whose exit code is the health that beats carry: 0 ok, 1 warning, 2 critical, anything
    /// else unknown. Repeatable (in the environment just one): the worst counts, from ok over warning and
    /// unknown to critical. It runs beside the schedule; what it prints is thrown away
    #[arg(long, env = "BEACON_CHECK", value_name = "COMMAND", value_parser = shell_command, allow_hyphen_values = true)]
    pub check: Vec<String>,

    /// How often each check is run; one that still runs is not run again
    #[arg(long, env = "BEACON_CHECK_INTERVAL", value_name = "DURATION", default_value = "60s", value_parser = interval_ms, allow_hyphen_values = true)]
    pub check_interval: u32,

    /// How long a check may take; then it is killed, with all processes it has started, and counts as unknown
    #[arg(long, env = "BEACON_CHECK_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = interval_ms, allow_hyphen_values = true)]
    pub check_timeout: u32,

    /// A file that says the health, read for every beat: ok, warning, critical or unknown. With checks too, the
    /// worst counts
    #[arg(long, env = "BEACON_STATUS_FILE", value_name = "FILE")]
    pub status_file: Option<PathBuf>,

    /// A shell command to run when a collector is lost, with BEACON_COLLECTOR, BEACON_LABEL and BEACON_UNACKED
    /// (how many beats in a row went unanswered) in its environment. It is killed after a minute
    #[arg(long, env = "BEACON_ON_LOST", value_name = "COMMAND", value_parser = shell_command, allow_hyphen_values = true)]
    pub on_lost: Option<String>,

    /// A shell command to run when a lost collector answers again; as with --on-lost
    #[arg(long, env = "BEACON_ON_FOUND", value_name = "COMMAND", value_parser = shell_command, allow_hyphen_values = true)]
    pub on_found: Option<String>,

    /// The reason that the goodbye gives when the agent is stopped: stop, reboot or upgrade
    #[arg(long, env = "BEACON_BYE", value_name = "REASON", default_value = "stop", value_parser = bye, allow_hyphen_values = true)]
    pub bye: Reason,

    /// Announce that this device sleeps for so long, and exit: 0 when acked or no ack was asked for, 1 when not
    #[arg(long, env = "BEACON_SLEEP_FOR", value_name = "DURATION", value_parser = sleep_ms, allow_hyphen_values = true)]
    pub sleep_for: Option<u32>,

    /// Send one beat without a goodbye, and exit: 0 when acked or no ack was asked for, 1 when not
    #[arg(long, env = "BEACON_ONCE", value_parser = switch)]
    pub once: bool,

    /// Stop after so many beats, with a goodbye
    #[arg(long, env = "BEACON_COUNT", value_name = "COUNT", value_parser = count, allow_hyphen_values = true)]
    pub count: Option<u64>,

    /// Print the first frame in hex and decoded, and send nothing
    #[arg(long, env = "BEACON_DRY_RUN", value_parser = switch)]
    pub dry_run: bool,
}

/// What the command line comes to.
#[derive(Debug)]
pub enum Parsed {
    /// Something to do.
    Options(Box<Options>),
    /// Something to print: the help or the version.
    Text(String),
}

/// Reads the command line and the environment.
///
/// # Errors
/// [`Failure::Usage`], one line that names the option and what it takes.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed, Failure> {
    match Options::try_parse_from(arguments) {
        Ok(options) => Ok(Parsed::Options(Box::new(options))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Ok(Parsed::Text(error.to_string().trim_end().to_owned() + "\n"))
            }
            _ => Err(Failure::Usage(one_line(&error))),
        },
    }
}

/// Clap explains over several lines; a log takes one.
fn one_line(error: &clap::Error) -> String {
    let context = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let argument = context(ContextKind::InvalidArg);
    let (option, takes) = argument.split_once(' ').unwrap_or((&argument, ""));
    let value = context(ContextKind::InvalidValue);
    match (error.kind(), std::error::Error::source(error)) {
        (ErrorKind::ValueValidation, Some(reason)) => format!("{option}: {reason}"),
        (ErrorKind::UnknownArgument, _) if option.starts_with('-') => {
            format!("{option}: no such option; --help lists them")
        }
        (ErrorKind::UnknownArgument, _) => {
            format!("'{}' is no option; --help lists them", argument.escape_debug())
        }
        (ErrorKind::InvalidValue, _) if value.is_empty() => {
            format!("{option}: the value is missing; it takes {takes}, see --help")
        }
        (ErrorKind::TooManyValues, _) => {
            format!(
                "{option}: '{}' is too much; it takes no value",
                value.escape_debug()
            )
        }
        (ErrorKind::ArgumentConflict, _) => format!("{option}: given twice; it takes one {takes}"),
        (ErrorKind::InvalidUtf8, _) => "an argument is not UTF-8; every option takes UTF-8 text".to_owned(),
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            line.strip_prefix("error: ").unwrap_or(line).to_owned()
        }
    }
}

/// `'x' is not a duration; it takes …`, on one line whatever the value holds.
fn refuse(text: &str, problem: impl std::fmt::Display, takes: &str) -> String {
    format!("'{}' {problem}; it takes {takes}", text.escape_debug())
}

fn destination(text: &str) -> Result<Destination, String> {
    let takes = "HOST[:PORT], like 192.0.2.7, collector.example.org:7878 or [2001:db8::7]:7878";
    text.parse().map_err(|problem| refuse(text, problem, takes))
}

fn source(text: &str) -> Result<SocketAddr, String> {
    let takes = "ADDR[:PORT], like 192.0.2.7 or [2001:db8::7]:7879";
    parse_source(text).map_err(|problem| refuse(text, problem, takes))
}

fn label(text: &str) -> Result<Label, String> {
    let takes = "1 to 16 of A-Z a-z 0-9 . _ - beginning with a letter or digit";
    text.parse()
        .map_err(|problem| refuse(text, format_args!("is not a label ({problem})"), takes))
}

fn interval_ms(text: &str) -> Result<u32, String> {
    let takes = "10ms to 24d20h31m23s648ms in whole milliseconds, like 250ms, 10s, 1h30m";
    duration_ms(text, MIN_INTERVAL_MS, MAX_INTERVAL_MS, takes)
}

fn sleep_ms(text: &str) -> Result<u32, String> {
    let takes = "1ms to 49d17h2m47s295ms in whole milliseconds, like 10m, 8h, 2d";
    duration_ms(text, 1, u32::MAX, takes)
}

fn duration_ms(text: &str, least: u32, most: u32, takes: &str) -> Result<u32, String> {
    let duration = humantime::parse_duration(text).map_err(|_| refuse(text, "is not a duration", takes))?;
    let millis = u32::try_from(duration.as_millis()).ok();
    match millis {
        Some(millis) if Duration::from_millis(u64::from(millis)) != duration => {
            Err(refuse(text, "is finer than a millisecond", takes))
        }
        Some(millis) if (least..=most).contains(&millis) => Ok(millis),
        _ => Err(refuse(text, "is out of range", takes)),
    }
}

fn misses(text: &str) -> Result<u8, String> {
    number(text, 1, "a number from 1 to 255")
}

fn ack_every(text: &str) -> Result<u32, String> {
    number(text, 0, "a number from 0 to 4294967295")
}

fn count(text: &str) -> Result<u64, String> {
    number(text, 1, "a number from 1 on")
}

fn number<N: std::str::FromStr + PartialOrd>(text: &str, least: N, takes: &str) -> Result<N, String> {
    match text.parse() {
        Ok(number) if number >= least => Ok(number),
        _ if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(refuse(text, "is out of range", takes))
        }
        _ => Err(refuse(text, "is not a number", takes)),
    }
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "all" => Ok(Mode::All),
        "failover" => Ok(Mode::Failover),
        _ => Err(refuse(text, "is not a mode", "all or failover")),
    }
}

/// What the kernel takes for an interface's name (dev_valid_name in net/core/dev.c).
fn interface(text: &str) -> Result<String, String> {
    let is_name_byte = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':');
    if (1..=15).contains(&text.len()) && text.bytes().all(is_name_byte) {
        Ok(text.to_owned())
    } else {
        Err(refuse(text, "is not an interface", "a name like eth0 or wwan0"))
    }
}

fn ttl(text: &str) -> Result<u8, String> {
    number(text, 1, "a number from 1 to 255")
}

fn dscp(text: &str) -> Result<u8, String> {
    let takes = "a number from 0 to 63";
    match number(text, 0, takes)? {
        dscp @ 0..=63 => Ok(dscp),
        _ => Err(refuse(text, "is out of range", takes)),
    }
}

fn shell_command(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err(refuse(text, "is no command", "a shell command"));
    }
    Ok(text.to_owned())
}

fn bye(text: &str) -> Result<Reason, String> {
    [Reason::Stop, Reason::Reboot, Reason::Upgrade]
        .into_iter()
        .find(|reason| reason.name() == text)
        .ok_or_else(|| refuse(text, "is not a reason", "stop, reboot or upgrade"))
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" | "yes" => Ok(true),
        "0" | "false" | "no" | "" => Ok(false),
        _ => Err(refuse(text, "is neither true nor false", "true or false")),
    }
}

#[cfg(test)]
mod tests {
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
}
