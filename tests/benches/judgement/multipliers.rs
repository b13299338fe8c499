//! The points of the curve that an operator can choose: whole detect multipliers.

use std::io::{self, Write};

use crate::curve::smoothed;
use crate::quality::{Quality, measure};
use crate::trace::Trace;
use crate::{beacon, peers, probes};

/// A multiplier, what this collector's detector achieves with it, and the peer that makes the fewest mistakes at the same
/// mean detection time.
struct Compared {
    multiplier: u32,
    ours: Quality,
    theirs: Option<(u64, &'static str)>,
}

impl Compared {
    fn new(multiplier: u32, trace: &Trace) -> Self {
        let threshold = f64::from(multiplier) - 1.0;
        let ours = measure(trace, &mut *(beacon::FAMILY.with_threshold)(trace, threshold));
        let theirs = peers::FAMILIES.iter().filter_map(|peer| {
            let quality = peer.at(trace, ours.mean)?;
            Some((quality.mistakes, peer.name))
        });
        Self {
            multiplier,
            ours,
            theirs: theirs.min(),
        }
    }
}

/// Writes both tables of multipliers; what probes meet is drawn by `seed`.
pub(crate) fn write(trace: &Trace, seed: u64, out: &mut impl Write) -> io::Result<()> {
    let compared: Vec<_> = (1..=5)
        .map(|multiplier| Compared::new(multiplier, trace))
        .collect();
    passive(&compared, out)?;
    probed(&compared[1..], trace, seed, out)
}

/// Writes what this collector's detector achieves with each multiplier, and the fewest mistakes that a peer makes at
/// the same mean detection time.
fn passive(compared: &[Compared], out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "multiplier | mean | p99 | p99.9 | mistakes | the best peer's at that mean | part"
    )?;
    for Compared {
        multiplier,
        ours,
        theirs,
    } in compared
    {
        let Some((fewest, name)) = theirs else {
            continue;
        };
        writeln!(
            out,
            "{multiplier:10} | {:.3} | {:.3} | {:.3} | {} | {fewest}, {name} | {:.2}",
            ours.mean,
            ours.p99,
            ours.p999,
            ours.mistakes,
            smoothed(ours.mistakes) / smoothed(*fewest)
        )?;
    }
    writeln!(out)
}

/// Writes the mistakes that this collector's detector makes with probes, beside the fewest that it or a peer makes
/// without, at the same mean detection time: a sender that is dead answers none.
fn probed(compared: &[Compared], trace: &Trace, seed: u64, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "multiplier | mistakes | the best passive one's at that mean | with probes | part"
    )?;
    for Compared {
        multiplier,
        ours,
        theirs,
    } in compared
    {
        let best = theirs.map_or(ours.mistakes, |(fewest, _)| fewest.min(ours.mistakes));
        let probed = probes::mistakes(trace, *multiplier, seed);
        writeln!(
            out,
            "{multiplier:10} | {} | {best} | {probed} | {:.3}",
            ours.mistakes,
            smoothed(probed) / smoothed(best)
        )?;
    }
    writeln!(out)
}
