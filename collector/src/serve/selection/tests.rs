use super::super::request;
use super::*;
use crate::track::config::Config;
use crate::track::event::SourceId;
use crate::track::tracker::Tracker;
use crate::track::transmit::Peer;
use beacon_common::{FRAME_LEN, Flags, Frame, Kind, Moment, Seq, Session};

/// One source a second, each with this label, interval and health.
fn rows(sources: &[(&str, u32, Health)], now: Moment) -> Vec<Row> {
    let mut tracker = Tracker::new(Config::default());
    for (place, &(label, interval_ms, health)) in (1..).zip(sources) {
        let frame = Frame {
            kind: Kind::Beat(health),
            flags: Flags::default(),
            misses: 3,
            label: Label::new(label).unwrap(),
            session: Session::from_u64(1),
            sent_us: 0,
            seq: Seq::FIRST,
            interval_ms,
            next_ms: interval_ms,
            uptime_s: 0,
        };
        let mut bytes = [0; FRAME_LEN];
        frame.emit(None, &mut bytes);
        let peer = Peer {
            addr: format!("192.0.2.{place}:7").parse().unwrap(),
            socket: 0,
            local: None,
        };
        tracker.on_datagram(Moment::ORIGIN.after_ms(place * 1_000), peer, &bytes);
    }
    tracker.on_time(now);
    tracker.survey(SourceId::FIRST, true, now).rows
}

fn shown(selection: &Selection, count: usize) -> (Vec<String>, usize) {
    let fleet = [
        ("steady", 60_000, Health::Ok),
        ("Ill", 60_000, Health::Critical),
        ("gone", 1_000, Health::Ok),
        ("warm", 60_000, Health::Warning),
        ("slow", 9_000, Health::Ok),
    ];
    let rows = rows(&fleet, Moment::ORIGIN.after_ms(20_000));
    let chosen = selection.choose(rows.iter(), count);
    let labels = chosen.rows.iter().map(|row| row.label.as_str().to_owned());
    (labels.collect(), chosen.total)
}

#[test]
fn what_needs_a_look_comes_first() {
    let (labels, total) = shown(&Selection::default(), 9);
    assert_eq!(
        (labels.join(" ").as_str(), total),
        ("gone slow Ill warm steady", 5)
    );
    let second = Selection {
        from: 1,
        ..Selection::default()
    };
    assert_eq!(shown(&second, 2), (vec!["slow".to_owned(), "Ill".to_owned()], 5));
    let behind = Selection {
        from: 7,
        ..Selection::default()
    };
    assert_eq!(shown(&behind, 2), (vec![], 5));
}

#[test]
fn a_group_is_chosen_by_its_name_and_found_by_a_part_of_it() {
    let fleet = [
        ("a", 60_000, Health::Ok),
        ("b", 60_000, Health::Ok),
        ("c", 60_000, Health::Ok),
    ];
    let mut rows = rows(&fleet, Moment::ORIGIN.after_ms(4_000));
    rows[0].group = Some("K\u{fc}che".into());
    rows[1].group = Some("K\u{fc}che-2".into());
    let taken = |selection: &Selection| {
        let taken = rows.iter().filter(|row| selection.takes(row, &mut String::new()));
        taken.map(|row| row.label.as_str().to_owned()).collect::<String>()
    };
    let group = |name: &str| Selection {
        group: Some(name.to_owned()),
        ..Selection::default()
    };
    assert_eq!(
        ["K\u{fc}che", "K\u{fc}che-2", "k\u{fc}che"].map(|name| taken(&group(name))),
        ["a", "b", ""]
    );
    let search = Selection {
        search: "k\u{fc}che".to_owned(),
        ..Selection::default()
    };
    assert_eq!(taken(&search), "ab");
}

