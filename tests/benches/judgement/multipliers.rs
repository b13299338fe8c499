//! The points of the curve that an operator can choose: whole detect multipliers.

use std::io::{self, Write};

use crate::curve::smoothed;
use crate::quality::{Quality, measure};
use crate::trace::Trace;
use crate::{beacon, peers, probes};

/// Mean detection times are the same within this part.
const SAME_MEAN: f64 = 0.005;

/// Writes the mistakes that this collector's detector makes with probes, beside the fewest that it or a peer makes
/// without, at the same mean detection time: a sender that is dead answers none.
pub(crate) fn write_probed(trace: &Trace, seed: u64, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "multiplier | mistakes | the best passive one's at that mean | with probes | part"
    )?;
    for multiplier in 2..=5 {
        let (ours, theirs) = compare(multiplier, trace);
        let best = theirs.map_or(ours.mistakes, |(fewest, _)| fewest.min(ours.mistakes));
        let probed = probes::mistakes(trace, multiplier, seed);
        writeln!(
            out,
            "{multiplier:10} | {} | {best} | {probed} | {:.3}",
            ours.mistakes,
            smoothed(probed) / smoothed(best)
        )?;
    }
    writeln!(out)
}

/// What this collector's detector achieves with a multiplier, and the peer that makes the fewest mistakes at the same
/// mean detection time.
fn compare(multiplier: u32, trace: &Trace) -> (Quality, Option<(u64, &'static str)>) {
    let threshold = f64::from(multiplier) - 1.0;
    let ours = measure(trace, &mut *(beacon::FAMILY.with_threshold)(trace, threshold));
    let theirs = peers::FAMILIES.iter().filter_map(|peer| {
        let threshold = peer.threshold_for(trace, ours.mean)?;
        let quality = measure(trace, &mut *(peer.with_threshold)(trace, threshold));
        // Where a peer's mean leaps from one threshold to the next, none of them has this mean.
        let is_same = (quality.mean - ours.mean).abs() < SAME_MEAN * ours.mean;
        is_same.then_some((quality.mistakes, peer.name))
    });
    (ours, theirs.min())
}

/// Writes what this collector's detector achieves with each multiplier, and the fewest mistakes that a peer makes at
/// the same mean detection time.
pub(crate) fn write(trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "multiplier | mean | p99 | p99.9 | mistakes | the best peer's at that mean | part"
    )?;
    for multiplier in 1..=5 {
        let (ours, Some((fewest, name))) = compare(multiplier, trace) else {
            continue;
        };
        writeln!(
            out,
            "{multiplier:10} | {:.3} | {:.3} | {:.3} | {} | {fewest}, {name} | {:.2}",
            ours.mean,
            ours.p99,
            ours.p999,
            ours.mistakes,
            smoothed(ours.mistakes) / smoothed(fewest)
        )?;
    }
    writeln!(out)
}
