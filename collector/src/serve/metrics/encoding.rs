//! What each metric of the table says, in the encoder's terms.

use std::fmt;
use std::time::Duration;

use beacon_common::Health;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::families::{FAMILIES, Kind, Metric, Take};
use super::{Measures, SourceMeasures};
use crate::hooks::Outcome;
use crate::lag::Lag;
use crate::track::event::State;

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
