//! The points of the curve that an operator can choose: whole detect multipliers.

use std::io::{self, Write};

use crate::curve::smoothed;
use crate::detector::Family;
use crate::peers;
use crate::quality::measure;
use crate::trace::Trace;

/// Writes what a detector whose threshold is M - 1 achieves with each multiplier M, and the fewest mistakes that a
/// peer makes at the same mean detection time.
pub(crate) fn write(family: Family, trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{} with multiplier | mean | p99 | p99.9 | mistakes | the best peer's at that mean | part",
        family.name
    )?;
    for multiplier in 1..=5 {
        let threshold = f64::from(multiplier) - 1.0;
        let ours = measure(trace, &mut *(family.with_threshold)(trace, threshold));
        let theirs = peers::FAMILIES.iter().filter_map(|peer| {
            let threshold = peer.threshold_for(trace, ours.mean)?;
            let quality = measure(trace, &mut *(peer.with_threshold)(trace, threshold));
            Some((quality.mistakes, peer.name))
        });
        let Some((fewest, name)) = theirs.min() else {
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
