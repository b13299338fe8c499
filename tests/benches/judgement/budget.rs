//! A budget of false alarms, kept by the collector's own choice of the multiplier (`--false-alarms`), beside the
//! smallest fixed multiplier that would have kept it.

use std::io::{self, Write};

use beacon_collector::track::patience::{Allowance, Patience};

use crate::beacon;
use crate::trace::Trace;

/// The mistakes allowed over a whole trace.
const ALLOWED: [u64; 3] = [200, 50, 20];

/// The multiplier that the sender asks for.
const ASKED: u8 = 1;

const MISSES_MAX: u8 = 20;

/// What a beat came after, and when its sender would be down if the next one never came.
struct Silence {
    silence_us: u64,
    /// The multiplier that was enough.
    needed: u64,
    /// The detection times of multipliers of 1 and 2, in intervals.
    first: f64,
    second: f64,
    /// What each further one adds.
    step: f64,
}

impl Silence {
    fn detection(&self, misses: u64) -> f64 {
        match misses {
            0 | 1 => self.first,
            more => self.second + (more - 2) as f64 * self.step,
        }
    }
}

/// How a choice of multipliers went, over the time after learning.
#[derive(Default)]
struct Outcome {
    mistakes: u64,
    /// Of these, the ones that no multiplier up to the greatest would have spared.
    outages: u64,
    mean: f64,
    misses: f64,
}

fn silences(trace: &Trace) -> Vec<Silence> {
    // From 2 on, what each multiplier adds is the same, so that three of them tell all.
    let mut detectors = [0.0, 1.0, 2.0].map(|threshold| (beacon::FAMILY.with_threshold)(trace, threshold));
    let mut before = trace
        .beats
        .first()
        .map(|beat| (beat.arrived_us, [beat.arrived_us; 2], 1));
    let intervals = |time_us: i64| time_us as f64 / trace.interval_us as f64;
    let silence = |beat: &crate::trace::Beat| {
        let [first_us, second_us, third_us] = detectors.each_mut().map(|detector| detector.heard(beat));
        let now = (beat.arrived_us, [first_us, second_us], third_us - second_us);
        let (arrived_us, deadlines_us, step_us) = before.replace(now).unwrap_or(now);
        let overdue_us = deadlines_us.map(|deadline_us| (beat.arrived_us - deadline_us).max(0) as u64);
        Silence {
            silence_us: (beat.arrived_us - arrived_us) as u64,
            needed: 1 + u64::from(overdue_us[0] > 0) + overdue_us[1].div_ceil(step_us as u64),
            first: intervals(first_us - beat.departed_us),
            second: intervals(second_us - beat.departed_us),
            step: intervals(third_us - second_us),
        }
    };
    trace.beats.iter().map(silence).collect()
}

/// How it went with the multipliers that were in force during each silence and after each beat.
fn outcome(judged: &[(&Silence, u64, u64)]) -> Outcome {
    let mut outcome = Outcome::default();
    for (silence, during, after) in judged {
        outcome.mistakes += u64::from(silence.needed > *during);
        outcome.outages += u64::from(silence.needed > MISSES_MAX.into());
        outcome.mean += silence.detection(*after);
        outcome.misses += *after as f64;
    }
    outcome.mean /= judged.len() as f64;
    outcome.misses /= judged.len() as f64;
    outcome
}

/// Writes how budgets of several sizes were kept on a trace.
pub(crate) fn write(trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "false alarms allowed | made | outages | mean multiplier | mean | learned in | the least fixed multiplier | made | mean"
    )?;
    let silences = silences(trace);
    let whole_us: u64 = silences.iter().map(|silence| silence.silence_us).sum();
    for allowed in ALLOWED {
        let allowance = Allowance {
            period_us: whole_us / allowed,
            misses_max: MISSES_MAX,
        };
        let (judged, learned_us) = learn(&silences, allowance);
        let ours = outcome(&judged);
        let allowed_after = (whole_us - learned_us) / allowance.period_us;
        let with = |misses: u64| {
            let judged: Vec<_> = judged
                .iter()
                .map(|(silence, ..)| (*silence, misses, misses))
                .collect();
            outcome(&judged)
        };
        let fixed = (ASKED.into()..=u64::from(MISSES_MAX)).map(|misses| (misses, with(misses)));
        let kept = fixed
            .into_iter()
            .find(|(_, fixed)| fixed.mistakes <= allowed_after);
        let fixed = kept.map_or_else(
            || format!("none up to {MISSES_MAX}"),
            |(misses, fixed)| format!("{misses} | {} | {:.3}", fixed.mistakes, fixed.mean),
        );
        writeln!(
            out,
            "{allowed_after:20} | {} | {} | {:.2} | {:.3} | {} beats | {fixed}",
            ours.mistakes,
            ours.outages,
            ours.misses,
            ours.mean,
            silences.len() - judged.len()
        )?;
    }
    writeln!(out)
}

/// Each silence after the time of learning, with the multiplier in force during it and after it; and that time.
fn learn(silences: &[Silence], allowance: Allowance) -> (Vec<(&Silence, u64, u64)>, u64) {
    let mut patience = Patience::new(allowance);
    let mut judged = Vec::with_capacity(silences.len());
    let mut learned_us = 0;
    for silence in silences {
        let (during, was_learning) = (patience.misses(ASKED), patience.is_learning());
        patience.take(silence.silence_us, silence.needed, ASKED, allowance);
        if was_learning {
            learned_us += silence.silence_us;
        } else {
            judged.push((silence, during.into(), patience.misses(ASKED).into()));
        }
    }
    (judged, learned_us)
}
