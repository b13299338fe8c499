//! What was meant by the command line: checked, completed with what the process finds around it, and trusted
//! from here on.

use std::collections::HashSet;
use std::env;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::cli::{FalseAlarms, Idle, MAX_WORKERS, Options};
use crate::control::Place;
use crate::failure::{Exit, Failure};
use crate::hooks;
use crate::input::Reading;
use crate::inventory::read_inventory;
use crate::keys::read_masters;
use crate::output::events::EventSet;
use crate::output::{Format, Settings};
use crate::serve;
use crate::track;
use crate::track::inventory::Expected;
use crate::track::patience::Allowance;

/// How many addresses may be listened on: each has a number of 8 bits.
const MAX_LISTEN: usize = 256;

/// Everything that a run is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// What was given in vain.
    pub idle: Vec<Idle>,
    /// Where to listen.
    pub listen: Listen,
    /// How many threads share the beats at most.
    pub workers: NonZeroU16,
    /// How to judge.
    pub track: track::config::Config,
    /// The file that the master keys come from.
    pub keys: Option<PathBuf>,
    /// The file that what is known of the sources survives in.
    pub state: Option<PathBuf>,
    /// The sources that are expected, and the file that they come from.
    pub inventory: Option<(PathBuf, Vec<Expected>)>,
    /// What to write, and how.
    pub output: Settings,
    /// How often to write a `tick`; `None` for never.
    pub tick: Option<Duration>,
    /// Where and what to serve over HTTP; `None` for nothing.
    pub http: Option<serve::Settings>,
    /// Where the control socket stands.
    pub control: Place,
    /// What to run when something happens, if anything.
    pub hooks: Option<hooks::Settings>,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `[::]:7878` taking IPv4 too, or `0.0.0.0:7878` where there is no IPv6.
    Default,
    /// On these addresses; multicast groups are joined.
    At(Vec<SocketAddr>),
}

/// What the process finds around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The name of the host.
    pub host_name: String,
    /// How many of the processor's cores the process may use.
    pub cores: NonZeroUsize,
    /// Whether stdout is a terminal.
    pub terminal: bool,
    /// Whether that terminal and its user take colour.
    pub colour: bool,
}

impl Surroundings {
    /// Those of this process. Colour is unwanted where NO_COLOR is set and not empty (no-color.org), or the
    /// terminal is a dumb one.
    #[must_use]
    pub fn look() -> Self {
        let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        Self {
            host_name: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            cores: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            terminal: io::stdout().is_terminal(),
            colour: !no_color && !dumb,
        }
    }
}

impl Config {
    /// What `options` mean here.
    ///
    /// # Errors
    /// What is wrong with the key file, or with options that do not go together.
    pub fn new(options: Options, around: Surroundings) -> Result<Self, Failure> {
        let keys = options
            .keys
            .as_deref()
            .map(|path| read_masters(path, Reading::First))
            .transpose()?;
        let inventory = inventory(options.inventory, options.inventory_only, options.max_sources)?;
        Ok(Self {
            idle: options.idle,
            listen: listen(options.listen)?,
            workers: options.workers.unwrap_or_else(|| workers(around.cores)),
            track: track::config::Config {
                misses: options.misses,
                misses_override: options.misses_override,
                false_alarms: options.false_alarms.map(|FalseAlarms(period)| Allowance {
                    period_us: period.as_micros() as u64,
                    misses_max: options.misses_max,
                }),
                margin: options.margin,
                reorder_wait: options.reorder_wait,
                forget: options.forget,
                max_sources: options.max_sources,
                admit_rate: NonZeroU32::new(options.admit_rate).filter(|_| keys.is_none()),
                settle: options.settle,
                inventory_only: options.inventory_only,
                report: options.report.0,
                probe: options.probe,
                probe_rate: options.probe_rate,
                keys: keys.unwrap_or_default().into(),
                one_way: options.one_way,
            },
            keys: options.keys,
            state: options.state,
            inventory,
            output: Settings {
                format: options.format.unwrap_or(if around.terminal {
                    Format::Text
                } else {
                    Format::Json
                }),
                colour: around.terminal && around.colour,
                collector: options.name.unwrap_or(around.host_name),
                events: options.events.unwrap_or(EventSet::ALL),
                queue: options.queue,
            },
            tick: options.tick.0,
            http: options.http.map(|listen| serve::Settings {
                listen,
                metrics_per_source: options.metrics_per_source,
            }),
            control: Place::of(options.control.as_deref()),
            hooks: options.on_event.map(|command| hooks::Settings {
                command,
                events: options.on_events,
                parallel: options.on_event_parallel,
                timeout: options.on_event_timeout,
            }),
        })
    }
}

