//! Two live senders with one label (docs/protocol.md, section 4): the refused frames of an older session, followed
//! until they have shown that somebody is sending them now.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use beacon_common::{Frame, Moment, Seq, Session};

use super::event::SourceId;

/// How many pairs of sessions are remembered; the one that was seen first goes first.
pub const MOST_PAIRS: usize = 1_024;

/// Frames that are less than this apart say little of the pace at which they were sent. A session that is younger than
/// this may still be overtaken by what was sent before it began.
pub const LEAST_SPAN: Duration = Duration::from_millis(500);

/// The time between two sendings may differ by this part from the time between their arrivals.
const TOLERANCE: u64 = 4;

/// Two sessions of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The source.
    pub source: SourceId,
    /// Its current session.
    pub current: Session,
    /// The older session whose frames are refused.
    pub older: Session,
}

/// The pairs of sessions of which the older one was refused beside the current one.
#[derive(Debug, Default)]
pub struct Twins {
    traces: BTreeMap<Pair, Trace>,
    /// The pairs in the order in which they were first seen.
    pairs: BTreeMap<u64, Pair>,
    seen: u64,
}

/// One refused frame, by which a later one is judged.
#[derive(Clone, Copy, Debug)]
struct Trace {
    number: u64,
    seq: Seq,
    sent_us: u64,
    arrived: Moment,
    is_told: bool,
}

impl Twins {
    /// Takes a frame of the older session that was refused at `now`, when the newest beat of the current one had come at
    /// `current_at`. True once for a pair: where the frame shows that both senders are live.
    pub fn observe(&mut self, pair: Pair, frame: &Frame, current_at: Moment, now: Moment) -> bool {
        if let Some(trace) = self.traces.get_mut(&pair) {
            return trace.follow(frame, current_at, now);
        }
        if self.traces.len() == MOST_PAIRS
            && let Some((_, oldest)) = self.pairs.pop_first()
        {
            self.traces.remove(&oldest);
        }
        self.pairs.insert(self.seen, pair);
        self.traces.insert(pair, Trace::begin(self.seen, frame, now));
        self.seen += 1;
        false
    }

    /// Whether the two senders of which it was told when `told` was the current session of a source are two that are
    /// remembered, and one of them is in its session that is the current one `now`.
    #[must_use]
    pub fn are_known(&self, source: SourceId, told: Session, now: Session) -> bool {
        let mut pairs = self.traces.range(all_of(source, told..=told));
        pairs.any(|(pair, trace)| trace.is_told && [pair.current, pair.older].contains(&now))
    }

    /// The source is no longer kept, and its number will be another's.
    pub fn forget(&mut self, source: SourceId) {
        let all = all_of(source, Session::from_u64(0)..=Session::from_u64(u64::MAX));
        while let Some((&pair, trace)) = self.traces.range(all.clone()).next() {
            self.pairs.remove(&trace.number);
            self.traces.remove(&pair);
        }
    }
}

/// All pairs of a source with such a current session.
fn all_of(source: SourceId, current: RangeInclusive<Session>) -> RangeInclusive<Pair> {
    let pair = |current, older| Pair {
        source,
        current,
        older: Session::from_u64(older),
    };
    pair(*current.start(), 0)..=pair(*current.end(), u64::MAX)
}

impl Trace {
    const fn begin(number: u64, frame: &Frame, now: Moment) -> Self {
        Self {
            number,
            seq: frame.seq,
            sent_us: frame.sent_us,
            arrived: now,
            is_told: false,
        }
    }

    /// Whether the two senders are to be told of now. A frame that is out of step takes the place of the one before:
    /// that one may have waited in a queue. Nothing is judged before the current session has beaten in between: it may
    /// have ended, and the older one be its successor on a device whose clock went back.
    fn follow(&mut self, frame: &Frame, current_at: Moment, now: Moment) -> bool {
        let is_apart = now.since(self.arrived) >= LEAST_SPAN && frame.seq > self.seq;
        if self.is_told || !is_apart || current_at <= self.arrived {
            return false;
        }
        if self.is_in_step(frame, now) {
            self.is_told = true;
        } else {
            *self = Self::begin(self.number, frame, now);
        }
        self.is_told
    }

