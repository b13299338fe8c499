//! The multiplier that a budget of false alarms leads to, with every silence kept in a list (docs/protocol.md,
//! section 9).

use beacon_collector::track::patience::Allowance;

/// What is known of a source's silences.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    allowance: Allowance,
    /// The multiplier that each silence needed, and how often it was halved since.
    silences: Vec<(i128, u32)>,
    heard_us: i128,
    beats: u64,
    pub(super) misses: i128,
    pub(super) is_learning: bool,
}

impl Budget {
    pub(super) const fn new(allowance: Allowance) -> Self {
        Self {
            allowance,
            silences: Vec::new(),
            heard_us: 0,
            beats: 0,
            misses: allowance.misses_max as i128,
            is_learning: true,
        }
    }

    fn greatest(&self) -> i128 {
        self.allowance.misses_max.into()
    }

    fn period_us(&self) -> i128 {
        self.allowance.period_us.into()
    }

    /// Takes a silence that needed this multiplier, of a source that asks for `asked`.
    pub(super) fn take(&mut self, silence_us: i128, needed: i128, asked: i128) {
        if needed > self.greatest() {
            return;
        }
        self.beats += 1;
        self.heard_us += silence_us;
        self.silences.push((needed, 0));
        if self.heard_us >= 8 * self.period_us() {
            self.heard_us /= 2;
            self.silences.iter_mut().for_each(|(_, halvings)| *halvings += 1);
        }
        if needed > asked || self.beats.is_multiple_of(64) {
            self.choose(asked);
        }
    }

    fn choose(&mut self, asked: i128) {
        let is_short = self.heard_us < self.period_us() / 10 || self.beats < 64;
        self.is_learning = is_short && asked < self.greatest();
        if is_short {
            self.misses = self.greatest();
            return;
        }
        let least = |quarters| {
            let keeps = |m: &i128| 4 * self.expected(*m) * self.period_us() <= quarters * self.heard_us * 256;
            (asked..self.greatest())
                .find(keeps)
                .unwrap_or_else(|| self.greatest())
        };
        let (in_force, lowered) = (least(4), least(3));
        self.misses = self.misses.max(in_force).min(lowered);
    }

    /// N(m), in 256ths.
    fn beyond(&self, m: i128) -> i128 {
        (m + 1..=64).map(|needed| self.needed(needed)).sum()
    }

    /// Those that needed just this multiplier. Halving cuts off what is less than a 256th: all that were there at each
    /// halving are halved as one.
    fn needed(&self, m: i128) -> i128 {
        let alike = self.silences.iter().filter(|(needed, _)| *needed == m);
        let mut count = 0;
        let mut halvings_before = None;
        for (_, halvings) in alike {
            let since = halvings_before.map_or(0, |before: u32| before - halvings);
            count = halved(count, since) + 256;
            count = count.min(65_535);
            halvings_before = Some(*halvings);
        }
        halved(count, halvings_before.unwrap_or(0))
    }

    /// How many mistakes are expected of m, in 256ths.
    fn expected(&self, m: i128) -> i128 {
        let u = (1..=64).rev().find(|u| self.beyond(*u) >= 2_560).unwrap_or(1);
        let seen = self.beyond(m);
        if m <= u {
            return seen + 256;
        }
        let further: i128 = (u + 1..=64).map(|m| self.beyond(m)).sum();
        let share = (further + 256) * 65_536 / (further + self.beyond(u) + 512);
        let tail = (u..m).fold(self.beyond(u) + 256, |tail, _| tail * share / 65_536 + 1);
        (seen + 256).min(tail).max(seen)
    }
}

fn halved(count: i128, times: u32) -> i128 {
    (0..times.min(64)).fold(count, |count, _| count / 2)
}
