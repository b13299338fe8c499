//! How late the collector says `down`, while a million sources beat and some of them die.
//!
//!     cargo bench -p beacon-tests --bench deadlines

#![forbid(unsafe_code)]

mod report;
mod sent;
mod told;

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use beacon_tests::e2e::{Binary, Collector};
use beacon_tests::load::{Beacons, Generator, Impairments, Pace, Settings, Share, now};
use beacon_tests::measure::{
    LOAD_CORE, Queues, conclude, free_port, machine, measure, pin, spawn_pinned, wait_until_bound,
};
use clap::Parser;

use report::Report;
use sent::{LABEL_PREFIX, Sent, Watched};
use told::Told;

#[derive(Debug, Parser)]
struct Options {
    /// How many agents there are
    #[arg(long, default_value = "1000000")]
    sources: u32,

    /// Beats a second of all agents together; each one's interval follows
    #[arg(long, default_value = "100000")]
    rate: u32,

    /// How many of them fall silent
    #[arg(long, default_value = "1%")]
    die: Share,

    /// Keeps the state in this directory, and shows at the end how long it takes to start with it
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Repeats the random decisions of a run
    #[arg(long, default_value = "1")]
    seed: u64,

    /// What cargo tells a bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// In intervals: by then each source has spoken twice, and its place in time is its own.
const WARM_UP: u32 = 2;

/// In intervals: so long sources go on dying.
const DYING: u32 = 3;

/// In intervals: the last of the dead, whose last beat bought it three intervals and a margin, is told of by then.
const WHOLE: u32 = 7;

fn main() -> ExitCode {
    conclude("deadlines", run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    pin(LOAD_CORE)?;
    let mut out = io::stdout().lock();
    let interval = Duration::from_secs(1) * options.sources / options.rate;
    writeln!(out, "{}", machine())?;
    writeln!(
        out,
        "\n{} sources, each every {interval:?}, {} beats a second; {} of them die within {:?}; seed {}\n",
        options.sources,
        options.rate,
        options.die,
        interval * DYING,
        options.seed
    )?;
    write!(out, "{}", play(options, interval)?)?;
    if let Some(file) = options.state_file() {
        write!(out, "{}", start_again(&file)?)?;
    }
    Ok(())
}

impl Options {
    fn state_file(&self) -> Option<PathBuf> {
        self.state.as_ref().map(|directory| directory.join("state"))
    }
}

/// How long a collector takes until it listens to the sources of a state file.
fn start_again(file: &Path) -> Result<String, Box<dyn Error>> {
    let path = file.to_str().ok_or("the directory's name is no text")?;
    let began = now();
    let mut collector = Collector::start("127.0.0.1:0", &["--state", path]);
    let took = now().since(began);
    let restored = collector.wait_for_log(" sources, as they were ");
    let megabytes = fs::metadata(file)?.len() / 1_000_000;
    Ok(format!(
        "\nstarted again in {took:?} with {megabytes} MB: {restored}\n"
    ))
}

fn play(options: &Options, interval: Duration) -> Result<Report, Box<dyn Error>> {
    let port = free_port()?;
    let mut command = Binary::Collector.command();
    command
        .args([
            "--listen",
            &format!("[::]:{port}"),
            "--format",
            "json",
            "--admit-rate",
            "0",
        ])
        .stdout(Stdio::piped());
    if let Some(file) = options.state_file() {
        command.arg("--state").arg(file);
    }
    let mut collector = spawn_pinned(Binary::Collector.name(), &mut command)?;
    let lines = collector.stdout().expect("it was just asked to be piped");
    let told = Told::follow(lines);
    wait_until_bound(&mut collector, port);

    let sent = Sent::new(options.sources);
    let beacons = Beacons::new(LABEL_PREFIX, options.sources, interval, 1)?;
    let fleet = Watched::new(beacons, sent.clone());
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let settings = Settings {
        impairments: Impairments {
            die: options.die,
            die_within: interval * DYING,
            ..Impairments::default()
        },
        seed: options.seed,
        ..Settings::new(to, options.sources, Pace::per_second(options.rate.into()))
    };
    let mut generator = Generator::new(fleet, &settings)?;
    let window = measure(
        &mut generator,
        (collector.id(), port),
        interval * WARM_UP,
        interval * (WHOLE - WARM_UP),
    )?;
    let drops = Queues::of(port).drops;
    let silent = sent.silent_for(interval * 2);
    collector.kill();
    Ok(Report::new(&told.all(), &sent, &silent, window, drops))
}
