//! The collector's detector with probes: a sender that is late is asked, and an answer is a sign of life
//! (docs/protocol.md, sections 8 and 9).

use crate::beacon::Beacon;
use crate::random::Random;
use crate::trace::Trace;

/// How often a silent sender is asked, evenly spread between the late deadline and the down deadline.
const PROBES: i64 = 3;

/// The mistakes that a multiplier makes with probes, which are drawn by `seed`.
pub(crate) fn mistakes(trace: &Trace, multiplier: u32, seed: u64) -> u64 {
    let mut beacon = Beacon::new(trace, f64::from(multiplier) - 1.0);
    let mut random = Random::new(seed);
    let mut mistakes = 0;
    for (number, pair) in trace.beats.windows(2).enumerate() {
        let deadlines = beacon.judge(&pair[0]);
        if number >= trace.warm_up() {
            let silence = Silence {
                trace,
                margin_us: deadlines.margin_us,
                patience_us: deadlines.patience_us,
                until_us: pair[1].arrived_us,
            };
            mistakes += u64::from(silence.is_mistaken((deadlines.late_us, deadlines.down_us), &mut random));
        }
    }
    mistakes
}

/// A silence that a beat ends.
struct Silence<'a> {
    trace: &'a Trace,
    margin_us: i64,
    patience_us: i64,
    until_us: i64,
}

impl Silence<'_> {
    /// Whether the living sender is told to be down in it, when it is late by then.
    fn is_mistaken(&self, (mut late_us, mut down_us): (i64, i64), random: &mut Random) -> bool {
        loop {
            if self.until_us <= down_us {
                return false;
            }
            match self.first_answer(late_us, down_us, random) {
                // From there the sender's next slot is awaited.
                Some(answer) => {
                    let next_us = (self.trace.ways.next_slot(answer.sent_us) - answer.sent_us).max(0);
                    let expected_us = answer.arrived_us + next_us;
                    (late_us, down_us) = (expected_us + self.margin_us, expected_us + self.patience_us);
                }
                None => return true,
            }
        }
    }

    fn first_answer(&self, late_us: i64, down_us: i64, random: &mut Random) -> Option<Answer> {
        let ways = &self.trace.ways;
        let mut answer = |number: i64| {
            let asked_us = late_us + (down_us - late_us) / PROBES * number;
            let sent_us = ways.answered(ways.pass(asked_us, random)?);
            let arrived_us = ways.pass(sent_us, random)?;
            Some(Answer { sent_us, arrived_us })
        };
        let answers: Vec<Answer> = (0..PROBES).filter_map(&mut answer).collect();
        let in_time = answers.into_iter().filter(|answer| answer.arrived_us < down_us);
        in_time.min_by_key(|answer| answer.arrived_us)
    }
}

struct Answer {
    sent_us: i64,
    arrived_us: i64,
}
