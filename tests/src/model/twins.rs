//! Whether the refused frames of an older session are a second sender's (docs/protocol.md, section 4).
//!
//! Where the tracker keeps one frame of a pair of sessions, this keeps all and follows them again each time.

use beacon_common::{Moment, Session};

use super::Hearing;

/// A frame that was refused, and the current session then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) current: Session,
    pub(super) hearing: Hearing,
    /// When the newest beat of the current session had come.
    pub(super) current_at: Moment,
}

const HALF_A_SECOND_US: i128 = 500_000;

/// How long the current session must have been going on.
pub(super) fn least_age_us(newest: &Hearing) -> i128 {
    newest.interval_us().max(HALF_A_SECOND_US)
}

/// Whether the last of these refusals is the first one to show two senders.
pub(super) fn is_telling(refusals: &[Refusal]) -> bool {
    let Some(last) = refusals.last() else { return false };
    let of_the_pair = |refusal: &&Refusal| {
        refusal.current == last.current && refusal.hearing.frame.session == last.hearing.frame.session
    };
    let of_the_pair: Vec<Refusal> = refusals.iter().filter(of_the_pair).copied().collect();
    first_in_step(&of_the_pair) == Some(of_the_pair.len() - 1)
}

/// The first frame that is in step with the one it is measured against: with the first, or with the last that was out
/// of step.
fn first_in_step(refusals: &[Refusal]) -> Option<usize> {
    let mut against = refusals.first()?.hearing;
    for (index, refusal) in refusals.iter().enumerate() {
        let frame = refusal.hearing;
        let between_arrivals = frame.at_us() - against.at_us();
        let between_sendings = i128::from(frame.frame.sent_us) - i128::from(against.frame.sent_us);
        let is_apart = frame.at_ns() - against.at_ns() >= HALF_A_SECOND_US * 1_000;
        if !is_apart || frame.seq() <= against.seq() || refusal.current_at <= against.at {
            continue;
        }
        if between_sendings >= 0 && (between_arrivals - between_sendings).abs() <= between_arrivals / 4 {
            return Some(index);
        }
        against = frame;
    }
    None
}
