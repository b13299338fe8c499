//! A fleet of agents in one process, to see what a collector's host can take. docs/performance.md shows its use.

#![forbid(unsafe_code)]

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use beacon_common::MasterKey;
use beacon_common::key::parse_key_line;
use beacon_tests::load::{Beacons, Generator, Impairments, MAX_PER_CALL, Pace, Settings, Share, Tally};
use beacon_tests::measure::conclude;
use clap::{Args, Parser};

/// How long acks are waited for after the last beat.
const LAST_ACKS: Duration = Duration::from_millis(200);

/// Speaks for a whole fleet of agents: correct frames, at an exact rate.
#[derive(Debug, Parser)]
struct Options {
    /// The collector
    #[arg(long, value_name = "ADDR:PORT")]
    to: SocketAddr,

    /// How many agents
    #[arg(long, value_name = "N", default_value = "1000")]
    sources: NonZeroU32,

    #[command(flatten)]
    pace: PaceOptions,

    /// For how long
    #[arg(long, value_name = "N", default_value = "10")]
    seconds: u32,

    /// The labels are NAME-0, NAME-1 and so on: one name for each generator of several
    #[arg(long, value_name = "NAME", default_value = "load")]
    prefix: String,

    /// A collector's key file, whose first key signs the frames
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,

    /// Ask for an ack with every beat, and count them
    #[arg(long)]
    acks: bool,

    /// Beats that are never sent
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    loss: Share,

    /// Beats that are sent behind their source's next one
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    reorder: Share,

    /// Beats that are sent twice
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    duplicate: Share,

    /// Agents that fall silent for good, each at a moment of its own
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    die: Share,

    /// Source ports
    #[arg(long, value_name = "N", default_value = "4")]
    ports: usize,

    /// Beats that one system call may hand to the kernel; 1 for networks that cannot cut them apart
    #[arg(long, value_name = "N", default_value_t = MAX_PER_CALL)]
    per_call: usize,

    /// How late the generator may be and still catch up; beyond that the whole schedule slips
    #[arg(long, value_name = "DURATION", default_value = "10ms", value_parser = humantime::parse_duration)]
    catch_up: Duration,

    /// Repeats the random decisions of a run
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
struct PaceOptions {
    /// Beats a second of all agents together, or max
    #[arg(long, value_name = "N")]
    rate: Option<Rate>,

    /// How often each agent speaks; follows from --rate unless that is max
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    interval: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
enum Rate {
    PerSecond(NonZeroU64),
    Max,
}

impl std::str::FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "max" => Ok(Self::Max),
            _ => text
                .parse()
                .map(Self::PerSecond)
                .map_err(|_| "a rate is a number above 0, or max"),
        }
    }
}

impl PaceOptions {
    /// The pace of all, and the interval of each.
    fn resolve(&self, sources: u32) -> Result<(Pace, Duration), String> {
        match (self.rate, self.interval) {
            (Some(Rate::PerSecond(rate)), None) => {
                let nanos = u128::from(sources) * 1_000_000_000 / u128::from(rate.get());
                let interval = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
                Ok((Pace::per_second(rate.get()), interval))
            }
            (None, Some(interval)) if !interval.is_zero() => {
                let slots = u64::from(sources);
                let within = interval;
                Ok((Pace::Even { slots, within }, interval))
            }
            (Some(Rate::Max), Some(promise)) => Ok((Pace::Unbounded { promise }, promise)),
            (Some(Rate::Max), None) => Err("--rate max takes --interval: what the agents promise".to_owned()),
            (Some(Rate::PerSecond(_)), Some(_)) => {
                Err("--rate and --interval contradict each other: either follows from the other".to_owned())
            }
            (None, _) => Err("--interval takes a time above 0".to_owned()),
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = play(&options).and_then(|report| {
        let written = write!(io::stdout().lock(), "{report}");
        written.map_err(|error| format!("cannot write the report: {error}"))
    });
    conclude("load", done)
}

fn play(options: &Options) -> Result<Report<'_>, String> {
    let sources = options.sources.get();
    let (pace, interval) = options.pace.resolve(sources)?;
    let mut fleet = Beacons::new(&options.prefix, sources, interval, options.seed as u32)?;
    if let Some(path) = &options.keys {
        fleet = fleet.with_keys(&master_key(path)?);
    }
    if options.acks {
        fleet = fleet.with_acks();
    }
    let duration = Duration::from_secs(options.seconds.into());
    let settings = Settings {
        impairments: Impairments {
            loss: options.loss,
            reorder: options.reorder,
            duplicate: options.duplicate,
            die: options.die,
            die_within: duration,
        },
        ports: options.ports,
        per_call: options.per_call,
        catch_up: options.catch_up,
        seed: options.seed,
        ..Settings::new(options.to, sources, pace)
    };
    let opened = Generator::new(fleet, &settings);
    let mut generator = opened.map_err(|error| format!("cannot send to {}: {error}", options.to))?;
    let mut tally = generator.run_until(duration);
    if options.acks {
        let last = generator.settle(LAST_ACKS);
        tally.answers += last.answers;
        tally.strange += last.strange;
    }
    Ok(Report {
        options,
        interval,
        tally,
    })
}

fn master_key(path: &Path) -> Result<MasterKey, String> {
    let in_file = |problem: &dyn fmt::Display| format!("{}: {problem}", path.display());
    let text = fs::read_to_string(path).map_err(|error| in_file(&error))?;
    for line in text.lines() {
        if let Some((id, bytes)) = parse_key_line(line).map_err(|error| in_file(&error))? {
            return Ok(MasterKey::new(id, bytes));
        }
    }
    Err(in_file(&"there is no key in it"))
}

/// What is told at the end.
struct Report<'a> {
    options: &'a Options,
    interval: Duration,
    tally: Tally,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            options,
            interval,
            tally,
        } = self;
        let asked = match options.pace.rate {
            Some(Rate::PerSecond(rate)) => format!(", {rate} asked for"),
            Some(Rate::Max) => ", as many as went".to_owned(),
            None => String::new(),
        };
        writeln!(
            f,
            "sources     {}, each every {interval:?}, to {}",
            options.sources, options.to
        )?;
        writeln!(
            f,
            "sent        {} in {:.3} s",
            tally.sent,
            tally.took.as_secs_f64()
        )?;
        writeln!(f, "rate        {:.0} a second{asked}", tally.rate())?;
        match &tally.last_error {
            Some(error) => writeln!(f, "errors      {}, at last: {error}", tally.errors)?,
            None => writeln!(f, "errors      0")?,
        }
        writeln!(f, "slips       {}, by {:?} in all", tally.slips, tally.slipped)?;
        for (name, count) in [
            ("lost", tally.lost),
            ("reordered", tally.reordered),
            ("duplicated", tally.duplicated),
            ("silent", tally.silent),
        ] {
            if count > 0 {
                writeln!(f, "{name:<11} {count}")?;
            }
        }
        if options.acks {
            let share = 100.0 * tally.answers as f64 / (tally.sent.max(1)) as f64;
            writeln!(
                f,
                "acks        {} ({share:.2} %), not acks: {}",
                tally.answers, tally.strange
            )?;
        }
        writeln!(f, "seed        {}", options.seed)
    }
}