#[test]
fn sources_are_sorted_both_ways_and_searched() {
    let by = |sort, is_reversed| Selection {
        sort,
        is_reversed,
        ..Selection::default()
    };
    assert_eq!(
        shown(&by(Sort::Source, false), 9).0.join(" "),
        "Ill gone slow steady warm"
    );
    assert_eq!(shown(&by(Sort::Source, true), 2).0.join(" "), "warm steady");
    assert_eq!(shown(&by(Sort::Address, true), 1).0.join(" "), "slow");
    assert_eq!(shown(&by(Sort::Interval, false), 2).0.join(" "), "gone slow");
    assert_eq!(shown(&by(Sort::Health, false), 2).0.join(" "), "Ill warm");
    let search = |search: &str| Selection {
        search: search.to_owned(),
        ..Selection::default()
    };
    assert_eq!(shown(&search("il"), 9), (vec!["Ill".to_owned()], 1));
    assert_eq!(shown(&search("2.3:"), 9), (vec!["gone".to_owned()], 1));
    let down = Selection {
        state: Some(State::Down),
        ..Selection::default()
    };
    assert_eq!(shown(&down, 9).0, ["gone"]);
}

#[test]
fn groups_are_sorted_by_all_of_their_name_and_those_without_come_last() {
    let fleet = ["a", "b", "c", "d"].map(|label| (label, 60_000, Health::Ok));
    let mut rows = rows(&fleet, Moment::ORIGIN.after_ms(5_000));
    // Longer than any label.
    for (row, group) in
        rows[1..]
            .iter_mut()
            .zip(["second floor, office 2", "second floor, office 1", "attic"])
    {
        row.group = Some(group.into());
    }
    let labels = |is_reversed| {
        let selection = Selection {
            sort: Sort::Group,
            is_reversed,
            ..Selection::default()
        };
        let chosen = selection.choose(rows.iter(), 9);
        assert!(chosen.has_groups);
        let labels = chosen.rows.iter().map(|row| row.label.as_str());
        labels.collect::<String>()
    };
    assert_eq!([labels(false), labels(true)], ["dcba", "abcd"]);
    let chosen = Selection::default().choose(rows[..1].iter(), 9);
    assert!(!chosen.has_groups);
}

#[test]
fn states_come_from_worst_to_best_and_who_is_ill_behind_who_is_late() {
    let mut fleet = State::ALL
        .map(|state| (state.name(), 60_000, Health::Ok))
        .to_vec();
    fleet.extend([
        ("warm", 60_000, Health::Warning),
        ("ill", 60_000, Health::Critical),
    ]);
    let mut rows = rows(&fleet, Moment::ORIGIN.after_ms(20_000));
    for row in &mut rows {
        let named = State::ALL
            .into_iter()
            .find(|state| state.name() == row.label.as_str());
        row.state = named.unwrap_or(row.state);
    }
    let labels = |sort| {
        let selection = Selection {
            sort,
            ..Selection::default()
        };
        let chosen = selection.choose(rows.iter(), 9);
        let labels: Vec<_> = chosen.rows.iter().map(|row| row.label.as_str()).collect();
        labels.join(" ")
    };
    let worst = "down late ill warm unknown asleep stopped up";
    assert_eq!(labels(Sort::Worst), worst);
    assert_eq!(
        labels(Sort::State),
        "down late unknown asleep stopped ill up warm"
    );
}

#[test]
fn an_order_means_the_same_for_every_column() {
    let is_descending = |query: &str| {
        let text = format!("GET /?{query} HTTP/1.0\r\n\r\n");
        let (request, _) = request::parse(text.as_bytes()).unwrap().unwrap();
        Selection::of(&request).unwrap().is_descending()
    };
    for sort in Sort::ALL {
        let name = sort.name();
        assert!(!is_descending(&format!("sort={name}&order=asc")), "{name}");
        assert!(is_descending(&format!("sort={name}&order=desc")), "{name}");
    }
    assert!(!is_descending("sort=interval") && is_descending("sort=loss"));
}

#[test]
fn counted_is_what_the_search_finds_in_any_state() {
    let fleet = [
        ("cam-1", 60_000, Health::Critical),
        ("cam-2", 1_000, Health::Ok),
        ("gate", 1_000, Health::Ok),
    ];
    let rows = rows(&fleet, Moment::ORIGIN.after_ms(20_000));
    let selection = Selection {
        search: "cam".to_owned(),
        state: Some(State::Down),
        ..Selection::default()
    };
    let chosen = selection.choose(rows.iter(), 9);
    let found = |state| {
        let place = State::ALL.iter().position(|&other| other == state).unwrap();
        chosen.found.sources[place]
    };
    assert_eq!((chosen.total, found(State::Down), found(State::Up)), (1, 1, 1));
    assert_eq!(chosen.found.critical, 1);
}
