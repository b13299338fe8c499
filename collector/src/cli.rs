//! What may be written on the command line and in the environment. What it means is told in
//! [`crate::config`].

mod command;
mod complaint;
mod idle;
mod values;

use std::env;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches, Parser};

use crate::failure::{Exit, Failure};
use crate::output::Format;
use crate::output::events::EventSet;
use crate::track::config::{Margin, Probe};

pub use command::{Command, Status, Whom};
use complaint::one_line;
pub use idle::Idle;
use idle::idle;

/// How many threads may share the beats.
pub const MAX_WORKERS: NonZeroU16 = NonZeroU16::new(256).expect("it is not 0");

/// The longest time for which one false alarm may be allowed.
const LONGEST_PERIOD: Duration = Duration::from_hours(24 * 36_525);

/// Receives the beats of a fleet of small devices and tells who is up, late, down, asleep or restarted.
///
/// Writes one line an event to stdout; docs/events.md explains them. The log goes to stderr, its level by
/// RUST_LOG. Every option can be set in the environment too, where an empty variable sets nothing; what stands
/// on the command line goes first.
/// Exit codes: 1 and 3 of status (see there), 2 wrong arguments, 65 damaged file, 66 no such file or source, 71 the
/// system refuses (an address cannot be bound), 73 the state file or the control socket cannot be made, 74 the state file,
/// or what a command prints, cannot be written, 75 the state file or the control socket is in use, 77 key file open to
/// others.
#[derive(Debug, Parser)]
#[command(
    name = "beacon-collector",
    version,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

