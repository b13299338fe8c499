//! Each peer by itself beside our own detector. The best peer is another one from column to column, and from trace to
//! trace; whoever chooses a detector chooses one for all of them.

use std::io::{self, Write};

use crate::curve::{Curve, TIMES, smoothed};
use crate::peers;
use crate::quality::Quality;

/// Mistakes count as the same up to this part.
const SAME: f64 = 1.03;

/// How often a peer made fewer mistakes than our own detector at the same mean detection time, and how often more.
#[derive(Clone, Copy, Default)]
struct Duel {
    fewer: usize,
    /// Of these, the ones with a 99th percentile of the detection time that is no longer either.
    fewer_and_no_slower: usize,
    same: usize,
    more: usize,
}

impl Duel {
    fn count(&mut self, own: Quality, peer: Quality) {
        let part = smoothed(peer.mistakes) / smoothed(own.mistakes);
        if part * SAME < 1.0 {
            self.fewer += 1;
            self.fewer_and_no_slower += usize::from(peer.p99 <= own.p99);
        } else if part > SAME {
            self.more += 1;
        } else {
            self.same += 1;
        }
    }
}

/// Those with every peer, over all columns of the traces so far.
#[derive(Default)]
pub(crate) struct Duels {
    each: [Duel; peers::FAMILIES.len()],
    traces: usize,
}

impl Duels {
    /// Takes in the curves of one more trace, our own first, and writes how they compare.
    pub(crate) fn take(&mut self, curves: &[Curve], out: &mut impl Write) -> io::Result<()> {
        let mut of_this = Self::default();
        of_this.add(curves);
        self.add(curves);
        of_this.write(out)
    }

    fn add(&mut self, curves: &[Curve]) {
        self.traces += 1;
        let Some((own, peers)) = curves.split_first() else {
            return;
        };
        for (duel, peer) in self.each.iter_mut().zip(peers) {
            for (own, peer) in own.points.iter().zip(&peer.points) {
                if let (Some(own), Some(peer)) = (own, peer) {
                    duel.count(*own, *peer);
                }
            }
        }
    }

    /// Writes how each peer compares.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{} columns: mistakes | fewer than ours | and a p99 no longer | the same | more | no such threshold",
            self.traces * TIMES.len()
        )?;
        for (peer, duel) in peers::FAMILIES.iter().zip(self.each) {
            let Duel {
                fewer,
                fewer_and_no_slower,
                same,
                more,
            } = duel;
            writeln!(
                out,
                "{:25} | {fewer} | {fewer_and_no_slower} | {same} | {more} | {}",
                peer.name,
                self.traces * TIMES.len() - fewer - same - more
            )?;
        }
        writeln!(out)
    }
}
