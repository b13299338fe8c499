use super::*;
use std::collections::HashSet;

#[test]
fn each_metric_has_a_name_of_its_own() {
    let names: HashSet<_> = FAMILIES.iter().map(Metric::full_name).collect();
    assert_eq!(names.len(), FAMILIES.len());
    assert!(names.contains("beacon_blind_seconds_total"));
    assert!(names.contains("beacon_build_info"));
    assert!(names.contains("beacon_source_last_beat_timestamp_seconds"));
    assert!(names.contains("process_start_time_seconds"));
}

fn source(name: &str, is_heard: bool, state: State) -> SourceMeasures {
    SourceMeasures {
        label: Label::new(name).unwrap(),
        is_heard,
        is_up: state == State::Up,
        is_down: state == State::Down,
        is_silenced: false,
        health: Health::Unknown,
        last_beat_s: 0.0,
        interval_ms: 0,
        jitter_us: 0,
        received: 0,
        lost: 0,
        restarts: 0,
    }
}

fn measures(sources: Vec<SourceMeasures>) -> Measures {
    Measures {
        started_s: 1_795_224_600.25,
        tick: Tick::default(),
        tally: Tally::default(),
        silenced: [0; State::ALL.len()],
        healths: [3, 2, 1, 0],
        lost: 0,
        lag: Lag::default(),
        events: Vec::new(),
        events_dropped: 0,
        queue_lines: 0,
        queue_limit: 0,
        hooks: hooks::Counts::default(),
        outage: Outage::default(),
        state_failures: 7,
        sources,
    }
}

#[test]
fn what_sleeps_or_has_stopped_is_not_down_and_what_was_never_heard_is() {
    let sources = vec![
        source("living", true, State::Up),
        source("asleep", true, State::Asleep),
        source("stopped", true, State::Stopped),
        source("dead", true, State::Down),
        source("awaited", false, State::Unknown),
        source("missing", false, State::Down),
    ];
    let text = render(measures(sources), Exposition::Classic);
    let is_down = |name: &str| {
        let series = format!("\nbeacon_source_down{{source=\"{name}\"}} ");
        let (_, rest) = text
            .split_once(&series)
            .unwrap_or_else(|| panic!("{name} in:\n{text}"));
        rest.starts_with("1.0\n")
    };
    let names = ["living", "asleep", "stopped", "dead", "awaited", "missing"];
    assert_eq!(names.map(is_down), [false, false, false, true, false, true]);
    for name in ["source_up", "source_silenced"] {
        assert!(
            text.contains(&format!("\nbeacon_{name}{{source=\"missing\"}} 0.0\n")),
            "{text}"
        );
    }
    assert_eq!(
        text.matches("source=\"missing\"").count(),
        3,
        "of beats there is nothing to tell"
    );
}

#[test]
fn what_all_scrapers_know_of_a_process_has_the_name_that_they_know() {
    let text = render(measures(Vec::new()), Exposition::Classic);
    for line in [
        "process_start_time_seconds 1795224600.25",
        "beacon_state_save_failures_total 7.0",
        "beacon_live_sources{health=\"warning\"} 2.0",
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line} in:\n{text}");
    }
}