/// How to run.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// What was given in vain.
    #[arg(skip)]
    pub idle: Vec<Idle>,

    /// Address and port to listen on; a multicast group is joined. Repeatable; in the environment separated
    /// by commas [default: what a service manager hands over, else port 7878 of every address of the
    /// host, IPv6 and IPv4]
    #[arg(long, env = "BEACON_LISTEN", value_name = "ADDR:PORT", value_delimiter = ',', value_parser = values::listen, allow_hyphen_values = true)]
    pub listen: Vec<SocketAddr>,

    /// How many threads share the beats, each source staying with one of them [default: as many as cores]
    #[arg(long, env = "BEACON_WORKERS", value_name = "1-256", value_parser = values::threads, allow_hyphen_values = true)]
    pub workers: Option<NonZeroU16>,

    /// Format of the event lines [default: text on a terminal, otherwise json]
    #[arg(long, env = "BEACON_FORMAT", value_name = "json|text|logfmt|influx", value_parser = values::format, allow_hyphen_values = true)]
    pub format: Option<Format>,

    /// File with the master keys, lines ID HEX32, open to its owner alone; with it, every frame must be
    /// made with one of them; read again on SIGHUP
    #[arg(long, env = "BEACON_KEYS", value_name = "FILE")]
    pub keys: Option<PathBuf>,

    /// With keys, believe sources and sessions without asking them for proof: for networks that have no way back
    #[arg(long, env = "BEACON_ONE_WAY", value_parser = values::switch)]
    pub one_way: bool,

    /// Which sources are asked for a sign of life when they turn late: auto those that have asked for acks
    #[arg(long, env = "BEACON_PROBE", value_name = "auto|always|never", default_value = "auto", value_parser = values::probe, allow_hyphen_values = true)]
    pub probe: Probe,

    /// How many probes are sent within a second at most, those for proof too
    #[arg(long, env = "BEACON_PROBE_RATE", value_name = "1-1000000", default_value = "1000", value_parser = values::probe_rate, allow_hyphen_values = true)]
    pub probe_rate: u32,

    /// File that keeps what is known of the sources across restarts; see docs/operations.md
    #[arg(long, env = "BEACON_STATE", value_name = "FILE")]
    pub state: Option<PathBuf>,

    /// File with the sources that are expected, lines of a label and, if wanted, a group and a note: one that is
    /// never heard goes down; read again on SIGHUP
    #[arg(long, env = "BEACON_INVENTORY", value_name = "FILE")]
    pub inventory: Option<PathBuf>,

    /// How long a source of the inventory may stay unheard until it is down
    #[arg(long, env = "BEACON_SETTLE", value_name = "DURATION", default_value = "2m", value_parser = values::settle, allow_hyphen_values = true)]
    pub settle: Duration,

    /// Let in no new source that is not in the inventory; one that was heard before stays known until it is forgotten
    #[arg(long, env = "BEACON_INVENTORY_ONLY", value_parser = values::switch)]
    pub inventory_only: bool,

    /// How many beats may be missing before a source is down, where its frames leave that open
    #[arg(long, env = "BEACON_MISSES", value_name = "1-255", default_value = "3", value_parser = values::misses, allow_hyphen_values = true)]
    pub misses: u8,

    /// The same, whatever the frames say
    #[arg(long, env = "BEACON_MISSES_OVERRIDE", value_name = "1-255", value_parser = values::misses, allow_hyphen_values = true)]
    pub misses_override: Option<u8>,

    /// How many false alarms of a source are allowed in how long, like 1/30d: the number of beats that may be missing
    /// is then learned for each source, between the one above and --misses-max
    #[arg(long, env = "BEACON_FALSE_ALARMS", value_name = "COUNT/DURATION", value_parser = values::false_alarms, allow_hyphen_values = true)]
    pub false_alarms: Option<FalseAlarms>,

    /// How many beats may be missing at most where that is learned, and until enough is known
    #[arg(long, env = "BEACON_MISSES_MAX", value_name = "1-64", default_value = "20", value_parser = values::misses_max, allow_hyphen_values = true)]
    pub misses_max: u8,

    /// Safety margin added to each deadline: auto follows the observed spread of the arrivals
    #[arg(long, env = "BEACON_MARGIN", value_name = "auto|DURATION", default_value = "auto", value_parser = values::margin, allow_hyphen_values = true)]
    pub margin: Margin,

    /// How long a source is kept that is down or stopped
    #[arg(long, env = "BEACON_FORGET", value_name = "DURATION", default_value = "24h", value_parser = values::forget, allow_hyphen_values = true)]
    pub forget: Duration,

    /// How many sources are kept at most: 1 to 2147483648
    #[arg(long, env = "BEACON_MAX_SOURCES", value_name = "COUNT", default_value = "1000000", value_parser = values::max_sources, allow_hyphen_values = true)]
    pub max_sources: u32,

    /// How many sources a second may be new, after a burst of ten times as many; 0 for any. With keys, where
    /// nobody can make up sources, it is not asked
    #[arg(long, env = "BEACON_ADMIT_RATE", value_name = "COUNT", default_value = "1000", value_parser = values::admit_rate, allow_hyphen_values = true)]
    pub admit_rate: u32,

    /// How many intervals a missing beat may still come late before it counts as lost
    #[arg(long, env = "BEACON_REORDER_WAIT", value_name = "0-62", default_value = "2", value_parser = values::reorder_wait, allow_hyphen_values = true)]
    pub reorder_wait: u32,

    /// How often to write a tick line; 0 for never
    #[arg(long, env = "BEACON_TICK", value_name = "DURATION", default_value = "60s", value_parser = values::period, allow_hyphen_values = true)]
    pub tick: Period,

    /// How often to write a report line for each source; 0 for never
    #[arg(long, env = "BEACON_REPORT", value_name = "DURATION", default_value = "0", value_parser = values::period, allow_hyphen_values = true)]
    pub report: Period,

    /// Events to write, separated by commas; gap and state are always written, and steady with up, late or down
    /// [default: all]
    #[arg(long, env = "BEACON_EVENTS", value_name = "LIST", value_parser = values::events, allow_hyphen_values = true)]
    pub events: Option<EventSet>,

    /// Serve a page, metrics and the event lines over HTTP there; with a port alone, on this host's loopback
    /// [default: not at all]
    #[arg(long, env = "BEACON_HTTP", value_name = "[ADDR:]PORT", value_parser = values::http, allow_hyphen_values = true)]
    pub http: Option<SocketAddr>,

    /// Give the metrics series of each source
    #[arg(long, env = "BEACON_METRICS_PER_SOURCE", value_parser = values::switch)]
    pub metrics_per_source: bool,

    /// Socket for the commands status, silence, unsilence and forget; none for none [default: control in the
    /// service's runtime directory, or beacon-collector.control in the user's]
    #[arg(long, env = "BEACON_CONTROL", value_name = "PATH|none")]
    pub control: Option<OsString>,

    /// Command for the shell to run when a source goes down or comes up, with what has happened in its environment
    /// and on its stdin; see docs/hooks.md
    #[arg(long, env = "BEACON_ON_EVENT", value_name = "CMD", value_parser = values::command, allow_hyphen_values = true)]
    pub on_event: Option<String>,

    /// Events to run the command for, separated by commas; with up, late or down for steady too
    #[arg(long, env = "BEACON_ON_EVENTS", value_name = "LIST", default_value = "down,up", value_parser = values::hooked_events, allow_hyphen_values = true)]
    pub on_events: EventSet,

    /// How many of these commands may run at once; never two for one source
    #[arg(long, env = "BEACON_ON_EVENT_PARALLEL", value_name = "1-256", default_value = "4", value_parser = values::threads, allow_hyphen_values = true)]
    pub on_event_parallel: NonZeroU16,

    /// How long such a command may take before it is told to end, and 2 s later killed
    #[arg(long, env = "BEACON_ON_EVENT_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = values::hook_timeout, allow_hyphen_values = true)]
    pub on_event_timeout: Duration,

    /// Name of this collector in every line [default: the host name]
    #[arg(long, env = "BEACON_NAME", value_name = "NAME", value_parser = values::name, allow_hyphen_values = true)]
    pub name: Option<String>,

    /// How many lines may wait for a slow reader before they are dropped, and a gap line says so: 16 or more
    #[arg(long, env = "BEACON_QUEUE", value_name = "LINES", default_value = "65536", value_parser = values::queue, allow_hyphen_values = true)]
    pub queue: usize,
}

