//! `/metrics`: what is told, made when somebody asks, and for those who ask meanwhile.

mod encoding;
mod families;

pub(super) use families::Kind;
pub use families::{FAMILIES, Metric};

use std::sync::Arc;

use beacon_common::{Health, Label, Moment};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::exposition::Exposition;
use super::picture::Picture;
use super::routes::Site;
use crate::clock::{self, Reading};
use crate::hooks;
use crate::lag::Lag;
use crate::outages::Outage;
use crate::track::event::{State, Tick};
use crate::track::survey::Row;
use crate::track::tally::Tally;

/// What is told.
#[derive(Debug)]
struct Measures {
    started_s: f64,
    tick: Tick,
    tally: Tally,
    silenced: [u64; State::ALL.len()],
    healths: [u64; Health::ALL.len()],
    lost: u64,
    lag: Lag,
    events: Vec<(&'static str, u64)>,
    events_dropped: u64,
    queue_lines: usize,
    queue_limit: usize,
    hooks: hooks::Counts,
    outage: Outage,
    state_failures: u64,
    sources: Vec<SourceMeasures>,
}

/// What is told of one source.
#[derive(Debug)]
struct SourceMeasures {
    label: Label,
    is_heard: bool,
    is_up: bool,
    is_down: bool,
    is_silenced: bool,
    health: Health,
    last_beat_s: f64,
    interval_ms: u32,
    jitter_us: u32,
    received: u64,
    lost: i64,
    restarts: u32,
}

impl SourceMeasures {
    fn of(row: &Row, clock: &Reading) -> Self {
        Self {
            label: row.label,
            is_heard: row.is_heard(),
            is_up: row.state == State::Up,
            is_down: row.state == State::Down,
            is_silenced: row.silence.is_some(),
            health: row.health,
            last_beat_s: clock.wall_micros(row.arrived) as f64 / 1e6,
            interval_ms: row.interval_ms,
            jitter_us: row.jitter_us,
            received: row.tally.received,
            lost: row.tally.lost,
            restarts: row.restarts,
        }
    }
}

/// What has been told of losses: a loss that is taken back does not make the counter smaller.
#[derive(Debug, Default)]
pub(super) struct Told {
    lost: u64,
}

/// Metrics made a while ago, for all who ask for them meanwhile.
pub(super) struct Cached {
    text: Arc<str>,
    exposition: Exposition,
    until: Moment,
}

/// How long metrics that take long to make are worth, in the time that it took.
const WORTH: u32 = 10;

impl Site {
    /// The metrics in `exposition`.
    pub(super) fn expose(&mut self, exposition: Exposition, now: Moment) -> Arc<str> {
        if let Some(cached) = &self.cached
            && cached.exposition == exposition
            && now < cached.until
        {
            return Arc::clone(&cached.text);
        }
        // What was made before goes first, so that there are no two of them.
        self.cached = None;
        let measures = self.measures();
        let text: Arc<str> = render(measures, exposition).into();
        let until = now + clock::now().since(now) * WORTH;
        self.cached = Some(Cached {
            text: Arc::clone(&text),
            exposition,
            until,
        });
        text
    }

    fn measures(&mut self) -> Measures {
        let Picture {
            tick,
            tally,
            silenced,
            healths,
            lag,
            ..
        } = self.looker.picture();
        self.told.lost = self.told.lost.max(tally.lost.max(0).unsigned_abs());
        let clock = clock::read();
        let rows = self.looker.picture().rows();
        let rows = rows.filter(|_| self.per_source);
        Measures {
            started_s: self.started_us as f64 / 1e6,
            tick: tick.clone(),
            tally: *tally,
            silenced: *silenced,
            healths: *healths,
            lost: self.told.lost,
            lag: *lag,
            events: self
                .events
                .iter()
                .map(|(event, count)| (event.name(), count))
                .collect(),
            events_dropped: self.losses.in_all(),
            queue_lines: self.depth.lines(),
            queue_limit: self.depth.capacity(),
            hooks: self.hooks.clone(),
            outage: self.outages.now(),
            state_failures: self.unsaved.in_all(),
            sources: rows.map(|row| SourceMeasures::of(row, &clock)).collect(),
        }
    }
}

fn render(measures: Measures, exposition: Exposition) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(measures));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a String takes whatever is written to it");
    exposition.of_open_metrics(text)
}

#[cfg(test)]
mod tests;
