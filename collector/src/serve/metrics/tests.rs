use super::*;
use std::collections::HashSet;

#[test]
fn each_metric_has_a_name_of_its_own() {
    let names: HashSet<_> = FAMILIES.iter().map(Metric::full_name).collect();
    assert_eq!(names.len(), FAMILIES.len());
    assert!(names.contains("beacon_blind_seconds_total"));
    assert!(names.contains("beacon_build_info"));
    assert!(names.contains("beacon_source_last_beat_timestamp_seconds"));
}
