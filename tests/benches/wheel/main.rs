//! The collector's timing wheel against its rivals: a linear sweep over packed deadlines, and a binary heap.
//!
//!     cargo bench -p beacon-tests --bench wheel
//!
//! Each plays what the collector does: every source beats once an interval, in an order that is random and stays; a
//! beat only stores a later deadline; when a source is brought up, its true deadline is looked at, and where that has
//! not come it is armed again.

#![forbid(unsafe_code)]

mod clock;
mod fleet;
mod heap;
mod rival;
mod sweep;
mod wheel;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use beacon_tests::measure::{LOAD_CORE, Table, conclude, machine, median, pin};
use clap::Parser;

use fleet::{Cost, Fleet};
use rival::Rival;

#[derive(Debug, Parser)]
struct Options {
    /// How many sources there are, one table each
    #[arg(value_delimiter = ',', default_value = "1000,100000,1000000,10000000")]
    sources: Vec<u32>,

    /// How often each rival is measured
    #[arg(long, default_value = "3")]
    rounds: u32,

    /// What cargo tells a bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    conclude("wheel", compare(&Options::parse()))
}

fn compare(options: &Options) -> Result<(), Box<dyn Error>> {
    pin(LOAD_CORE)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", machine())?;
    for &sources in &options.sources {
        let mut costs: Vec<Vec<Cost>> = Rival::ALL.map(|_| Vec::new()).into();
        for round in 0..options.rounds {
            for (costs, rival) in costs.iter_mut().zip(Rival::ALL) {
                costs.push(Fleet::new(sources, round.into()).play(rival));
            }
        }
        let rows = Rival::ALL.iter().zip(&costs);
        writeln!(out, "\n{sources} sources\n\n{}", table(sources, rows))?;
    }
    Ok(())
}

fn table<'a>(sources: u32, rows: impl Iterator<Item = (&'a Rival, &'a Vec<Cost>)>) -> Table {
    let mut table = Table::new([
        "",
        "ns a beat",
        "least",
        "most",
        "bytes a source",
        "longest step, µs",
    ]);
    for (rival, costs) in rows {
        let of = |what: fn(&Cost) -> f64| costs.iter().map(what);
        table.row([
            rival.name(),
            format!("{:.1}", median(of(|cost| cost.ns_a_beat))),
            format!("{:.1}", of(|cost| cost.ns_a_beat).fold(f64::INFINITY, f64::min)),
            format!("{:.1}", of(|cost| cost.ns_a_beat).fold(0.0, f64::max)),
            // What was used before is there to be used again, so that only the first round needs all of it.
            bytes(of(|cost| cost.bytes_a_source).fold(0.0, f64::max), sources),
            format!("{:.0}", median(of(|cost| cost.longest_step_us))),
        ]);
    }
    table
}

/// Memory comes by the page, so that little of it is hard to measure.
fn bytes(each: f64, sources: u32) -> String {
    match sources {
        0..100_000 => "-".to_owned(),
        _ => format!("{each:.1}"),
    }
}
