//! The judgement benchmark: how fast and how rightly this collector's detector judges, beside its peers
//! (docs/judgement.md).
//!
//!     cargo bench -p beacon-tests --bench judgement -- [--beats N] [--seed N] [--only NAME[,NAME]…] [--charts DIR]
//!         [TRACE.csv[.gz]]…

mod beacon;
mod budget;
mod chart;
mod curve;
mod detector;
mod duels;
mod multipliers;
mod peers;
mod probes;
mod quality;
mod random;
mod recorded;
mod report;
mod synthetic;
mod trace;
mod ways;
mod window;
mod worlds;

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use beacon_tests::measure::conclude;

use curve::Curve;
use duels::Duels;
use trace::Trace;

/// What the command line asks for.
struct Options {
    beats: usize,
    seed: u64,
    /// The synthetic traces that are wanted; all where it is empty.
    only: Vec<String>,
    charts: PathBuf,
    files: Vec<PathBuf>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            beats: 2_000_000,
            seed: 1,
            only: Vec::new(),
            charts: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("judgement"),
            files: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--bench" => {}
                "--beats" => options.beats = number(&value()?)?,
                "--seed" => options.seed = number(&value()?)?,
                "--only" => options.only = value()?.split(',').map(known).collect::<Result<_, _>>()?,
                "--charts" => options.charts = PathBuf::from(value()?),
                flag if flag.starts_with('-') => return Err(format!("unknown option {flag}")),
                file => options.files.push(PathBuf::from(file)),
            }
        }
        if options.beats < 10_000 {
            return Err(format!("--beats {}: at least 10000 are needed", options.beats));
        }
        Ok(options)
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

/// The name of a synthetic trace.
fn known(name: &str) -> Result<String, String> {
    if synthetic::names().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    let names: Vec<_> = synthetic::names().collect();
    Err(format!(
        "no trace is called `{name}`; there are {}",
        names.join(", ")
    ))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a whole number"))
}

/// Judges one trace, and says how it went.
fn judge(trace: &Trace, options: &Options, duels: &mut Duels, out: &mut impl Write) -> io::Result<()> {
    let curves: Vec<Curve> = std::iter::once(beacon::FAMILY)
        .chain(peers::FAMILIES)
        .map(|family| Curve::trace(family, trace))
        .collect();
    report::write(trace, &curves, out)?;
    duels.take(&curves, out)?;
    multipliers::write(trace, options.seed, out)?;
    budget::write(trace, out)?;
    let path = options.charts.join(format!("{}.svg", trace.name));
    fs::write(&path, chart::svg(trace, &curves))?;
    writeln!(out, "chart: {}\n", path.display())?;
    out.flush()
}

fn run(options: &Options) -> io::Result<()> {
    let out = &mut io::stdout().lock();
    let mut duels = Duels::default();
    fs::create_dir_all(&options.charts)?;
    writeln!(
        out,
        "{} beats a synthetic trace, seed {}\n",
        options.beats, options.seed
    )?;
    for file in &options.files {
        judge(&recorded::read(file)?, options, &mut duels, out)?;
    }
    for trace in synthetic::made(options.beats, options.seed, |name| options.is_wanted(name)) {
        judge(&trace, options, &mut duels, out)?;
    }
    writeln!(out, "## All traces together\n")?;
    duels.write(out)
}

fn main() -> ExitCode {
    let outcome = Options::parse(std::env::args().skip(1))
        .map_err(io::Error::other)
        .and_then(|options| run(&options));
    conclude("judgement", outcome)
}
