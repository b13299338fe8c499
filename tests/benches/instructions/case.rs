//! What is counted.

use std::time::Duration;

use beacon_collector::track::tracker::Tracker;
use beacon_common::Moment;
use clap::ValueEnum;

use crate::fleet::{Arrival, Fleet, INTERVAL, SOURCES};

/// A part of the hot path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// A beat of a known source that is up: form, source, slot, state.
    Beat,
    /// The same with its tag.
    Keyed,
    /// A beat that is answered.
    Acked,
    /// The wheel brings up a source that has beaten meanwhile.
    Look,
    /// A source is silent: it is late, then down, and that is told.
    Fall,
}

/// The name of the functions whose instructions are counted.
pub(crate) const MEASURED: &str = "measured_*";

/// As many as the collector takes from a socket at once.
const BATCH: usize = 32;

/// How long the silent are judged: until all are down.
const SILENCE: Duration = Duration::from_secs(5);

impl Case {
    pub(crate) const ALL: [Self; 5] = [Self::Beat, Self::Keyed, Self::Acked, Self::Look, Self::Fall];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Beat => "beat",
            Self::Keyed => "keyed",
            Self::Acked => "acked",
            Self::Look => "look",
            Self::Fall => "fall",
        }
    }

    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Beat => "beat",
            Self::Keyed => "beat with a key",
            Self::Acked => "beat that is acked",
            Self::Look => "look at a source that has beaten meanwhile",
            Self::Fall => "source that falls late, then down",
        }
    }

    /// Does what is counted, and all that it takes to get there.
    pub(crate) fn play(self) {
        let mut fleet = Fleet::settled(self == Self::Keyed, self == Self::Acked);
        let began = fleet.now;
        let told = match self {
            Self::Beat | Self::Keyed | Self::Acked => {
                let round = fleet.next_round();
                measured_beats(&mut fleet.tracker, &round)
            }
            Self::Look => {
                let round = fleet.next_round();
                each_millisecond(&mut fleet.tracker, began, INTERVAL, &round)
            }
            Self::Fall => each_millisecond(&mut fleet.tracker, began, SILENCE, &[]),
        };
        assert_eq!(told, self.tells(), "what was counted is something else");
    }

    /// What the tracker has to say and to send meanwhile.
    const fn tells(self) -> usize {
        match self {
            Self::Beat | Self::Keyed | Self::Look => 0,
            Self::Acked => SOURCES as usize,
            // That many fall at once is an event too.
            Self::Fall => 2 * SOURCES as usize + 1,
        }
    }
}

/// Beats, batch by batch as the collector takes them from its socket, and the answers to them.
#[inline(never)]
fn measured_beats(tracker: &mut Tracker, round: &[Arrival]) -> usize {
    let mut answers = 0;
    for batch in round.chunks(BATCH) {
        let batch = batch
            .iter()
            .map(|(at, peer, bytes)| (*at, *peer, bytes.as_slice()));
        tracker.on_datagrams(batch);
        while tracker.poll_transmit().is_some() {
            answers += 1;
        }
    }
    answers
}

/// Time passes, and beats come; only the passing of time is counted.
fn each_millisecond(tracker: &mut Tracker, began: Moment, span: Duration, beats: &[Arrival]) -> usize {
    let mut beats = beats.iter().peekable();
    let mut told = 0;
    for millisecond in 0..span.as_millis() as u64 {
        let now = began + Duration::from_millis(millisecond);
        while let Some((at, peer, bytes)) = beats.next_if(|(at, ..)| *at <= now) {
            tracker.on_datagram(*at, *peer, bytes);
        }
        told += measured_passing(tracker, now);
    }
    told
}

/// Judges the silence until `now`.
#[inline(never)]
fn measured_passing(tracker: &mut Tracker, now: Moment) -> usize {
    tracker.on_time(now);
    std::iter::from_fn(|| tracker.poll_event()).count()
}