/// How often; `None` for never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period(pub Option<Duration>);

/// The time for which one false alarm of a source is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FalseAlarms(pub Duration);

/// What the command line comes to.
#[derive(Debug)]
pub enum Parsed {
    /// Run with these options.
    Run(Box<Options>),
    /// Do this instead.
    Command(Command),
    /// Print this: the help or the version.
    Text(String),
}

/// The definition of the command line: what manual pages and shell completions are made from.
#[must_use]
pub fn command() -> clap::Command {
    CommandLine::command()
}

/// Reads the command line, whose first word is the program's own name, and the environment.
///
/// # Errors
/// [`Exit::Usage`] with one line that names the option and what it takes.
pub fn parse(arguments: &[OsString]) -> Result<Parsed, Failure> {
    let matches = matches(arguments, unset_where_empty);
    let idle = matches.as_ref().map(idle).unwrap_or_default();
    match matches.and_then(|mut matches| CommandLine::from_arg_matches_mut(&mut matches)) {
        Ok(CommandLine {
            command: Some(command),
            ..
        }) => Ok(Parsed::Command(command)),
        Ok(CommandLine { options, .. }) => Ok(Parsed::Run(Box::new(Options { idle, ..options }))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Parsed::Text(error.to_string())),
            _ => Err(Failure::new(Exit::Usage, one_line(&error, arguments))),
        },
    }
}

/// Whether a monitoring system asks, which takes exit code 2 for a verdict: `status --plugin`, told by the words alone,
/// because arguments that are wrong come to nothing else. The first word that names a command is the command.
#[must_use]
pub fn asks_as_plugin(arguments: &[OsString]) -> bool {
    let words: Vec<_> = arguments
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy())
        .take_while(|word| word != "--")
        .collect();
    let commands = commands();
    let command = words
        .iter()
        .find(|word| commands.iter().any(|name| name == *word));
    let is_plugin = |word: &str| word == "--plugin" || word.starts_with("--plugin=");
    command.is_some_and(|command| command == "status") && words.iter().any(|word| is_plugin(word))
}

fn matches(arguments: &[OsString], change: fn(Arg) -> Arg) -> Result<ArgMatches, clap::Error> {
    mut_all_args(command(), change).try_get_matches_from(arguments)
}

fn mut_all_args(command: clap::Command, change: fn(Arg) -> Arg) -> clap::Command {
    command
        .mut_args(change)
        .mut_subcommands(|command| mut_all_args(command, change))
}

/// A file with all variables in it, as service managers read them, leaves empty what is not to be set.
fn unset_where_empty(argument: Arg) -> Arg {
    match argument.get_env().and_then(env::var_os) {
        Some(value) if value.is_empty() => argument.env(None),
        _ => argument,
    }
}

fn commands() -> Vec<String> {
    command()
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect()
}

#[cfg(test)]
mod tests;
