//! One collector's silence and answers: acks, round trips, lost and found (docs/protocol.md, section 7).

use beacon_common::Seq;
use std::fmt;

/// What the acks of one collector say about the way to it and back.
#[derive(Clone, Debug)]
pub struct Link {
    misses: u32,
    state: State,
    /// The newest frame that asked for an ack.
    ask: Option<Ask>,
    /// Asks in a row that stayed unanswered.
    unanswered: u32,
    /// The highest number acked in this session.
    acked: Seq,
    acks: u64,
    losses: u64,
    round_trips: RoundTrips,
}

#[derive(Clone, Copy, Debug)]
struct Ask {
    seq: Seq,
    sent_us: u64,
    state: AskState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AskState {
    Open,
    Answered,
    /// Judged: it has been counted and is waited for no longer, though an ack may still come.
    Unanswered,
}

/// Whether a collector answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has neither answered yet nor been silent for long.
    Untried,
    /// Its last acks came.
    Answering,
    /// As many acks in a row as the agent tolerates stayed out.
    Lost,
}

/// What silence has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The collector is lost from now on.
    Lost,
    /// It was lost before, and has not answered this time either.
    StillLost,
}

/// What an ack has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The collector answers for the first time.
    First,
    /// It answers as before.
    Again,
    /// It was lost and answers again.
    Found {
        /// How many asks in a row had stayed unanswered.
        unanswered: u32,
    },
}

impl Link {
    /// A link that is lost after `misses` unanswered asks in a row.
    #[must_use]
    pub fn new(misses: u8) -> Self {
        Self {
            misses: u32::from(misses),
            state: State::Untried,
            ask: None,
            unanswered: 0,
            acked: Seq::NONE,
            acks: 0,
            losses: 0,
            round_trips: RoundTrips::default(),
        }
    }

    /// Whether the collector answers.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether the newest frame that asked for an ack got it.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.ask.is_some_and(|ask| ask.state == AskState::Answered)
    }

    /// How many asks in a row have stayed unanswered.
    #[must_use]
    pub const fn unanswered(&self) -> u32 {
        self.unanswered
    }

    /// How many asks were answered.
    #[must_use]
    pub const fn acks(&self) -> u64 {
        self.acks
    }

    /// How many times the collector was lost.
    #[must_use]
    pub const fn losses(&self) -> u64 {
        self.losses
    }

    /// The round trips of all acks.
    #[must_use]
    pub const fn round_trips(&self) -> &RoundTrips {
        &self.round_trips
    }

    /// A frame has asked for an ack. One that could not even be sent stays unanswered like any other: the
    /// collector is out of reach either way.
    pub fn ask(&mut self, seq: Seq, sent_us: u64) {
        self.ask = Some(Ask {
            seq,
            sent_us,
            state: AskState::Open,
        });
    }

    /// The next beat is due: an ask that is still open counts as unanswered.
    pub fn judge(&mut self) -> Option<Silence> {
        let ask = self.ask.as_mut().filter(|ask| ask.state == AskState::Open)?;
        ask.state = AskState::Unanswered;
        self.unanswered = self.unanswered.saturating_add(1);
        if self.state == State::Lost {
            Some(Silence::StillLost)
        } else if self.unanswered >= self.misses {
            self.state = State::Lost;
            self.losses += 1;
            Some(Silence::Lost)
        } else {
            None
        }
    }

    /// An ack of this session has come. `None` where it answers nothing that this link has asked, or nothing
    /// new. The round trip needs no table: the ack brings back when its beat was sent.
    pub fn answer(&mut self, seq: Seq, sent_us: u64, now_us: u64) -> Option<Answer> {
        let ask = self.ask.as_mut()?;
        let is_newest = seq == ask.seq && sent_us == ask.sent_us;
        let is_earlier = seq < ask.seq && sent_us <= ask.sent_us;
        if seq <= self.acked || !(is_newest || is_earlier) {
            return None;
        }
        if is_newest {
            ask.state = AskState::Answered;
        }
        self.acked = seq;
        self.acks += 1;
        let unanswered = std::mem::take(&mut self.unanswered);
        self.round_trips.add(now_us.saturating_sub(sent_us));
        Some(match std::mem::replace(&mut self.state, State::Answering) {
            State::Untried => Answer::First,
            State::Answering => Answer::Again,
            State::Lost => Answer::Found { unanswered },
        })
    }

    /// A new session numbers from the beginning; what it has asked is still nothing.
    pub fn begin_session(&mut self) {
        self.ask = None;
        self.acked = Seq::NONE;
    }
}

/// Round trips, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundTrips {
    count: u64,
    sum_us: u64,
    min_us: u64,
    max_us: u64,
    last_us: u64,
    /// RFC 6298's SRTT: each new round trip moves it by an eighth of the difference.
    smoothed_us: u64,
}

impl RoundTrips {
    fn add(&mut self, micros: u64) {
        if self.count == 0 {
            self.min_us = micros;
            self.smoothed_us = micros;
        }
        self.count += 1;
        self.sum_us = self.sum_us.saturating_add(micros);
        self.min_us = self.min_us.min(micros);
        self.max_us = self.max_us.max(micros);
        self.last_us = micros;
        self.smoothed_us = (self.smoothed_us.saturating_mul(7).saturating_add(micros)) / 8;
    }
}

