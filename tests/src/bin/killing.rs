//! Kills a real collector time and again amid live sources that come and go, and shows whether anybody can tell:
//! `cargo run --release -p beacon-tests --bin killing -- --sources 1000 --kills 100`.

#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use beacon_tests::e2e::{Directory, Killing, Line, Survived};
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

impl Options {
    fn killing(self, seed: u64) -> Killing {
        Killing {
            sources: self.sources,
            interval: self.interval,
            kills: self.kills,
            life: self.life,
            death: self.death,
            saved_within: self.saved_within,
            seed,
            arguments: vec!["--workers".to_owned(), self.workers],
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    // On a disk, if that is where temporary files are: there it takes time to save.
    let directory = Directory::default();
    let killing = options.killing(number_from_environment("BEACON_SEED", 5));
    let survived = killing.run(&directory.path().join("state"));
    conclude(
        "killing",
        io::stdout().write_all(report(&killing, &survived).as_bytes()),
    )
}

/// How many of the same kind are shown, of those that should not be there.
const SHOWN: usize = 10;

/// The figures as a table, and below it what should not be there, one a line.
fn report(killing: &Killing, survived: &Survived) -> String {
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
    let lines = |lines: &[Line]| lines.iter().map(Line::to_string).collect::<Vec<_>>();
    [
        table.to_string(),
        list("sources that differ", &differences),
        list("sources told as new twice", &survived.twice_new),
        list("`down` lines about the living", &lines(&survived.false_downs)),
        list(
            "lines about who had said goodbye",
            &lines(&survived.forgotten_goodbyes),
        ),
    ]
    .concat()
}

/// A heading and the first of the lines; nothing where there are none.
fn list(heading: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let shown = lines[..lines.len().min(SHOWN)].join("\n");
    let more = match lines.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("and {more} more\n"),
    };
    format!("\n{heading}:\n{shown}\n{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_numbers_alone_and_each_line_stands_below_it() {
        let killing = Options::parse_from(["killing"]).killing(5);
        let told = |event: &str, number: u32| {
            let line = format!(
                "{{\"event\":\"{event}\",\"source\":\"s{number}\",\"addr\":\"{}\"}}",
                "9".repeat(200)
            );
            Line::parse(&line)
        };
        let survived = Survived {
            states: [("s7".to_owned(), ["down", "up"].map(str::to_owned))].into(),
            false_downs: (0..12).map(|number| told("down", number)).collect(),
            forgotten_goodbyes: vec![told("late", 12)],
            twice_new: Vec::new(),
            restarts: 100,
            blind: 100,
            downs: 12,
            longest_start: Duration::from_millis(7),
        };
        let report = report(&killing, &survived);
        let (table, rest) = report.split_once("\n\n").unwrap();
        assert!(table.lines().all(|line| line.chars().count() < 100), "{report}");
        assert!(table.contains("| `down` lines about the living"), "{report}");
        let lines: Vec<_> = rest.lines().collect();
        let at = |line: &str| lines.iter().position(|&other| other == line);
        assert_eq!(lines[..2], ["sources that differ:", "s7: [\"down\", \"up\"]"]);
        let living = at("`down` lines about the living:").expect("they have a heading");
        assert_eq!(lines[living + 1], told("down", 0).to_string());
        assert_eq!(lines[living + 11], "and 2 more");
        let gone = at("lines about who had said goodbye:").expect("they have a heading");
        assert_eq!(lines[gone + 1..], [told("late", 12).to_string()]);
        assert!(!report.contains("sources told as new twice:"), "{report}");
    }
}
