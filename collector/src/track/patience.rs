//! The smallest multiplier that keeps a budget of false alarms, learned from a source's own history
//! (docs/protocol.md, section 9).
//!
//! Chen, Toueg and Aguilera (2002, section 4) ask which parameters of a detector give the required rate of mistakes.
//! Here that is asked of each source while it lives. A silence that ended needed some least multiplier not to be a
//! mistake; how often more than M was needed is the rate of mistakes with M, whichever M was in force. Where the
//! budget is rarer than the history is long, the tail is drawn on: a geometric law through the few silences that
//! needed most (peaks over a threshold, Davison and Smith 1990, with the shape zero).

use super::beside::Beside;
use super::config::Config;
use super::event::SourceId;
use super::origin::Origin;
use super::rules::Rules;
use super::source::Source;
use super::stored::stored;
use beacon_common::{Frame, Moment};

/// The largest multiplier that can be learned.
pub const MOST_MISSES: u8 = 64;

/// A silence as it is counted: faded halves have room below it.
const SILENCE: u32 = 256;

/// The history is halved when it is so many times as long as the budget has for one false alarm.
const PERIODS_KEPT: u64 = 8;

/// There is too little history before it is this part of the time that the budget has for one false alarm.
const PART_TO_LEARN: u64 = 10;

/// The choice is made again after so many beats, and there is too little history before the first of these.
const BEATS_A_CHOICE: u32 = 64;

/// The tail goes through so many silences at least.
const TAIL: u32 = 10 * SILENCE;

/// What the mistakes expected of a lower multiplier may be, in quarters of the budget, and of the one in force.
const LOWERED: u128 = 3;
const IN_FORCE: u128 = 4;

/// How many false alarms are allowed, and how far patience may go for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The time for which one false alarm of a source is allowed, in microseconds.
    pub period_us: u64,
    /// The largest multiplier.
    pub misses_max: u8,
}

/// What is known of one source's silences, and the multiplier that follows.
#[derive(Clone, Debug)]
pub struct Patience {
    /// How long it was heard, in microseconds.
    heard_us: u64,
    /// How many silences needed each multiplier: at `m - 1` those that needed m.
    needed: [u16; MOST_MISSES as usize],
    beats: u32,
    misses: u8,
    is_learning: bool,
}

const _: () = assert!(size_of::<Patience>() == 144);

impl Patience {
    /// Of a source that is heard for the first time.
    #[must_use]
    pub const fn new(allowance: Allowance) -> Self {
        Self {
            heard_us: 0,
            needed: [0; MOST_MISSES as usize],
            beats: 0,
            misses: allowance.misses_max,
            is_learning: true,
        }
    }

    /// The multiplier in force where the source itself asks for `asked`.
    #[must_use]
    pub fn misses(&self, asked: u8) -> u8 {
        self.misses.max(asked)
    }

    /// Whether there is too little history to choose by.
    #[must_use]
    pub const fn is_learning(&self) -> bool {
        self.is_learning
    }

    /// Takes a silence of so many microseconds that a beat has ended, for which the multiplier `needed` would have
    /// been enough; the source itself asks for `asked`.
    ///
    /// What no multiplier that is allowed would have been enough for was an outage, and no false alarm.
    pub fn take(&mut self, silence_us: u64, needed: u64, asked: u8, allowance: Allowance) {
        if needed > allowance.misses_max.into() {
            return;
        }
        self.beats = self.beats.saturating_add(1);
        self.heard_us += silence_us;
        if needed > 1 {
            let count = &mut self.needed[needed as usize - 1];
            *count = count.saturating_add(SILENCE as u16);
        }
        if self.heard_us / PERIODS_KEPT >= allowance.period_us {
            self.fade();
        }
        if needed > asked.into() || self.beats.is_multiple_of(BEATS_A_CHOICE) {
            self.choose(asked, allowance);
        }
    }

    fn fade(&mut self) {
        self.heard_us /= 2;
        self.needed.iter_mut().for_each(|count| *count /= 2);
    }

    fn choose(&mut self, asked: u8, allowance: Allowance) {
        let is_short = self.heard_us < allowance.period_us / PART_TO_LEARN || self.beats < BEATS_A_CHOICE;
        self.is_learning = is_short && asked < allowance.misses_max;
        if is_short {
            self.misses = allowance.misses_max;
            return;
        }
        let expected = self.expected();
        let least = |quarters: u128| {
            let is_within = |misses: &u8| {
                let mistakes = u128::from(expected[usize::from(*misses)]) * u128::from(allowance.period_us);
                4 * mistakes <= quarters * u128::from(self.heard_us) * u128::from(SILENCE)
            };
            (asked..allowance.misses_max)
                .find(is_within)
                .unwrap_or(allowance.misses_max)
        };
        self.misses = self.misses.clamp(least(IN_FORCE), least(LOWERED));
    }

