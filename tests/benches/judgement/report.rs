//! The tables of one trace.

use std::io::{self, Write};

use crate::curve::{Curve, TIMES, smoothed};
use crate::quality::Quality;
use crate::trace::Trace;

/// The times whose figures are given in full, among [`TIMES`].
const FULL: [f64; 3] = [1.5, 2.1, 3.05];

/// Writes what each detector achieved; our own comes first, and is compared with the others.
pub(crate) fn write(trace: &Trace, curves: &[Curve], out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "## {}: {} beats of {} ms in {:.2} days, mean delay {:.3} intervals\n",
        trace.name,
        trace.beats.len(),
        trace.interval_us / 1_000,
        trace.days(),
        trace.mean_delay(),
    )?;
    for (column, time) in TIMES.iter().enumerate().filter(|(_, time)| FULL.contains(time)) {
        full(trace, curves, column, *time, out)?;
    }
    mistakes(curves, out)?;
    percentiles(curves, out)
}

/// All figures at one mean detection time.
fn full(trace: &Trace, curves: &[Curve], column: usize, time: f64, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "mean detection time {:.3} intervals | p99 | p99.9 | mistakes | a day | lasting, intervals | accuracy",
        time + trace.mean_delay()
    )?;
    for curve in curves {
        let Some(Quality {
            p99,
            p999,
            mistakes,
            mistakes_a_day,
            mistake_duration,
            accuracy,
            ..
        }) = curve.points[column]
        else {
            writeln!(out, "{:16} | no threshold", curve.name)?;
            continue;
        };
        writeln!(
            out,
            "{:16} | {p99:7.3} | {p999:7.3} | {mistakes:7} | {mistakes_a_day:9.1} | {mistake_duration:7.3} | {accuracy:.7}",
            curve.name
        )?;
    }
    writeln!(out)
}

/// Mistakes over the whole curve, and the first detector's as a part of the best of the others.
fn mistakes(curves: &[Curve], out: &mut impl Write) -> io::Result<()> {
    row(out, "mistakes at", TIMES.iter().map(|time| format!("{time}")))?;
    for curve in curves {
        let cells = curve
            .points
            .iter()
            .map(|point| cell(point.map(|point| point.mistakes)));
        row(out, curve.name, cells)?;
    }
    if let Some((own, peers)) = curves.split_first() {
        let phi = peers.iter().filter(|curve| curve.name.starts_with("phi"));
        fewer(own, "the best peer", peers.iter(), out)?;
        fewer(own, "phi accrual", phi, out)?;
    }
    writeln!(out)
}

/// The mistakes of one detector as a part of the fewest that any of some others makes.
fn fewer<'a>(
    own: &Curve,
    whom: &str,
    others: impl Iterator<Item = &'a Curve> + Clone,
    out: &mut impl Write,
) -> io::Result<()> {
    let ratios = own.points.iter().enumerate().map(|(column, point)| {
        let best = others.clone().filter_map(|curve| curve.points[column]);
        let fewest = best.map(|point| point.mistakes).min()?;
        Some(smoothed((*point)?.mistakes) / smoothed(fewest))
    });
    row(out, &format!("{} to {whom}", own.name), ratios.map(ratio))
}

/// The 99th percentile of the detection time at equal mistakes: from what the best detector makes at the second
/// shortest time, down to eight.
fn percentiles(curves: &[Curve], out: &mut impl Write) -> io::Result<()> {
    let most = curves
        .iter()
        .filter_map(|curve| curve.points[1])
        .map(|point| point.mistakes)
        .min();
    let most = smoothed(most.unwrap_or(0));
    let levels: Vec<f64> = std::iter::successors(Some(most), |level| Some(level / 1.8))
        .take_while(|level| *level >= 8.0)
        .collect();
    if levels.is_empty() {
        return writeln!(out, "too few mistakes for a comparison at equal mistakes\n");
    }
    row(
        out,
        "p99 at mistakes",
        levels.iter().map(|level| format!("{level:.0}")),
    )?;
    for curve in curves {
        let cells = levels.iter().map(|level| ratio(curve.p99_with(*level)));
        row(out, curve.name, cells)?;
    }
    let Some((own, peers)) = curves.split_first() else {
        return writeln!(out);
    };
    for (whom, prefix) in [
        ("the best peer", ""),
        ("phi accrual", "phi"),
        ("phi normal", "phi normal"),
    ] {
        let ratios = levels.iter().map(|level| {
            let others = peers.iter().filter(|curve| curve.name.starts_with(prefix));
            let best = others.filter_map(|curve| curve.p99_with(*level));
            Some(own.p99_with(*level)? / best.min_by(f64::total_cmp)?)
        });
        row(out, &format!("{} to {whom}", own.name), ratios.map(ratio))?;
    }
    writeln!(out)
}

fn row(out: &mut impl Write, name: &str, cells: impl Iterator<Item = String>) -> io::Result<()> {
    write!(out, "{name:26}")?;
    for cell in cells {
        write!(out, " {cell:>8}")?;
    }
    writeln!(out)
}

fn cell(value: Option<u64>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.2}"))
}
