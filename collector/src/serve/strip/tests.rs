use std::collections::HashSet;

use beacon_common::{FRAME_LEN, Flags, Frame, Health, Kind, Label, Moment, Seq, Session};

use super::*;
use crate::output::tap::Told;
use crate::track::config::Config;
use crate::track::event::SourceId;
use crate::track::tracker::Tracker;
use crate::track::transmit::Peer;

const CONTROL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/control.md"));
const HTTP: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/http.md"));
const STYLE: &str = include_str!("../page/style.css");

/// A tracker, and the lines that tell of its one source, which beats once a second.
#[derive(Default)]
struct Scene {
    tracker: Option<Tracker>,
    ring: Ring,
}

impl Scene {
    /// A beat of the session that comes at this second.
    fn hear(&mut self, session: u64, seq: u32, at_s: u64) {
        let frame = Frame {
            kind: Kind::Beat(Health::Ok),
            flags: Flags::default(),
            misses: 3,
            label: Label::new("fridge-7").unwrap(),
            session: Session::from_u64(session),
            sent_us: u64::from(seq) * 1_000_000,
            seq: Seq::new(seq),
            interval_ms: 1_000,
            next_ms: 1_000,
            uptime_s: 0,
        };
        let mut bytes = [0; FRAME_LEN];
        frame.emit(None, &mut bytes);
        let peer = Peer {
            addr: "192.0.2.1:7".parse().unwrap(),
            socket: 0,
            local: None,
        };
        let now = Moment::ORIGIN.after_ms(at_s * 1_000);
        let tracker = self
            .tracker
            .get_or_insert_with(|| Tracker::new(Config::default()));
        tracker.on_time(now);
        tracker.on_datagram(now, peer, &bytes);
        while let Some(event) = tracker.poll_event() {
            self.ring.take(Told {
                id: self.ring.next_id(),
                time_us: event.at.as_micros(),
                what: event.what,
                json: String::new(),
            });
        }
    }

    /// The strip without what lies before the first beat heard, with the row that it is of.
    fn strip(&self, at_s: u64) -> (String, String) {
        let now = Moment::ORIGIN.after_ms(at_s * 1_000);
        let piece = self.tracker.as_ref().unwrap().survey(SourceId::FIRST, true, now);
        let row = &piece.rows[0];
        let strip = Strip::of((row, &row.slots.unwrap()), 2, &self.ring);
        let mut drawn = String::new();
        strip.put(&mut drawn).unwrap();
        let (text, _) = strip.text();
        assert_eq!(text.len(), 64);
        (text.trim_matches(['_', '.']).to_owned(), drawn)
    }
}

#[test]
fn what_was_filled_twice_is_drawn_until_it_is_off_the_wheel() {
    let mut scene = Scene::default();
    for (seq, at_s) in [
        (1, 1),
        (2, 2),
        (2, 2),
        (3, 3),
        (4, 4),
        (3, 4),
        (3, 4),
        (6, 6),
        (9, 9),
    ] {
        scene.hear(1, seq, at_s);
    }
    let (text, drawn) = scene.strip(9);
    assert_eq!(text, "=++=x=x.=", "8 may still come");
    assert!(
        drawn.contains("<i class=\"duplicate\"></i>2 duplicate</li>"),
        "{drawn}"
    );
    assert!(
        drawn.contains("<i class=\"duplicate\" title=\"3 duplicate\"></i>"),
        "{drawn}"
    );
    (10..=66).for_each(|seq| scene.hear(1, seq, seq.into()));
    assert!(scene.strip(66).0.starts_with("+=x=xx="));
    scene.hear(1, 67, 67);
    assert!(!scene.strip(67).0.contains('+'));
}

#[test]
fn another_session_begins_with_a_clean_strip() {
    let mut scene = Scene::default();
    [1, 2, 3, 3]
        .iter()
        .for_each(|&seq| scene.hear(1, seq, seq.into()));
    assert_eq!(scene.strip(3).0, "==+");
    [1, 2, 3]
        .iter()
        .for_each(|&seq| scene.hear(2, seq, 3 + u64::from(seq)));
    assert_eq!(scene.strip(6).0, "===");
}

#[test]
fn a_slot_that_was_late_stays_so_when_it_is_filled_again() {
    let mut scene = Scene::default();
    [1, 2, 3].iter().for_each(|&seq| scene.hear(1, seq, seq.into()));
    scene.hear(1, 4, 6);
    scene.hear(1, 4, 6);
    scene.hear(1, 3, 6);
    assert_eq!(scene.strip(6).0, "==+~");
}

#[test]
fn each_mark_is_told_apart_and_documented() {
    let names: HashSet<_> = Mark::ALL.map(Mark::name).into_iter().collect();
    let symbols: HashSet<_> = Mark::ALL.map(Mark::symbol).into_iter().collect();
    assert_eq!((names.len(), symbols.len()), (Mark::ALL.len(), Mark::ALL.len()));
    let control = CONTROL.split_whitespace().collect::<Vec<_>>().join(" ");
    for mark in Mark::ALL {
        let (symbol, name) = (mark.symbol(), mark.name());
        assert!(control.contains(&format!("`{symbol}` {name}")), "{name}");
        assert!(HTTP.contains(&format!("`{name}`")), "{name}");
        assert!(STYLE.contains(&format!("\ni.{name} {{ ")), "{name}");
    }
}
