//! How often a source may be asked for a sign of life, and was (docs/protocol.md, section 8).

use beacon_common::Moment;

/// How often a source is asked in one silence.
const ASKED_AT_MOST: u16 = 3;

/// What asking one source has come to, in two bytes.
///
/// So that nobody can have the collector send more to an address than came from there, each beat buys one probe, up to
/// three. How many beats came is read off their count when a silence begins, modulo 2^12; whoever has sent a multiple of
/// that since the last silence is asked less often than it might be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked(u16);

const RECEIVED_BITS: u16 = 12;
const CREDIT_BITS: u16 = 2;

impl Asked {
    /// Of a source that is heard for the first time.
    pub const NEVER: Self = Self(0);

    const fn new(asked: u16, credit: u16, received: u64) -> Self {
        let received = received as u16 & ((1 << RECEIVED_BITS) - 1);
        Self(asked << (RECEIVED_BITS + CREDIT_BITS) | credit << RECEIVED_BITS | received)
    }

    const fn asked(self) -> u16 {
        self.0 >> (RECEIVED_BITS + CREDIT_BITS)
    }

    const fn credit(self) -> u16 {
        self.0 >> RECEIVED_BITS & ((1 << CREDIT_BITS) - 1)
    }

    const fn received(self) -> u64 {
        self.0 as u64 & ((1 << RECEIVED_BITS) - 1)
    }

    /// A silence begins, before which so many beats were received in all.
    pub fn begin_silence(&mut self, received: u64) {
        let fresh = received.wrapping_sub(self.received()) & ((1 << RECEIVED_BITS) - 1);
        let credit = (u64::from(self.credit()) + fresh).min(ASKED_AT_MOST.into());
        *self = Self::new(0, credit as u16, received);
    }

    /// The source is at another address from now on, where so many beats were received in all before.
    pub const fn begin_address(&mut self, received: u64) {
        *self = Self::new(self.asked(), 0, received);
    }

    /// The source has answered: whoever is there wants to be asked.
    pub const fn trust(&mut self) {
        *self = Self::new(self.asked(), ASKED_AT_MOST, self.received());
    }

    /// The source is asked.
    pub const fn pay(&mut self) {
        *self = Self::new(self.asked(), self.credit().saturating_sub(1), self.received());
    }

    /// When to ask next, in a silence that was noticed at `since` and is judged at `until`; `None` for no more. The times
    /// are evenly spread, the first at once.
    #[must_use]
    pub fn next(self, since: Moment, until: Moment) -> Option<Moment> {
        let is_left = self.asked() < ASKED_AT_MOST && self.credit() > 0;
        let nth = since + until.since(since) / u32::from(ASKED_AT_MOST) * u32::from(self.asked());
        (is_left && nth < until).then_some(nth)
    }

    /// Passes over the times up to `now`.
    pub fn pass(&mut self, since: Moment, until: Moment, now: Moment) {
        while self.next(since, until).is_some_and(|next| next <= now) {
            *self = Self::new(self.asked() + 1, self.credit(), self.received());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::ORIGIN.after_ms(ms)
    }

    /// When it is asked in a silence from 100 to 400 ms if somebody looks at these times.
    fn asked_at(asked: &mut Asked, looks: &[u64]) -> Vec<u64> {
        let mut times = Vec::new();
        for &ms in looks {
            if asked.next(at(100), at(400)).is_some_and(|next| next <= at(ms)) {
                asked.pass(at(100), at(400), at(ms));
                asked.pay();
                times.push(ms);
            }
        }
        times
    }

    #[test]
    fn the_times_are_evenly_spread_and_those_that_were_missed_are_passed_over() {
        let mut asked = Asked::NEVER;
        let every_ms: Vec<u64> = (100..400).collect();
        asked.begin_silence(10);
        assert_eq!(asked_at(&mut asked, &every_ms), [100, 200, 300]);
        asked.begin_silence(20);
        assert_eq!(asked_at(&mut asked, &[350, 390]), [350]);
        assert_eq!(asked.next(at(100), at(400)), None);
        asked.begin_silence(30);
        assert_eq!(asked.next(at(100), at(100)), None, "there is no time left");
    }

    #[test]
    fn each_beat_buys_one_and_none_is_kept_beyond_three() {
        let mut asked = Asked::NEVER;
        let all = [100, 200, 300];
        for (received, times) in [(1, 1), (2, 1), (2, 0), (4, 2), (5_000, 3), (5_000, 0), (5_001, 1)] {
            asked.begin_silence(received);
            assert_eq!(asked_at(&mut asked, &all), all[..times], "{received}");
        }
        asked.begin_silence(6_000);
        asked.begin_silence(6_000);
        assert_eq!(asked_at(&mut asked, &all), all, "what was not spent is kept");
    }

    #[test]
    fn another_address_has_to_pay_for_itself_and_an_answer_pays_for_all() {
        let mut asked = Asked::NEVER;
        let all = [100, 200, 300];
        asked.begin_silence(100);
        asked.begin_address(100);
        asked.begin_silence(101);
        assert_eq!(asked_at(&mut asked, &all), [100]);
        asked.trust();
        asked.begin_silence(101);
        assert_eq!(asked_at(&mut asked, &all), all);
    }
}
