//! What may be written on the command line and in the environment. What it means is told in [`crate::config`].

use beacon_common::wire::{MAX_INTERVAL_MS, MIN_INTERVAL_MS};
use beacon_common::{Label, Reason};
use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser};
use std::env;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::destination::{Destination, parse_source};
use crate::failure::Failure;
use crate::route::Mode;

mod help;

/// Tells its collectors, on time and with little else, that this device is alive.
///
/// Sends one 64-byte UDP datagram an interval. Every option can be set in the environment too, where an empty
/// variable sets nothing; what stands on the command line goes first. The log goes to stderr, its level by
/// RUST_LOG. Exit codes: 1 not sent or not acked (--once, --sleep-for), 2 wrong arguments, 66 unusable key file,
/// 71 the system refuses what every process needs, 74 unwritable output, 77 key file open to others.
#[derive(Debug, Parser)]
#[command(name = "beacon-agent", version, override_usage = "beacon-agent [OPTIONS]")]
pub struct Options {
    /// A collector to send to: a name, an IPv4 or IPv6 address, multicast or broadcast; port 7878 unless
    /// told otherwise. Repeatable; in the environment separated by commas. The same one given twice counts once
    #[arg(long, env = "BEACON_TO", value_name = "HOST[:PORT]", value_delimiter = ',', value_parser = destination)]
    pub to: Vec<Destination>,

    /// Whether each beat goes to all collectors, or to the first that answers: all or failover. With failover
    /// an earlier collector that was lost is tried with every --misses-th beat, and where its name has new
    /// addresses with each beat that asks for an ack; it has the beats back once it answers
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
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let matches = matches(&arguments, unset_where_empty);
    match matches.and_then(|mut matches| Options::from_arg_matches_mut(&mut matches)) {
        Ok(options) => Ok(Parsed::Options(Box::new(options))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp => Ok(Parsed::Text(help::text(&arguments))),
            ErrorKind::DisplayVersion => Ok(Parsed::Text(error.to_string())),
            _ => Err(Failure::Usage(one_line(&error, &arguments))),
        },
    }
}

fn matches(arguments: &[OsString], change: fn(Arg) -> Arg) -> Result<ArgMatches, clap::Error> {
    Options::command()
        .mut_args(change)
        // Without what makes a help, clap takes --help only where there is a text already. Which one, it does not tell.
        .override_help("")
        .try_get_matches_from(arguments)
}

/// A file with all variables in it, as service managers read them, leaves empty what is not to be set.
fn unset_where_empty(argument: Arg) -> Arg {
    match argument.get_env().and_then(env::var_os) {
        Some(value) if value.is_empty() => argument.env(None),
        _ => argument,
    }
}

/// The variable that the refused value of `option` comes from: without the environment, all is well with it.
fn variable(option: &str, error: &clap::Error, arguments: &[OsString]) -> Option<String> {
    let without = matches(arguments, |argument| argument.env(None));
    let refused = |error: &clap::Error| error.get(ContextKind::InvalidArg).map(ToString::to_string);
    if without.is_err_and(|other| refused(&other) == refused(error)) {
        return None;
    }
    let definition = Options::command();
    let is_named = |argument: &&Arg| argument.get_long() == option.strip_prefix("--");
    let variable = definition.get_arguments().find(is_named)?.get_env()?;
    Some(variable.to_string_lossy().into_owned())
}

/// Clap explains over several lines; a log takes one.
fn one_line(error: &clap::Error, arguments: &[OsString]) -> String {
    let context = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let argument = context(ContextKind::InvalidArg);
    let (option, takes) = argument.split_once(' ').unwrap_or((&argument, ""));
    let value = context(ContextKind::InvalidValue);
    match (error.kind(), std::error::Error::source(error)) {
        (ErrorKind::ValueValidation, Some(reason)) => match variable(option, error, arguments) {
            Some(variable) => format!("{option} (from {variable}): {reason}"),
            None => format!("{option}: {reason}"),
        },
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
mod tests;