    /// Whether as much time lies between the sendings as between the arrivals. It does not where the frames come out
    /// of a queue, or where one is sent again.
    const fn is_in_step(&self, frame: &Frame, now: Moment) -> bool {
        let arrived_us = now.as_micros().saturating_sub(self.arrived.as_micros());
        match frame.sent_us.checked_sub(self.sent_us) {
            Some(sent_us) => arrived_us.abs_diff(sent_us) <= arrived_us / TOLERANCE,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use beacon_common::{Flags, Health, Kind, Label};

    const fn pair(source: u32, older: u64) -> Pair {
        Pair {
            source: SourceId(source),
            current: Session::from_u64(u64::MAX),
            older: Session::from_u64(older),
        }
    }

    fn frame(seq: u32, sent_ms: u64) -> Frame {
        Frame {
            kind: Kind::Beat(Health::Ok),
            flags: Flags::default(),
            misses: 0,
            label: Label::new("twin").unwrap(),
            session: Session::new(1, 1),
            sent_us: sent_ms * 1_000,
            seq: Seq::new(seq),
            interval_ms: 1_000,
            next_ms: 1_000,
            uptime_s: 1,
        }
    }

    fn at(ms: u64) -> Moment {
        Moment::ORIGIN.after_ms(1_000_000 + ms)
    }

    /// Whether each of these frames, by number, time of sending and time of arrival, tells of twins.
    fn told(frames: &[(u32, u64, u64)]) -> Vec<bool> {
        let mut twins = Twins::default();
        let observe = |&(seq, sent_ms, ms): &(u32, u64, u64)| {
            twins.observe(pair(1, 1), &frame(seq, sent_ms), at(ms), at(ms))
        };
        frames.iter().map(observe).collect()
    }

    #[test]
    fn two_frames_in_step_with_time_tell_once() {
        assert_eq!(
            told(&[(7, 7_000, 0), (8, 8_000, 1_000), (9, 9_000, 2_000)]),
            [false, true, false]
        );
    }

    #[test]
    fn a_quarter_of_the_time_is_tolerated_and_not_more() {
        for (sent_ms, is_told) in [(749, false), (750, true), (1_250, true), (1_251, false)] {
            assert_eq!(
                told(&[(1, 0, 0), (2, sent_ms, 1_000)]),
                [false, is_told],
                "{sent_ms}"
            );
        }
    }

    #[test]
    fn a_burst_out_of_a_queue_is_not_in_step() {
        let burst: Vec<_> = (0..9).map(|n| (n, u64::from(n) * 1_000, u64::from(n))).collect();
        assert!(told(&burst).iter().all(|&is_told| !is_told));
        let slow: Vec<_> = (0..9)
            .map(|n| (n, u64::from(n) * 3_000, u64::from(n) * 1_000))
            .collect();
        assert!(told(&slow).iter().all(|&is_told| !is_told));
    }

    #[test]
    fn one_datagram_again_and_again_is_not_in_step() {
        let again: Vec<_> = (0..9).map(|n| (5, 5_000, n * 1_000)).collect();
        assert!(told(&again).iter().all(|&is_told| !is_told));
        let backward = [(9, 9_000, 0), (8, 10_000, 1_000), (10, 8_000, 2_000)];
        assert!(told(&backward).iter().all(|&is_told| !is_told));
    }

    #[test]
    fn after_a_burst_the_next_two_tell() {
        let frames = [
            (1, 0, 5_000),
            (2, 1_000, 5_001),
            (6, 6_000, 6_000),
            (7, 7_000, 7_000),
        ];
        assert_eq!(told(&frames), [false, false, false, true]);
    }

    /// At 10 ms an interval, a few milliseconds of jitter are more than a quarter of it.
    #[test]
    fn fast_beats_are_judged_over_half_a_second() {
        let beats: Vec<_> = (0..60)
            .map(|n| (n, u64::from(n) * 10, u64::from(n) * 10 + u64::from(n % 3) * 4))
            .collect();
        let told = told(&beats);
        assert_eq!(told.iter().position(|&is_told| is_told), Some(50));
    }

    #[test]
    fn a_current_session_that_is_silent_has_no_twin() {
        let mut twins = Twins::default();
        let mut observe = |seq: u32, current_ms, ms| {
            let frame = frame(seq, u64::from(seq) * 1_000);
            twins.observe(pair(1, 1), &frame, at(current_ms), at(ms))
        };
        assert!(!observe(1, 900, 1_000));
        assert!(!observe(2, 900, 2_000));
        assert!(!observe(3, 1_000, 3_000));
        assert!(observe(4, 3_500, 4_000));
    }

    #[test]
    fn the_pairs_are_bounded_and_the_first_goes_first() {
        let mut twins = Twins::default();
        let most = MOST_PAIRS as u64;
        for older in 0..=most {
            twins.observe(pair(1, older), &frame(1, 1_000), at(0), at(0));
        }
        assert_eq!((twins.traces.len(), twins.pairs.len()), (MOST_PAIRS, MOST_PAIRS));
        let mut is_known = |older| twins.observe(pair(1, older), &frame(2, 2_000), at(500), at(1_000));
        assert_eq!([is_known(most), is_known(1), is_known(0)], [true, true, false]);
    }

    #[test]
    fn what_is_forgotten_is_that_source_alone() {
        let mut twins = Twins::default();
        for source in 0..3 {
            for older in [0, 1, u64::MAX] {
                twins.observe(pair(source, older), &frame(1, 1_000), at(0), at(0));
            }
        }
        twins.forget(SourceId(1));
        assert_eq!((twins.traces.len(), twins.pairs.len()), (6, 6));
        let mut is_known = |source| twins.observe(pair(source, 1), &frame(2, 2_000), at(500), at(1_000));
        assert_eq!([is_known(0), is_known(1), is_known(2)], [true, false, true]);
    }
}
