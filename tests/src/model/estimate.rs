//! The typical offset and its deviation, worked out again from the whole session for every beat
//! (docs/protocol.md, section 9).

use super::hearing::{Hearing, modulo_2_64};
use super::wheel::Heard;

/// What the newest beats of a session say of the offset between the clocks.
#[derive(Clone, Debug)]
pub(super) struct Estimate {
    pub(super) typical: i128,
    /// Sixteen times the deviation.
    d16: i128,
    n: i128,
    /// The outliers in a row on one side: which side, how many, and the nearest.
    run: Option<(i128, u32, i128)>,
}

const MOST: i128 = (1 << 28) - 1;

/// η in microseconds, as the estimate counts it.
fn eta(hearing: &Hearing) -> i128 {
    hearing.interval_us().min((1 << 32) - 1)
}

fn low(eta: i128) -> i128 {
    20.max(eta / (1 << 13)).min(MOST)
}

fn high(eta: i128) -> i128 {
    (eta / 2).min(MOST)
}

impl Estimate {
    /// What follows from the newest beats of a session; there is at least one.
    pub(super) fn from<'a>(mut newest: impl Iterator<Item = &'a Heard>) -> Option<Self> {
        let first = &newest.next()?.hearing;
        let eighth = eta(first) / 8;
        let d = eighth.max(low(eta(first))).min(MOST);
        let mut estimate = Self {
            typical: first.offset_us(),
            d16: 16 * d,
            n: 1,
            run: None,
        };
        let mut before = first;
        for beat in newest {
            estimate.take(before, &beat.hearing, beat.is_after_reply);
            before = &beat.hearing;
        }
        Some(estimate)
    }

    fn take(&mut self, before: &Hearing, beat: &Hearing, is_after_reply: bool) {
        let offset = beat.offset_us();
        let e = modulo_2_64(offset - self.typical);
        let between_arrivals = beat.at_us() - before.at_us();
        let between_sendings = i128::from(beat.frame.sent_us) - i128::from(before.frame.sent_us);
        if 2 * between_arrivals < between_sendings && e > 0 && !is_after_reply {
            return;
        }
        self.n = (self.n + 1).min(16);
        let d = self.d16 / 16;
        let x = e.min(2 * d).max(-2 * d);
        self.run = if x == e {
            None
        } else {
            Some(self.longer_run(offset, e))
        };
        match self.run {
            Some((_, 4, nearest)) => (self.typical, self.run) = (nearest, None),
            _ => self.typical = modulo_2_64(self.typical + x / self.n.min(8)),
        }
        let is_next = beat.frame.seq.get() == before.frame.seq.get() + 1 && !before.is_bye();
        let sender_late = if is_next && !beat.frame.flags.skipped && !is_after_reply {
            (between_sendings - i128::from(before.frame.next_ms) * 1_000).max(0)
        } else {
            0
        };
        let y = e.abs().max(e + sender_late);
        let eta = eta(beat);
        if self.n < 16 {
            self.d16 += (16 * y.min(eta / 8) - self.d16) / self.n;
        } else {
            self.d16 += y.min((4 * d).max(eta / 8)) - d;
        }
        self.d16 = self.d16.max(16 * low(eta)).min(16 * high(eta));
    }

    fn longer_run(&self, offset: i128, e: i128) -> (i128, u32, i128) {
        match self.run {
            Some((side, length, nearest)) if side == e.signum() => {
                let is_nearer = e.abs() < modulo_2_64(nearest - self.typical).abs();
                (side, length + 1, if is_nearer { offset } else { nearest })
            }
            _ => (e.signum(), 1, offset),
        }
    }

    /// The safety margin α. Where half an interval is less than 10 ms, it is 10 ms.
    pub(super) fn margin_us(&self, interval_us: i128) -> i128 {
        let spread = if self.n == 1 {
            interval_us
        } else {
            4 * (self.d16 / 16)
        };
        spread.min(interval_us / 2).max(10_000)
    }
}
