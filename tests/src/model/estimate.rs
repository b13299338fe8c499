//! The typical offset and its deviation, and what lasts and comes in bursts, worked out again from the whole session for
//! every beat (docs/protocol.md, section 9).

use beacon_collector::track::config::Margin;

use super::hearing::{Hearing, modulo_2_64};
use super::wheel::{Heard, Log};

/// What the newest beats of a session say of the offset between the clocks, and of what is overdue.
#[derive(Clone, Debug)]
pub(super) struct Estimate {
    margin: Margin,
    typical: i128,
    /// Sixteen times the deviation.
    d16: i128,
    n: i128,
    /// The outliers in a row on one side: which side, how many, and the nearest.
    run: Option<(i128, u32, i128)>,
    /// The part of lateness that lasts.
    w: i128,
    /// The recent and the usual overdue time, and the burstiness.
    v: i128,
    u: i128,
    b: i128,
}

const MOST: i128 = (1 << 28) - 1;

/// A whole interval, and a slope of one.
const ONE: i128 = 1 << 15;

/// η in microseconds, as the deviation counts it.
fn eta(hearing: &Hearing) -> i128 {
    hearing.interval_us().min((1 << 32) - 1)
}

fn low(eta: i128) -> i128 {
    20.max(eta / (1 << 13)).min(MOST)
}

fn high(eta: i128) -> i128 {
    (eta / 2).min(MOST)
}

/// [t]: a time as a fraction of an interval.
fn fraction(t: i128, interval_us: i128) -> i128 {
    match t {
        _ if t <= 10_000 => 0,
        _ if t >= interval_us => ONE,
        _ => t * ONE / interval_us,
    }
}

fn floor(dividend: i128, divisor: i128) -> i128 {
    dividend.div_euclid(divisor)
}

impl Estimate {
    /// What follows from the newest beats of a session; there is at least one.
    pub(super) fn from(log: &Log, margin: Margin) -> Option<Self> {
        let mut newest = log.newest();
        let first = &newest.next()?.hearing;
        let eighth = eta(first) / 8;
        let d = eighth.max(low(eta(first))).min(MOST);
        let mut estimate = Self {
            margin,
            typical: first.offset_us(),
            d16: 16 * d,
            n: 1,
            run: None,
            w: 0,
            v: 0,
            u: 0,
            b: 0,
        };
        // Whoever begins with 0 has one number more.
        let expected_from = log.expected_from.min(first.seq());
        let mut before = first;
        for beat in newest {
            estimate.take(before, beat, beat.hearing.seq() - expected_from + 1);
            before = &beat.hearing;
        }
        Some(estimate)
    }

