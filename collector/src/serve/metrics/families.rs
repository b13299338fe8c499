//! The table of metrics, from which they are told and against which docs/http.md is checked.

use prometheus_client::metrics::MetricType;

use super::{Measures, SourceMeasures};

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
    pub(super) is_seconds: bool,
    /// The label that tells its series apart, if any; `source` for those that only `--metrics-per-source` gives.
    pub label: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
    pub(super) take: Take,
}

impl Metric {
    /// Its name as it is queried; without the suffixes of a histogram.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}{}", self.family_name(), self.suffix())
    }

    /// Its name as OpenMetrics declares it.
    pub(in crate::serve) fn family_name(&self) -> String {
        let unit = if self.is_seconds { "_seconds" } else { "" };
        format!("{}{unit}", self.unitless_name())
    }

    pub(super) fn unitless_name(&self) -> String {
        match self.name.starts_with(OF_PROCESS) {
            true => self.name.to_owned(),
            false => format!("{PREFIX}_{}", self.name),
        }
    }

    pub(in crate::serve) const fn suffix(&self) -> &'static str {
        match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        }
    }

    pub(super) const fn metric_type(&self) -> MetricType {
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
pub(super) enum Take {
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
