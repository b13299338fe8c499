//! `/metrics`: one table of metrics, from which they are told and against which docs/http.md is checked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use beacon_common::{Health, Label, Moment};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::exposition::Exposition;
use super::picture::Picture;
use super::routes::Site;
use crate::clock::{self, Reading};
use crate::hooks::{self, Outcome};
use crate::lag::Lag;
use crate::outages::Outage;
use crate::track::event::{State, Tick};
use crate::track::survey::Row;
use crate::track::tally::Tally;

/// What the names begin with that are the collector's own.
const PREFIX: &str = "beacon";

/// What those begin with that tell of a process, whatever it does: each exporter gives them the same names.
const OF_PROCESS: &str = "process_";

/// How a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever more.
    Counter,
    /// More or less.
    Gauge,
    /// How often how much.
    Histogram,
    /// A fact in its labels.
    Info,
}

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name without unit, suffix and the prefix of what is the collector's own.
    name: &'static str,
    /// How it counts.
    pub kind: Kind,
    /// Whether its values are seconds.
    is_seconds: bool,
    /// The label that tells its series apart, if any; `source` for those that only `--metrics-per-source` gives.
    pub label: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
    take: Take,
}

impl Metric {
    /// Its name as it is queried; without the suffixes of a histogram.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}{}", self.family_name(), self.suffix())
    }

    /// Its name as OpenMetrics declares it.
    pub(super) fn family_name(&self) -> String {
        let unit = if self.is_seconds { "_seconds" } else { "" };
        format!("{}{unit}", self.unitless_name())
    }

    fn unitless_name(&self) -> String {
        match self.name.starts_with(OF_PROCESS) {
            true => self.name.to_owned(),
            false => format!("{PREFIX}_{}", self.name),
        }
    }

    pub(super) const fn suffix(&self) -> &'static str {
        match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        }
    }

    const fn metric_type(&self) -> MetricType {
        match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
            Kind::Info => MetricType::Info,
        }
    }
}

/// Where a metric's values come from.
#[derive(Clone, Copy, Debug)]
enum Take {
    Build,
    Sources,
    Silenced,
    Healths,
    Dropped,
    Events,
    Lag,
    Hooks,
    One(fn(&Measures) -> f64),
    /// Of each source, heard or not.
    Each(fn(&SourceMeasures) -> f64),
    /// Of each source that was heard.
    EachHeard(fn(&SourceMeasures) -> f64),
}

macro_rules! metrics {
    ($($name:literal $kind:ident $($unit:ident)? [$($label:literal)?] $take:expr, $meaning:literal;)*) => {
        /// Every metric, in the order in which they are told.
        pub const FAMILIES: [Metric; [$($name),*].len()] = [$(Metric {
            name: $name,
            kind: Kind::$kind,
            is_seconds: false $(|| stringify!($unit).len() > 0)?,
            label: concat!($($label)?),
            meaning: $meaning,
            take: $take,
        }),*];
    };
}

metrics! {
    "process_start_time" Gauge seconds [] Take::One(|all| all.started_s),
        "When the collector began, since the Unix epoch";
    "build" Info ["version"] Take::Build, "The collector's version";
    "sources" Gauge ["state"] Take::Sources, "Sources in each state";
    "silenced_sources" Gauge ["state"] Take::Silenced, "Sources in each state that the operator has silenced";
    "live_sources" Gauge ["health"] Take::Healths,
        "Sources that are up or late and not silenced, by the health that their newest beat states";
    "datagrams_received" Counter [] Take::One(|all| all.tick.received as f64), "Datagrams received";
    "datagrams_dropped" Counter ["reason"] Take::Dropped, "Datagrams dropped because they could not be used, by reason";
    "socket_drops" Counter [] Take::One(|all| all.tick.socket_drops as f64),
        "Datagrams that the collector's own sockets had no room for";
    "beats_received" Counter [] Take::One(|all| all.tally.received as f64), "Beats and goodbyes, each once";
    "beats_lost" Counter [] Take::One(|all| all.lost as f64),
        "Slots that no beat has filled in time; one that is filled after all makes up for the next";
    "beats_duplicate" Counter [] Take::One(|all| all.tally.duplicate as f64), "Slots filled again";
    "beats_reordered" Counter [] Take::One(|all| all.tally.reordered as f64),
        "Beats below the highest sequence number seen before them";
    "beats_old" Counter [] Take::One(|all| all.tally.old as f64),
        "Beats that came when their slot was no longer kept";
    "events" Counter ["event"] Take::Events, "Events, whether their lines are told or not (--events)";
    "events_dropped" Counter [] Take::One(|all| all.events_dropped as f64),
        "Event lines that their reader was too slow for";
    "queue_lines" Gauge [] Take::One(|all| all.queue_lines as f64), "Event lines that wait for their reader";
    "queue_limit_lines" Gauge [] Take::One(|all| all.queue_limit as f64), "Event lines that may wait (--queue)";
    "loop_lag" Histogram seconds [] Take::Lag,
        "How long the rounds of the receiving loops took: no beat and no deadline waits longer for its turn";
    "hooks" Counter ["outcome"] Take::Hooks, "Events that hooks are for (--on-event), by what has become of them";
    "hooks_waiting" Gauge [] Take::One(|all| all.hooks.waiting() as f64), "Events that wait for their hook";
    "mass_loss" Gauge [] Take::One(|all| f64::from(u8::from(all.outage.mass.is_some()))),
        "1 while half or more of the live sources are silent together";
    "blind" Counter seconds [] Take::One(|all| all.outage.blind_in_all.as_secs_f64()),
        "Time in which the collector itself could not listen";
    "state_save_failures" Counter [] Take::One(|all| all.state_failures as f64),
        "Times that the state file could not be saved (--state)";
    "source_up" Gauge ["source"] Take::Each(|one| f64::from(u8::from(one.is_up))), "1 while the source is up";
    "source_down" Gauge ["source"] Take::Each(|one| f64::from(u8::from(one.is_down))),
        "1 while the source is down, or is expected (--inventory) and was not heard in time";
    "source_silenced" Gauge ["source"] Take::Each(|one| f64::from(u8::from(one.is_silenced))),
        "1 while the operator has the source silenced";
    "source_health" Gauge ["source"] Take::EachHeard(|one| f64::from(one.health.code())),
        "Health that the newest beat states: 0 ok, 1 warning, 2 critical, 3 unknown";
    "source_last_beat_timestamp" Gauge seconds ["source"] Take::EachHeard(|one| one.last_beat_s),
        "When the newest beat came, since the Unix epoch";
    "source_interval" Gauge seconds ["source"] Take::EachHeard(|one| f64::from(one.interval_ms) / 1e3),
        "Interval that the newest beat states";
    "source_jitter" Gauge seconds ["source"] Take::EachHeard(|one| f64::from(one.jitter_us) / 1e6),
        "Interarrival jitter (RFC 3550, A.8)";
    "source_beats_received" Counter ["source"] Take::EachHeard(|one| one.received as f64), "Beats and goodbyes, each once";
    "source_beats_lost" Gauge ["source"] Take::EachHeard(|one| one.lost as f64),
        "Slots that no beat has filled in time; less again where a beat fills its slot after all";
    "source_restarts" Counter ["source"] Take::EachHeard(|one| f64::from(one.restarts)),
        "Times that the source came up in another session than before, but for waking from an announced sleep";
}

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

