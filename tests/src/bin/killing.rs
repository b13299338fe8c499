//! Kills a real collector time and again amid live sources that come and go, and shows whether anybody can tell:
//! `cargo run --release -p beacon-tests --bin killing -- --sources 1000 --kills 100`.

#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use beacon_tests::e2e::{Directory, Killing, Survived};
use beacon_tests::measure::{Table, conclude};
use beacon_tests::random::number_from_environment;
use clap::Parser;

/// Shows what is left of a collector's knowledge after it was killed.
#[derive(Parser)]
struct Options {
    /// How many sources come and go
    #[arg(long, default_value = "1000")]
    sources: u32,
    /// How often each of them beats
    #[arg(long, default_value = "500ms", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// How often the collector is killed; every tenth time it ends in order
    #[arg(long, default_value = "100")]
    kills: u32,
    /// How long it lives between two kills, at most
    #[arg(long, default_value = "6s", value_parser = humantime::parse_duration)]
    life: Duration,
    /// How long it is dead, at most
    #[arg(long, default_value = "3s", value_parser = humantime::parse_duration)]
    death: Duration,
    /// What was told so long before a kill has to be remembered
    #[arg(long, default_value = "100ms", value_parser = humantime::parse_duration)]
    saved_within: Duration,
    /// How many workers the collector has
    #[arg(long, default_value = "2")]
    workers: String,
}

fn main() -> ExitCode {
    let options = Options::parse();
    // On a disk, if that is where temporary files are: there it takes time to save.
    let directory = Directory::default();
    let killing = Killing {
        sources: options.sources,
        interval: options.interval,
        kills: options.kills,
        life: options.life,
        death: options.death,
        saved_within: options.saved_within,
        seed: number_from_environment("BEACON_SEED", 5),
        arguments: vec!["--workers".to_owned(), options.workers],
    };
    let survived = killing.run(&directory.path().join("state"));
    conclude(
        "killing",
        io::stdout().write_all(table(&killing, &survived).as_bytes()),
    )
}

fn table(killing: &Killing, survived: &Survived) -> String {
    let mut table = Table::new(["what", "figure"]);
    let mut row = |what: &str, figure: String| table.row([what.to_owned(), figure]);
    row("sources that come and go", killing.sources.to_string());
    row("interval", format!("{:?}", killing.interval));
    row("seed", killing.seed.to_string());
    row(
        "times that the collector was killed",
        survived.restarts.to_string(),
    );
    row("longest start", format!("{:?}", survived.longest_start));
    row("`blind` lines", survived.blind.to_string());
    row("`down` lines", survived.downs.to_string());
    row(
        "`down` lines about the living",
        survived.false_downs.len().to_string(),
    );
    row(
        "`late` and `down` lines about who had said goodbye",
        survived.forgotten_goodbyes.len().to_string(),
    );
    row("sources told as new twice", survived.twice_new.len().to_string());
    let differences = survived.differences();
    row(
        "sources that differ from those of a collector that was not killed",
        differences.len().to_string(),
    );
    for difference in differences.iter().take(10) {
        row("one of them", difference.clone());
    }
    for line in survived.false_downs.iter().take(10) {
        row("a `down` line about the living", line.to_string());
    }
    for line in survived.forgotten_goodbyes.iter().take(10) {
        row("a line about who had said goodbye", line.to_string());
    }
    table.to_string()
}