/// `no round trip` or `round trip min 0.100 mean 0.200 max 0.300 last 0.200 smoothed 0.180 ms`.
impl fmt::Display for RoundTrips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(mean_us) = self.sum_us.checked_div(self.count) else {
            return f.write_str("no round trip");
        };
        f.write_str("round trip")?;
        for (name, micros) in [
            ("min", self.min_us),
            ("mean", mean_us),
            ("max", self.max_us),
            ("last", self.last_us),
            ("smoothed", self.smoothed_us),
        ] {
            write!(f, " {name} {}.{:03}", micros / 1_000, micros % 1_000)?;
        }
        f.write_str(" ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seq(number: u32) -> Seq {
        Seq::new(number)
    }

    /// Asks at 1 s, 2 s, … and answers what `is_answered` says, 500 µs later.
    fn run(
        link: &mut Link,
        numbers: std::ops::RangeInclusive<u32>,
        is_answered: bool,
    ) -> Vec<(u32, Silence)> {
        let mut lost = Vec::new();
        for number in numbers {
            let sent_us = u64::from(number) * 1_000_000;
            lost.extend(link.judge().map(|silence| (number, silence)));
            link.ask(seq(number), sent_us);
            if is_answered {
                assert!(link.answer(seq(number), sent_us, sent_us + 500).is_some());
            }
        }
        lost
    }

    #[test]
    fn misses_in_a_row_lose_a_collector_once_and_one_ack_finds_it() {
        let mut link = Link::new(3);
        assert_eq!(run(&mut link, 1..=5, true), []);
        assert_eq!(link.state(), State::Answering);
        // Asks 6, 7 and 8 stay out: lost when 9 is due, and still lost with each one after it.
        assert_eq!(
            run(&mut link, 6..=11, false),
            [
                (9, Silence::Lost),
                (10, Silence::StillLost),
                (11, Silence::StillLost)
            ]
        );
        assert_eq!((link.state(), link.unanswered()), (State::Lost, 5));
        let found = Answer::Found { unanswered: 5 };
        assert_eq!(link.answer(seq(11), 11_000_000, 11_000_400), Some(found));
        assert_eq!(link.state(), State::Answering);
        assert_eq!(link.losses(), 1);
        assert_eq!(run(&mut link, 12..=14, false), [], "the count begins anew");
    }

    #[test]
    fn only_the_first_answer_is_the_first() {
        let mut link = Link::new(1);
        assert!(!link.is_answered());
        link.ask(seq(1), 10);
        assert_eq!(link.answer(seq(1), 10, 30), Some(Answer::First));
        assert!(link.is_answered());
        link.ask(seq(2), 20);
        assert!(!link.is_answered());
        assert_eq!(link.answer(seq(2), 20, 30), Some(Answer::Again));
        assert_eq!(link.acks(), 2);
    }

    #[test]
    fn beats_that_ask_for_nothing_judge_nothing() {
        let mut link = Link::new(1);
        assert_eq!(link.judge(), None);
        link.ask(seq(1), 10);
        assert_eq!(link.judge(), Some(Silence::Lost));
        assert_eq!(link.judge(), None);
    }

    #[test]
    fn an_ack_answers_only_what_was_asked_and_once() {
        let mut link = Link::new(3);
        assert_eq!(link.answer(seq(1), 10, 20), None, "nothing was asked");
        link.ask(seq(1), 10);
        link.ask(seq(2), 20);
        assert_eq!(link.answer(seq(3), 30, 40), None, "not sent yet");
        assert_eq!(link.answer(seq(2), 19, 40), None, "sent at another time");
        assert_eq!(link.answer(seq(1), 21, 40), None, "sent after its successor");
        assert_eq!(link.answer(seq(0), 0, 40), None, "no number at all");
        assert!(link.answer(seq(1), 10, 40).is_some());
        assert!(!link.is_answered());
        assert!(link.answer(seq(2), 20, 40).is_some());
        assert_eq!(link.answer(seq(2), 20, 50), None, "a duplicate");
        assert_eq!(link.acks(), 2);
    }

    /// With an interval shorter than the round trip every ask is judged before its ack comes.
    #[test]
    fn late_acks_keep_a_slow_link_from_being_lost() {
        let mut link = Link::new(3);
        for number in 1..=50 {
            assert_eq!(link.judge(), None);
            link.ask(seq(number), u64::from(number) * 10_000);
            if number > 2 {
                let sent_us = u64::from(number - 2) * 10_000;
                assert!(link.answer(seq(number - 2), sent_us, sent_us + 20_000).is_some());
            }
        }
    }

    #[test]
    fn a_new_session_does_not_take_the_old_ones_numbers() {
        let mut link = Link::new(3);
        link.ask(seq(9), 90);
        assert!(link.answer(seq(9), 90, 91).is_some());
        link.begin_session();
        assert!(!link.is_answered());
        link.ask(seq(1), 5);
        assert_eq!(link.answer(seq(1), 5, 6), Some(Answer::Again));
    }

    #[test]
    fn round_trips_are_summed_up() {
        let mut link = Link::new(3);
        assert_eq!(link.round_trips().to_string(), "no round trip");
        for (number, round_trip_us) in [(1, 1_000), (2, 3_000), (3, 500)] {
            link.ask(seq(number), u64::from(number));
            let now_us = u64::from(number) + round_trip_us;
            assert!(link.answer(seq(number), u64::from(number), now_us).is_some());
        }
        assert_eq!(
            link.round_trips().to_string(),
            "round trip min 0.500 mean 1.500 max 3.000 last 0.500 smoothed 1.156 ms"
        );
    }
}