impl Collector for Measures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let families = FAMILIES.iter();
        for metric in families.filter(|metric| metric.label != "source" || !self.sources.is_empty()) {
            let unit = metric.is_seconds.then_some(&Unit::Seconds);
            let help = format!("{}.", metric.meaning);
            let name = metric.unitless_name();
            let family = encoder.encode_descriptor(&name, &help, unit, metric.metric_type())?;
            self.put(metric, family)?;
        }
        Ok(())
    }
}

impl Measures {
    fn put(&self, metric: &Metric, mut family: MetricEncoder<'_>) -> fmt::Result {
        let series = Series {
            kind: metric.kind,
            label: metric.label,
        };
        match metric.take {
            Take::Build => family.encode_info(&[(series.label, env!("CARGO_PKG_VERSION"))]),
            Take::Sources => series.put_states(&mut family, self.tick.sources),
            Take::Silenced => series.put_states(&mut family, self.silenced),
            Take::Healths => Health::ALL
                .iter()
                .zip(self.healths)
                .try_for_each(|(health, count)| series.put(&mut family, health.name(), count as f64)),
            Take::Dropped => self
                .tick
                .rejected
                .iter()
                .try_for_each(|(reason, count)| series.put(&mut family, reason.name(), count as f64)),
            Take::Events => self
                .events
                .iter()
                .try_for_each(|&(event, count)| series.put(&mut family, event, count as f64)),
            Take::Hooks => Outcome::ALL.into_iter().try_for_each(|outcome| {
                series.put(&mut family, outcome.name(), self.hooks.of(outcome) as f64)
            }),
            Take::Lag => put_lag(&self.lag, &mut family),
            Take::One(value) => encode_value(metric.kind, value(self), family),
            Take::Each(value) => series.put_sources(&mut family, self.sources.iter(), value),
            Take::EachHeard(value) => {
                let heard = self.sources.iter().filter(|source| source.is_heard);
                series.put_sources(&mut family, heard, value)
            }
        }
    }
}

/// The series of a metric with a label.
struct Series {
    kind: Kind,
    label: &'static str,
}

impl Series {
    fn put_states(&self, family: &mut MetricEncoder<'_>, counts: [u64; State::ALL.len()]) -> fmt::Result {
        let counts = State::ALL.iter().zip(counts);
        counts
            .into_iter()
            .try_for_each(|(state, count)| self.put(family, state.name(), count as f64))
    }

    fn put_sources<'a>(
        &self,
        family: &mut MetricEncoder<'_>,
        mut sources: impl Iterator<Item = &'a SourceMeasures>,
        value: fn(&SourceMeasures) -> f64,
    ) -> fmt::Result {
        sources.try_for_each(|source| self.put(family, source.label.as_str(), value(source)))
    }

    fn put(&self, family: &mut MetricEncoder<'_>, name: &str, value: f64) -> fmt::Result {
        encode_value(self.kind, value, family.encode_family(&[(self.label, name)])?)
    }
}

fn encode_value(kind: Kind, value: f64, encoder: MetricEncoder<'_>) -> fmt::Result {
    match kind {
        Kind::Counter => ConstCounter::new(value).encode(encoder),
        Kind::Gauge | Kind::Histogram | Kind::Info => ConstGauge::new(value).encode(encoder),
    }
}

fn put_lag(lag: &Lag, family: &mut MetricEncoder<'_>) -> fmt::Result {
    let seconds = |bound: Option<Duration>| bound.map_or(f64::INFINITY, |bound| bound.as_secs_f64());
    let buckets: Vec<_> = lag
        .iter()
        .map(|(bound, rounds)| (seconds(bound), rounds))
        .collect();
    let count = buckets.iter().map(|(_, rounds)| rounds).sum();
    let no_label: Option<&_> = None::<&std::collections::HashMap<_, _>>;
    family.encode_histogram::<[(&str, &str); 0]>(lag.total().as_secs_f64(), count, &buckets, no_label)
}

#[cfg(test)]
mod tests;