    /// How many mistakes each multiplier would be expected to have made in the time heard: what was seen, and one more
    /// for what was not, or what the tail says where that is less. At `m` those of m.
    fn expected(&self) -> [u32; MOST_MISSES as usize + 1] {
        let beyond = self.beyond();
        let from = (1..beyond.len())
            .rev()
            .find(|&misses| beyond[misses] >= TAIL)
            .unwrap_or(1);
        // The share of those that needed more than one multiplier which needed more than the next as well.
        let beyond_next: u32 = beyond[from + 1..].iter().sum();
        let share_65536 =
            u64::from(beyond_next + SILENCE) * 65_536 / u64::from(beyond_next + beyond[from] + 2 * SILENCE);
        let mut tail = beyond[from] + SILENCE;
        let mut expected = beyond.map(|seen| seen + SILENCE);
        for misses in from + 1..expected.len() {
            tail = (u64::from(tail) * share_65536 / 65_536) as u32 + 1;
            expected[misses] = expected[misses].min(tail).max(beyond[misses]);
        }
        expected
    }

    /// How many silences needed more than each multiplier: at `m` those that needed more than m.
    fn beyond(&self) -> [u32; MOST_MISSES as usize + 1] {
        let mut beyond = [0; MOST_MISSES as usize + 1];
        for misses in (0..self.needed.len()).rev() {
            beyond[misses] = beyond[misses + 1] + u32::from(self.needed[misses]);
        }
        beyond
    }
}

/// How long a source was heard, at most.
const MOST_HEARD_US: u64 = 1 << 62;

stored!(Patience { heard_us, needed, beats, misses, is_learning } where |patience| {
    patience.misses >= 1 && patience.misses <= MOST_MISSES && patience.heard_us < MOST_HEARD_US
});

/// What is known of all sources.
#[derive(Debug)]
pub struct Patiences {
    allowance: Allowance,
    each: Beside<Patience>,
}

impl Patiences {
    /// Those that `config` asks for, if it does. A multiplier that beats all others beats a learned one too.
    #[must_use]
    pub fn new(config: &Config) -> Option<Self> {
        let allowance = config.false_alarms.filter(|_| config.misses_override.is_none())?;
        Some(Self {
            allowance,
            each: Beside::default(),
        })
    }

    /// A new source has this number.
    pub fn admit(&mut self, id: SourceId, source: &mut Source) {
        self.each.put(id, Patience::new(self.allowance));
        self.apply(id, source);
    }

    /// A source that was known before the collector was restarted has this number, and this was learned of it, if
    /// anything was.
    pub fn restore(&mut self, id: SourceId, learned: Option<Patience>) {
        let mut patience = learned.unwrap_or(Patience::new(self.allowance));
        patience.misses = patience.misses.min(self.allowance.misses_max);
        self.each.put(id, patience);
    }

    /// What is known of one source.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Patience> {
        self.each.get(id)
    }

    /// Has the source take its newest beat, which ends the silence after the one before. A deadline that was given
    /// stays: the multiplier that is chosen now is for the silence that begins.
    pub fn take_newest(
        &mut self,
        (id, source): (SourceId, &mut Source),
        (frame, origin): (&Frame, Origin),
        now: Moment,
        rules: Rules<'_>,
    ) {
        let silence_us = now.since(source.arrived).as_micros() as u64;
        let needed = source.needed_misses(now, self.allowance.misses_max, rules);
        source.take_newest(frame, origin, now, rules);
        if let (Some(patience), Some(needed)) = (self.each.get_mut(id), needed) {
            patience.take(silence_us, needed.into(), source.misses, self.allowance);
        }
        self.apply(id, source);
    }

    /// Puts what was learned in force for a source that has just taken a frame.
    pub fn apply(&mut self, id: SourceId, source: &mut Source) {
        if let Some(patience) = self.each.get_mut(id) {
            source.misses = patience.misses(source.misses);
        }
    }

    /// Whether too little is known of the source yet.
    #[must_use]
    pub fn is_learning(&self, id: SourceId) -> bool {
        self.each.get(id).is_some_and(Patience::is_learning)
    }
}

#[cfg(test)]
mod tests;
