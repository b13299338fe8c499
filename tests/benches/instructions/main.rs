//! How many instructions the hot path takes, against what it took before: the gate that no change makes it slower
//! unseen. Valgrind counts them, so that neither the machine nor what else it does matters.
//!
//!     cargo bench -p beacon-tests --bench instructions
//!     cargo bench -p beacon-tests --bench instructions -- --save

#![forbid(unsafe_code)]

mod baseline;
mod case;
mod count;
mod fleet;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use beacon_tests::measure::{Table, conclude};
use clap::Parser;

use baseline::Baseline;
use case::Case;

/// A change of more than this many percent is one.
const TOLERANCE_PERCENT: f64 = 5.0;

#[derive(Debug, Parser)]
struct Options {
    /// Make what is counted now the baseline
    #[arg(long)]
    save: bool,

    /// Play one case and count nothing: valgrind does
    #[arg(long, hide = true)]
    play: Option<Case>,

    /// What cargo tells a bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.play {
        Some(case) => {
            case.play();
            Ok(true)
        }
        None => compare(options.save),
    };
    conclude("instructions", done.map(|holds| ExitCode::from(u8::from(!holds))))
}

/// Whether no case takes more than the baseline allows.
fn compare(save: bool) -> Result<bool, Box<dyn Error>> {
    let counted = count::all()?;
    let mut out = io::stdout().lock();
    if save {
        counted.save()?;
    }
    let baseline = Baseline::read()?;
    let mut table = Table::new(["instructions", "each", "baseline", "change"]);
    let (mut slower, mut faster) = (Vec::new(), Vec::new());
    for case in Case::ALL {
        let (now, before) = (counted.get(case)?, baseline.get(case)?);
        let percent = 100.0 * (now / before - 1.0);
        if percent > TOLERANCE_PERCENT {
            slower.push(case.name());
        } else if percent < -TOLERANCE_PERCENT {
            faster.push(case.name());
        }
        table.row([
            case.describe().to_owned(),
            format!("{now:.1}"),
            format!("{before:.1}"),
            // Never minus nothing.
            format!("{:+.1} %", (percent * 10.0).round() / 10.0 + 0.0),
        ]);
    }
    write!(out, "{table}")?;
    let renewing = "cargo bench -p beacon-tests --bench instructions -- --save";
    if !faster.is_empty() {
        let faster = faster.join(", ");
        writeln!(
            out,
            "\nfaster by more than {TOLERANCE_PERCENT} %: {faster}. Keep what is gained: {renewing}"
        )?;
    }
    if !slower.is_empty() {
        let slower = slower.join(", ");
        writeln!(
            out,
            "\nslower by more than {TOLERANCE_PERCENT} %: {slower}. Where that is the price of something, say of what \
             in the commit that does this: {renewing}"
        )?;
    }
    Ok(slower.is_empty())
}