    /// Takes in a beat, the `number`th that was expected in the session.
    fn take(&mut self, before: &Hearing, heard: &Heard, number: i128) {
        let (beat, reply) = (&heard.hearing, heard.reply.as_ref());
        let sign = reply.unwrap_or(before);
        let g = beat.at_us() - sign.at_us();
        let r = self.slot_us(sign, reply.is_some());
        if !sign.is_bye() && !heard.is_after_blindness {
            let f = self.lateness(sign, r);
            self.learn(fraction(g - r, sign.interval_us()), f, number.min(512));
        }

        let offset = beat.offset_us();
        let e = modulo_2_64(offset - self.typical);
        let between_sendings = i128::from(beat.frame.sent_us) - i128::from(before.frame.sent_us);
        if 2 * g < between_sendings && e > 0 && reply.is_none() {
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
        let is_next = beat.seq() == before.seq() + 1 && !before.is_bye();
        let y = if is_next && !beat.frame.flags.skipped && reply.is_none() {
            e.abs().max(g - r)
        } else {
            e.abs()
        };
        let eta = eta(beat);
        if self.n < 16 {
            self.d16 += (16 * y.min(eta / 8) - self.d16) / self.n;
        } else {
            self.d16 += y.min((4 * d).max(eta / 8)) - d;
        }
        self.d16 = self.d16.max(16 * low(eta)).min(16 * high(eta));
    }

    /// Learns from a beat that is overdue by y, after one that was late by f.
    fn learn(&mut self, y: i128, f: i128, n: i128) {
        if f > 0 {
            self.w += floor(f * f * (y.min(f) * ONE / f - self.w), 1 << 34);
        }
        let p = self.v - floor(self.u, 16);
        let q = y - floor(self.u, 16);
        let step = floor(p * (q - floor(self.b * p, ONE)), 1 << 18);
        self.b = (self.b + step).clamp(0, ONE);
        self.v += floor(y - self.v, 8);
        self.u += floor(16 * y - self.u, n);
    }

    fn longer_run(&self, offset: i128, e: i128) -> (i128, u32, i128) {
        match self.run {
            Some((side, length, nearest)) if side == e.signum() => {
                // Told apart modulo 2^32.
                let apart = (offset - nearest + (1 << 31)).rem_euclid(1 << 32) - (1 << 31);
                let nearest = modulo_2_64(offset - apart);
                let is_nearer = e.abs() < modulo_2_64(nearest - self.typical).abs();
                (side, length + 1, if is_nearer { offset } else { nearest })
            }
            _ => (e.signum(), 1, offset),
        }
    }

    /// So many mean deviations as a safety margin. Where half an interval is less than 10 ms, it is 10 ms.
    fn margin_us(&self, deviations: i128, interval_us: i128) -> i128 {
        let spread = match self.margin {
            Margin::Fixed(margin) => return margin.as_micros() as i128,
            Margin::Auto if self.n == 1 => interval_us,
            Margin::Auto => deviations * (self.d16 / 16),
        };
        spread.min(interval_us / 2).max(10_000)
    }

    /// r: how long after a sign of life the first slot is that does not lie before it.
    pub(super) fn slot_us(&self, sign: &Hearing, is_reply: bool) -> i128 {
        let next = i128::from(sign.frame.next_ms) * 1_000;
        let x = match is_reply {
            true => 0,
            false => modulo_2_64(sign.offset_us() - self.typical),
        };
        if x <= 0 {
            next + (-x).min(self.margin_us(4, sign.interval_us()))
        } else if x <= next {
            next - x
        } else {
            (next - x).rem_euclid(sign.interval_us())
        }
    }

    /// f: how late a sign of life was, the next slot after which comes `r` later.
    fn lateness(&self, sign: &Hearing, r: i128) -> i128 {
        fraction(i128::from(sign.frame.next_ms) * 1_000 - r, sign.interval_us())
    }

    /// EA: how long after a sign of life the next beat is expected.
    fn expected_us(&self, sign: &Hearing, is_reply: bool) -> i128 {
        let r = self.slot_us(sign, is_reply);
        r + floor(self.lateness(sign, r) * self.w, ONE) * sign.interval_us() / ONE
    }

    /// How long after a sign of life the late deadline is.
    pub(super) fn late_us(&self, sign: &Hearing, is_reply: bool) -> i128 {
        self.expected_us(sign, is_reply) + self.margin_us(4, sign.interval_us())
    }

    /// How long after a sign of life the down deadline is.
    pub(super) fn down_us(&self, sign: &Hearing, is_reply: bool, misses: i128) -> i128 {
        let expected = floor(self.b * (self.v - floor(self.u, 16)).max(0), ONE);
        let stretch = (6 * expected).min(1 << 14) * (misses * sign.interval_us()) / ONE;
        let late_margin = self.margin_us(4, sign.interval_us());
        let margin = match self.n {
            16.. => late_margin
                .min(sign.interval_us() / 32)
                .max(self.margin_us(2, sign.interval_us())),
            _ => late_margin,
        };
        let patience = (margin + (misses - 1) * sign.interval_us()).max(late_margin);
        self.expected_us(sign, is_reply) + patience + stretch
    }
}
