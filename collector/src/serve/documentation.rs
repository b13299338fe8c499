//! What is documented is what there is: docs/http.md and what is packaged for Prometheus and Grafana.

use std::collections::HashSet;
use std::fmt::Write;

use super::feed::{LINES_KEPT, LINES_KEPT_UNFOLLOWED};
use super::limits::{
    ANSWERED_WITHIN, IDLE_FOR, MAX_CLIENTS, MAX_CONTROLLERS, MAX_FOLLOWERS, REQUEST_WITHIN, SHOWN_WITHIN,
    STALLED_FOR,
};
use super::metrics::{FAMILIES, Kind, Metric};
use super::selection::Sort;
use super::source::LINES_SHOWN;
use crate::track::event::State;

const DOCUMENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/http.md"));
const CONTROL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/control.md"));
const RULES: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../packaging/prometheus/beacon.rules.yml"
));
const RULES_TEST: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../packaging/prometheus/beacon.test.yml"
));
const DASHBOARD: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../packaging/grafana/beacon.json"
));

#[test]
fn the_table_of_metrics_is_that_of_the_code() {
    let mut table = "| metric | type | label | means |\n|---|---|---|---|\n".to_owned();
    for metric in &FAMILIES {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Info => "info",
        };
        let label = match metric.label {
            "" => String::new(),
            label => format!("`{label}`"),
        };
        writeln!(
            table,
            "| `{}` | {kind} | {label} | {} |",
            metric.full_name(),
            metric.meaning
        )
        .unwrap();
    }
    let (_, rest) = DOCUMENT.split_once("<!-- begin metrics -->\n").unwrap();
    let (documented, _) = rest.split_once("<!-- end metrics -->").unwrap();
    assert!(
        documented == table,
        "the metrics of docs/http.md should be:\n\n{table}"
    );
}

#[test]
fn rules_and_dashboard_ask_for_metrics_that_there_are() {
    let mut known: HashSet<String> = FAMILIES.iter().map(Metric::full_name).collect();
    for metric in FAMILIES.iter().filter(|metric| metric.kind == Kind::Histogram) {
        known.extend(["_bucket", "_sum", "_count"].map(|part| metric.full_name() + part));
    }
    for text in [RULES, RULES_TEST, DASHBOARD] {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let asked: Vec<_> = words.filter(|word| word.starts_with("beacon_")).collect();
        assert!(asked.len() > 10);
        let unknown: Vec<_> = asked.iter().filter(|word| !known.contains(**word)).collect();
        assert_eq!(unknown, [&""; 0]);
    }
}

#[test]
fn bounds_and_names_are_documented() {
    let seconds = |duration: std::time::Duration| duration.as_secs();
    assert_eq!([seconds(REQUEST_WITHIN), seconds(STALLED_FOR)], [10, 10]);
    assert_eq!([seconds(ANSWERED_WITHIN), seconds(IDLE_FOR)], [60, 120]);
    assert_eq!(seconds(SHOWN_WITHIN), 5);
    assert_eq!(LINES_KEPT, 8_192);
    for part in [
        format!("serves {MAX_CLIENTS} clients, of which {MAX_FOLLOWERS} may follow"),
        "has to come within 10 s, in at most 8 KiB and 64 headers".to_owned(),
        "the last 8,192 lines".to_owned(),
        "has not answered for five seconds".to_owned(),
    ] {
        assert!(DOCUMENT.contains(&part), "{part}");
    }
    for part in [
        format!("{MAX_CONTROLLERS} clients are served at once"),
        format!("the last {LINES_SHOWN} event lines"),
        "of the last 1,024 without".to_owned(),
    ] {
        assert!(CONTROL.contains(&part), "{part}");
    }
    assert_eq!(LINES_KEPT_UNFOLLOWED, 1_024);
    let names = Sort::ALL
        .map(Sort::name)
        .into_iter()
        .chain(State::ALL.map(State::name));
    for name in names {
        assert!(DOCUMENT.contains(&format!("`{name}`")), "{name}");
    }
}