fn inventory(
    file: Option<PathBuf>,
    is_only: bool,
    max_sources: u32,
) -> Result<Option<(PathBuf, Vec<Expected>)>, Failure> {
    let Some(file) = file else {
        let refuse = || {
            let line = "--inventory-only: there is no inventory; it takes --inventory FILE too";
            Err(Failure::new(Exit::Usage, line))
        };
        return if is_only { refuse() } else { Ok(None) };
    };
    let expected = read_inventory(&file, max_sources, Reading::First)?;
    Ok(Some((file, expected)))
}

/// One a core.
fn workers(cores: NonZeroUsize) -> NonZeroU16 {
    NonZeroU16::try_from(cores).map_or(MAX_WORKERS, |cores| cores.min(MAX_WORKERS))
}

fn listen(addresses: Vec<SocketAddr>) -> Result<Listen, Failure> {
    let refuse = |problem: String| Err(Failure::new(Exit::Usage, format_args!("--listen: {problem}")));
    if addresses.is_empty() {
        return Ok(Listen::Default);
    }
    if addresses.len() > MAX_LISTEN {
        return refuse(format!(
            "{} addresses; it takes at most {MAX_LISTEN}",
            addresses.len()
        ));
    }
    let mut seen = HashSet::new();
    match addresses
        .iter()
        .find(|address| address.port() != 0 && !seen.insert(**address))
    {
        Some(twice) => refuse(format!("{twice} is given twice; it takes each address once")),
        None => Ok(Listen::At(addresses)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Parsed, parse};

    fn config(arguments: &[&str], terminal: bool) -> Result<Config, Failure> {
        let words = ["beacon-collector"].iter().chain(arguments);
        let words: Vec<_> = words.map(Into::into).collect();
        let Parsed::Run(options) = parse(&words)? else {
            panic!("{arguments:?} is not a run")
        };
        let host_name = "attic".to_owned();
        Config::new(
            *options,
            Surroundings {
                host_name,
                cores: NonZeroUsize::new(3).unwrap(),
                terminal,
                colour: true,
            },
        )
    }

    #[test]
    fn what_is_not_said_is_found_around() {
        let piped = config(&[], false).unwrap();
        assert_eq!(piped.listen, Listen::Default);
        assert_eq!(piped.tick, Some(Duration::from_mins(1)));
        assert_eq!(piped.workers.get(), 3);
        let settings = Settings {
            format: Format::Json,
            colour: false,
            collector: "attic".to_owned(),
            events: EventSet::ALL,
            queue: 65_536,
        };
        assert_eq!(piped.output, settings);
        let judgement = track::config::Config::default();
        assert_eq!(format!("{:?}", piped.track), format!("{judgement:?}"));
        let shown = config(&[], true).unwrap();
        assert_eq!(
            shown.output,
            Settings {
                format: Format::Text,
                colour: true,
                ..settings
            }
        );
    }

    #[test]
    fn false_alarms_are_allowed_once_in_their_share_of_the_time() {
        assert_eq!(config(&[], false).unwrap().track.false_alarms, None);
        let allowed = config(&["--false-alarms=2/7d", "--misses-max=30"], false).unwrap();
        let allowance = Allowance {
            period_us: 302_400_000_000,
            misses_max: 30,
        };
        assert_eq!(allowed.track.false_alarms, Some(allowance));
    }

    #[test]
    fn what_is_said_goes_first() {
        let said = config(
            &[
                "--format",
                "logfmt",
                "--name",
                "cellar",
                "--tick",
                "0",
                "--workers",
                "1",
            ],
            true,
        )
        .unwrap();
        assert_eq!(said.output.format, Format::Logfmt);
        assert_eq!(said.output.collector, "cellar");
        assert_eq!(said.tick, None);
        assert_eq!(said.workers.get(), 1);
    }

    #[test]
    fn there_are_no_more_workers_than_cores_and_no_more_than_there_may_be() {
        let among = |cores| workers(NonZeroUsize::new(cores).unwrap()).get();
        assert_eq!([1, 256, 257, 70_000].map(among), [1, 256, 256, 256]);
    }

    #[test]
    fn an_address_is_listened_on_once() {
        let two = config(&["--listen", "[::1]:7878,127.0.0.1:7878"], false).unwrap();
        let addresses = vec!["[::1]:7878".parse().unwrap(), "127.0.0.1:7878".parse().unwrap()];
        assert_eq!(two.listen, Listen::At(addresses));
        assert!(config(&["--listen", "[::1]:0", "--listen", "[::1]:0"], false).is_ok());
        let failure = config(&["--listen", "[::1]:78", "--listen", "[::1]:78"], false).unwrap_err();
        assert_eq!(
            failure.line,
            "--listen: [::1]:78 is given twice; it takes each address once"
        );
    }

    #[test]
    fn a_key_file_that_is_not_there_ends_the_run() {
        let failure = config(&["--keys", "/nowhere/keys"], false).unwrap_err();
        assert_eq!(failure.exit, Exit::NoInput);
        assert!(
            failure
                .line
                .starts_with("--keys: /nowhere/keys: cannot be read: "),
            "{failure}"
        );
    }
}
