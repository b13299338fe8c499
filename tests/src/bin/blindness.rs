//! Stops a real collector amid a live fleet on real sockets, and shows whom it blames:
//! `cargo run --release -p beacon-tests --bin blindness -- --sources 10000 --stop 30s`.

#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use beacon_tests::e2e::{Blamed, Blindfold, VICTIM};
use beacon_tests::measure::{Table, conclude};
use clap::Parser;

/// How late a death may be told.
const LATE_BY_MS: i64 = 10;

/// Shows whom beacon-collector blames after it was stopped; fails where that is anybody but who has died.
#[derive(Parser)]
struct Options {
    /// How many sources are live
    #[arg(long, default_value = "10000")]
    sources: u32,
    /// How often each of them beats
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// For how long the collector is stopped
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    stop: Duration,
    /// How many workers the collector has
    #[arg(long, default_value = "1")]
    workers: String,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let blindfold = Blindfold {
        sources: options.sources,
        interval: options.interval,
        stop: options.stop,
        arguments: &["--tick", "1s", "--workers", &options.workers],
    };
    let shown = blindfold.run().and_then(|blamed| {
        io::stdout().write_all(table(&blindfold, &blamed).as_bytes())?;
        verdict(&blamed).map_err(io::Error::other)
    });
    conclude("blindness", shown)
}

/// Whether the blindness was told once, and nobody is blamed but who died meanwhile, within its bound.
///
/// # Errors
/// What is wrong.
fn verdict(blamed: &Blamed) -> Result<(), String> {
    let blind = blamed.all("blind");
    let [blind] = &blind[..] else {
        return Err(format!("{} `blind` lines, not one", blind.len()));
    };
    let living = blamed.of_the_living("down");
    if living > 0 {
        return Err(format!("{living} `down` lines about the living"));
    }
    let down = blamed.all("down");
    let [down] = &down[..] else {
        return Err(format!("{} `down` lines, not one", down.len()));
    };
    let (after_ms, bound_ms) = (down.micros_since(blind) / 1_000, down.number("bound_ms"));
    if after_ms > bound_ms + LATE_BY_MS {
        return Err(format!(
            "the death was told {after_ms} ms after the blindness, with a bound of {bound_ms} ms"
        ));
    }
    Ok(())
}

fn table(blindfold: &Blindfold<'_>, blamed: &Blamed) -> String {
    let mut table = Table::new(["what", "figure"]);
    let mut row = |what: &str, figure: String| table.row([what.to_owned(), figure]);
    let lines = |event| blamed.all(event).len().to_string();
    row("sources, live all the time", blindfold.sources.to_string());
    row("interval", format!("{:?}", blindfold.interval));
    row("stopped for", format!("{:?}", blindfold.stop));
    row("beats sent", blamed.fleet.sent.to_string());
    let last_tick = blamed.all("tick").pop();
    let drops = last_tick.map_or(0, |tick| tick.number("socket_drops"));
    row("beats that the socket had no room for", drops.to_string());
    row("`blind` lines", lines("blind"));
    for blind in blamed.all("blind") {
        row(&blind.what(), format!("{} ms", blind.number("blind_ms")));
    }
    row("`mass_loss` lines", lines("mass_loss"));
    for event in ["late", "down"] {
        let living = blamed.of_the_living(event);
        row(&format!("`{event}` lines about the living"), living.to_string());
    }
    for down in blamed.all("down") {
        if let (Some(VICTIM), Some(blind)) = (down.source(), blamed.all("blind").first()) {
            let after_ms = down.micros_since(blind) / 1_000;
            row(
                "`down` of the one that died meanwhile, after the blindness",
                format!("{after_ms} ms"),
            );
        }
    }
    table.to_string()
}
