use super::*;
use beacon_common::{Flags, Health, Kind, Seq};

const LABELS: u32 = (HELD_AT_MOST / SESSIONS) as u32;

fn at(ms: u64) -> Moment {
    Moment::ORIGIN.after_ms(1_000_000 + ms)
}

fn label(name: &str, number: u32) -> Label {
    Label::new(&format!("{name}-{number}")).unwrap()
}

fn frame(label: Label, session: u32, seq: u32) -> Frame {
    Frame {
        kind: Kind::Beat(Health::Ok),
        flags: Flags::default(),
        misses: 0,
        label,
        session: Session::new(session, 1),
        sent_us: 0,
        seq: Seq::new(seq),
        interval_ms: 1_000,
        next_ms: 1_000,
        uptime_s: 1,
    }
}

fn from(port: u32) -> (Peer, Way) {
    let peer = Peer {
        addr: format!("192.0.2.1:{}", 1 + port % 60_000).parse().unwrap(),
        socket: 0,
        local: None,
    };
    (peer, Way::of(&peer, None, false))
}

/// The sessions that wait for their proof, and the probes of each second.
struct Scene {
    claims: Claims,
    probes: u32,
    second: u64,
}

impl Scene {
    const PROBES_A_SECOND: u32 = 1_000;

    fn new() -> Self {
        Self {
            claims: Claims::within(Self::PROBES_A_SECOND),
            probes: 0,
            second: 0,
        }
    }

    fn keep(&mut self, ms: u64, frame: &Frame, port: u32) -> Option<Question> {
        if ms / 1_000 > self.second {
            (self.second, self.probes) = (ms / 1_000, 0);
        }
        let probes = &mut self.probes;
        let may_ask = |is_first| {
            let all = Self::PROBES_A_SECOND;
            let is_left = *probes < if is_first { all } else { all / 2 };
            *probes += u32::from(is_left);
            is_left
        };
        let question = self.claims.keep(frame, from(port), at(ms), may_ask);
        assert!(self.claims.held.len() <= HELD_AT_MOST);
        assert_eq!(self.claims.eldest.len(), self.claims.held.len());
        question
    }

    /// Somebody plays what was recorded of sixteen lives of each of so many devices, from another address each time: one
    /// beat of every life in each of these seconds.
    fn play(&mut self, labels: u32, seconds: std::ops::Range<u64>) {
        for second in seconds {
            for number in 0..labels {
                let ms = second * 1_000 + u64::from(number) * 999 / u64::from(labels);
                for life in 0..SESSIONS as u32 {
                    let recorded = frame(label("dead", number), 1 + life, 1 + second as u32);
                    self.keep(ms, &recorded, number + second as u32);
                }
            }
        }
    }

    fn answer(&mut self, ms: u64, frame: &Frame, asked: &Question) -> Option<Held> {
        let session = (frame.label, frame.session);
        self.claims
            .take(session, at(ms), |first| first == asked.first_asked)
    }
}

#[test]
fn recordings_that_take_every_place_keep_no_new_device_out() {
    let mut scene = Scene::new();
    scene.play(LABELS, 0..30);
    assert_eq!(scene.claims.held.len(), HELD_AT_MOST);
    for number in 0..100 {
        let first = frame(label("new", number), 7, 1);
        let ms = 30_000 + u64::from(number) * 1_000;
        let asked = scene.keep(ms, &first, number).expect("it is asked at once");
        assert_eq!((asked.session, asked.peer), (first.session, from(number).0));
        scene.play(LABELS, 30 + u64::from(number)..31 + u64::from(number));
        let held = scene
            .answer(ms + 1_000, &first, &asked)
            .expect("it is held still");
        assert_eq!(held.frame, first);
    }
}

/// A device without a clock is not new, where others play what it sent before.
#[test]
fn recordings_that_take_every_place_keep_no_other_life_out() {
    let mut scene = Scene::new();
    scene.play(LABELS, 0..15);
    let name = label("fridge", 7);
    scene.keep(15_000, &frame(name, 9, 1), 1).expect("it is new");
    scene.play(LABELS, 15..16);
    let present = frame(name, 2, 1);
    let asked = scene.keep(16_000, &present, 2).expect("it is asked at once");
    assert_eq!(asked.session, present.session);
    assert!(scene.answer(16_900, &present, &asked).is_some());
}

/// What a device in one address sends at these seconds, and who was asked in vain until then, each time.
fn unanswered(seconds: &[u64], is_in_vain: bool) -> Vec<Option<(u64, u16)>> {
    let mut scene = Scene::new();
    let mut beat = |&second: &u64| {
        let beat = frame(label("fridge", 7), 7, 1 + second as u32);
        scene.keep(second * 1_000, &beat, 4);
        scene.claims.is_in_vain((beat.label, beat.session), is_in_vain);
        let unanswered = scene.claims.take_unanswered();
        unanswered.map(|(times, last)| (times, last.from.port()))
    };
    seconds.iter().map(&mut beat).collect()
}

#[test]
fn who_beats_and_does_not_answer_within_ten_seconds_is_named() {
    let each_second: Vec<_> = (0..=20).collect();
    let told = unanswered(&each_second, true);
    let at: Vec<_> = (0..).zip(&told).filter(|(_, told)| told.is_some()).collect();
    assert_eq!(at, [(10, &Some((1, 5))), (20, &Some((1, 5)))]);
    assert_eq!(
        unanswered(&[0, 60, 120], true),
        [None, Some((1, 5)), Some((1, 5))]
    );
    let beside_a_live_one = unanswered(&each_second, false);
    assert!(beside_a_live_one.iter().all(Option::is_none));
}

#[test]
fn who_has_answered_or_was_never_asked_is_not_named() {
    let mut scene = Scene::new();
    let (before, first) = (frame(label("new", 1), 6, 1), frame(label("new", 1), 7, 1));
    let asked = [&before, &first].map(|frame| {
        let asked = scene.keep(0, frame, 1).expect("it is asked at once");
        scene.claims.is_in_vain((frame.label, frame.session), true);
        asked
    });
    assert!(scene.answer(500, &first, &asked[1]).is_some());
    scene.probes = Scene::PROBES_A_SECOND;
    let late = frame(label("new", 2), 7, 1);
    assert_eq!(scene.keep(500, &late, 2), None);
    scene.claims.is_in_vain((late.label, late.session), true);
    scene.keep(30_000, &frame(label("new", 3), 7, 1), 3);
    assert_eq!(scene.claims.take_unanswered(), None);
}

/// Who takes a place costs a probe, so each is kept for as long as those of one second last.
#[test]
fn a_place_is_kept_long_enough_to_answer() {
    let mut scene = Scene::new();
    scene.play(LABELS, 0..15);
    let first = frame(label("new", 0), 7, 1);
    let asked = scene.keep(15_000, &first, 0).expect("it is asked at once");
    for flooded in 0..1_000_000 {
        let ms = 15_000 + u64::from(flooded) / 125;
        scene.keep(ms, &frame(label("flood", flooded), 1, 1), flooded);
    }
    assert!(scene.answer(23_000, &first, &asked).is_some());
}
