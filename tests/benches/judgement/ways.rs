//! What a probe meets on its way: the path at the time, as the beats that were sent about then met it.

use crate::random::Random;
use crate::synthetic::World;
use crate::trace::Sending;

/// The path between the collector and the sender, at any time of a trace. Times are the collector's, in microseconds.
pub(crate) trait Ways {
    /// When what is sent one way `at` this time arrives; `None` where it is lost.
    fn pass(&self, at_us: i64, random: &mut Random) -> Option<i64>;

    /// When the sender, asked `at` this time, gets to answer.
    fn answered(&self, at_us: i64) -> i64;

    /// When the sender's next slot after this time is.
    fn next_slot(&self, at_us: i64) -> i64;
}

/// A synthetic path as it was at each beat.
pub(crate) struct Remembered<W> {
    moments: Vec<Remembrance<W>>,
}

/// A synthetic path at one beat.
pub(crate) struct Remembrance<W> {
    /// The slot of the beat.
    pub(crate) scheduled_us: i64,
    /// When the sender got to send it.
    pub(crate) sent_us: i64,
    /// The path right after it was sent.
    pub(crate) world: W,
    /// Whether nothing came through at all.
    pub(crate) is_out: bool,
}

impl<W> Remembered<W> {
    pub(crate) const fn new(moments: Vec<Remembrance<W>>) -> Self {
        Self { moments }
    }

    /// The last beat whose slot was not after this time.
    fn at(&self, at_us: i64) -> &Remembrance<W> {
        let after = self
            .moments
            .partition_point(|moment| moment.scheduled_us <= at_us);
        &self.moments[after.saturating_sub(1)]
    }
}

impl<W: World + Clone> Ways for Remembered<W> {
    fn pass(&self, at_us: i64, random: &mut Random) -> Option<i64> {
        let moment = self.at(at_us);
        let passage = moment.world.clone().pass(at_us as f64, random);
        let is_lost = passage.is_lost || moment.is_out;
        (!is_lost).then_some(at_us + passage.delay as i64)
    }

    fn answered(&self, at_us: i64) -> i64 {
        at_us.max(self.at(at_us).sent_us)
    }

    fn next_slot(&self, at_us: i64) -> i64 {
        let after = self
            .moments
            .partition_point(|moment| moment.scheduled_us <= at_us);
        self.moments
            .get(after)
            .map_or(at_us, |moment| moment.scheduled_us)
    }
}

/// A recorded path, which is known by its beats alone: a probe meets what one of those sent within two intervals of it
/// met, drawn anew for each way.
pub(crate) struct Drawn {
    /// When each was sent, and when it arrived, if it did.
    beats: Vec<(i64, Option<i64>)>,
    interval_us: i64,
}

impl Drawn {
    pub(crate) fn new(sendings: &[Sending], interval_us: u64) -> Self {
        let beat = |sending: &Sending| {
            let arrived_us = (!sending.is_lost).then_some(sending.beat.arrived_us);
            (sending.beat.departed_us, arrived_us)
        };
        let mut beats: Vec<_> = sendings.iter().map(beat).collect();
        beats.sort_unstable();
        Self {
            beats,
            interval_us: interval_us as i64,
        }
    }

    fn first_from(&self, at_us: i64) -> usize {
        self.beats.partition_point(|(sent_us, _)| *sent_us < at_us)
    }
}

impl Ways for Drawn {
    fn pass(&self, at_us: i64, random: &mut Random) -> Option<i64> {
        let near =
            self.first_from(at_us - 2 * self.interval_us)..self.first_from(at_us + 2 * self.interval_us);
        let drawn = random.between(near.start as f64, near.end as f64) as usize;
        let (sent_us, arrived_us) = *self.beats.get(drawn)?;
        let arrived_us = arrived_us?;
        // What was held up while the probe is sent lets both go at once.
        let is_held_up = (sent_us..arrived_us).contains(&at_us);
        Some(if is_held_up {
            arrived_us
        } else {
            at_us + arrived_us - sent_us
        })
    }

    fn answered(&self, at_us: i64) -> i64 {
        at_us
    }

    fn next_slot(&self, at_us: i64) -> i64 {
        let next = self.beats.get(self.first_from(at_us + 1));
        next.map_or(at_us, |(sent_us, _)| *sent_us)
    }
}
