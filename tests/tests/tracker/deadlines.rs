//! Up, late, down and back (docs/protocol.md, section 9).

use std::time::Duration;

use beacon_collector::track::config::{Config, Margin};
use beacon_collector::track::tracker::Tracker;
use beacon_common::{FRAME_LEN, Frame, Moment};
use beacon_tests::line::Line;
use beacon_tests::random::Random;
use beacon_tests::stage::{INTERVAL_MS, Stage, at, beat, gists, home};

fn bound_ms(line: &Line) -> u64 {
    line.bound.expect("silence leads to down").as_millis() as u64
}

#[test]
fn the_first_sign_is_told_with_all_that_is_known() {
    let mut stage = Stage::default();
    let lines = stage.hear(1_000, &beat(1));
    assert_eq!(gists(&lines), [(1_000, "up", "new")]);
    let line = &lines[0];
    assert_eq!((line.state, line.was, line.status), ("up", "unknown", "ok"));
    assert_eq!(
        (line.addr, line.seq.get(), line.interval_ms),
        (Some(home().addr), 1, INTERVAL_MS)
    );
    assert_eq!(
        (line.received, line.lost, line.duplicate, line.reordered),
        (1, 0, 0, 0)
    );
    assert_eq!((line.since, line.silent), (Duration::ZERO, Duration::ZERO));
    assert_eq!(
        line.bound,
        Some(Duration::from_millis(3_500)),
        "1 s, a margin of 0.5 s, and two intervals"
    );
}

#[test]
fn silence_after_the_first_beat_is_late_after_one_and_a_half_intervals_and_down_two_later() {
    let mut stage = Stage::default();
    stage.hear(1_000, &beat(1));
    let lines = stage.wait_until(60_000);
    assert_eq!(
        gists(&lines),
        [(2_500, "late", "silent"), (4_500, "down", "silent")]
    );
    assert_eq!((lines[0].state, lines[0].was), ("late", "up"));
    assert_eq!((lines[1].state, lines[1].was), ("down", "late"));
    assert_eq!(
        lines[0].since,
        Duration::from_millis(1_500),
        "it was up for 1.5 s"
    );
    assert_eq!(
        lines[1].since,
        Duration::from_millis(2_000),
        "it was late for 2 s"
    );
    assert_eq!(lines[1].silent, Duration::from_millis(3_500));
    assert_eq!(
        lines[1].bound,
        Some(lines[1].silent),
        "the bound was kept to the millisecond"
    );
}

#[test]
fn a_steady_source_is_judged_with_a_margin_of_10_ms() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=100);
    let told = gists(&stage.wait_until(200_000));
    assert_eq!(told, [(101_010, "late", "silent"), (103_010, "down", "silent")]);
}

/// A device whose timers are coarse sends each beat up to 30 ms after its slot, and says so in the promise. The
/// offset does not show it: S is read when the beat is sent.
#[test]
fn a_sender_that_is_late_by_itself_is_not_late_for_ever() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=50);
    let mut told = Vec::new();
    for seq in 51..=1_000 {
        let late_ms = u64::from(seq) * 7 % 31;
        let frame = Frame {
            sent_us: beat(seq).sent_us + late_ms * 1_000,
            next_ms: 1_000 - late_ms as u32,
            ..beat(seq)
        };
        told.extend(stage.hear(u64::from(seq) * 1_000 + late_ms, &frame));
    }
    let (learning, later): (Vec<_>, Vec<_>) =
        gists(&told).into_iter().partition(|(at_ms, ..)| *at_ms < 60_000);
    assert!(learning.len() <= 11, "{learning:?}");
    assert_eq!(later, []);
}

#[test]
fn each_edge_is_told_once_and_the_next_beat_takes_it_back() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=50);
    let late = stage.hear(51_900, &beat(51));
    assert_eq!(gists(&late), [(51_010, "late", "silent"), (51_900, "up", "back")]);
    assert_eq!((late[1].was, late[1].state), ("late", "up"));
    assert_eq!(late[1].silent, Duration::from_millis(1_900), "since beat 50");
    assert_eq!(stage.hear(52_000, &beat(52)), []);
    // The late beat has widened the margin by four sixteenths of an eighth of the interval, and a little less since; that of
    // the down deadline by no more than a 32nd of the interval.
    let down = stage.hear(60_000, &beat(60));
    assert_eq!(
        gists(&down),
        [
            (53_033, "late", "silent"),
            (55_032, "down", "silent"),
            (60_000, "up", "back")
        ]
    );
    assert_eq!(
        (down[2].was, down[2].since),
        ("down", Duration::from_millis(4_968))
    );
}

/// Beat 51 comes 900 ms after its time. Silence from there on is late at the time that the schedule says, but
/// down no sooner than two whole intervals after that arrival.
#[test]
fn an_arrival_however_late_buys_all_but_one_of_its_intervals() {
    for delay_ms in [0, 300, 900, 1_500, 1_990] {
        let mut stage = Stage::default();
        stage.hear_steady(1..=50);
        stage.hear(51_000 + delay_ms, &beat(51));
        let lines = stage.wait_until(200_000);
        let down = lines.last().expect("silence ends in down");
        assert_eq!(down.event, "down");
        assert!(
            down.silent >= Duration::from_millis(2_000),
            "{delay_ms} ms late, down after {:?}",
            down.silent
        );
        assert_eq!(down.bound, Some(down.silent));
    }
}

/// Beat 101 comes late, and even after its own next slot: the first slot after its arrival is awaited, and two more
/// intervals with a margin.
#[test]
fn after_a_late_beat_the_next_slot_is_awaited() {
    for (delay_ms, due_ms) in [(300, 102_000), (1_400, 103_000), (2_700, 104_000)] {
        let mut stage = Stage::default();
        stage.hear_steady(1..=100);
        let now_ms = 101_000 + delay_ms;
        let back = stage.hear(now_ms, &beat(101)).pop().expect("it was late");
        let down_ms = now_ms + bound_ms(&back);
        assert!(
            (due_ms + 2_010..due_ms + 2_050).contains(&down_ms),
            "{delay_ms} ms late, down at {down_ms}"
        );
    }
}

/// A path that loses two of three beats for half a minute, again and again. The first gap says nothing of the next; ten of
/// them one upon the other do, and a hundred beats without one end it.
#[test]
fn a_burst_stretches_the_bound_as_long_as_it_lasts() {
    let mut stage = Stage::default();
    for round in 0..5 {
        let quiet = 100 + 130 * round;
        stage.hear_steady(quiet - 99..=quiet);
        let bounds_ms: Vec<u64> = (0..=10)
            .map(|gaps| {
                let seq = quiet + 3 * gaps;
                let now_ms = u64::from(seq) * 1_000;
                if gaps > 0 {
                    stage.hear(now_ms, &beat(seq));
                }
                bound_ms(&stage.state(now_ms))
            })
            .collect();
        assert_eq!(bounds_ms[0], 3_010, "before the burst: {bounds_ms:?}");
        assert_eq!(bounds_ms[10], 4_510, "half as much again: {bounds_ms:?}");
        assert!(bounds_ms.is_sorted(), "{bounds_ms:?}");
        if round == 0 {
            assert_eq!(bounds_ms[1], 3_010, "one gap is no burst: {bounds_ms:?}");
        }
    }
}

#[test]
fn the_frame_asks_for_the_misses_and_the_collector_has_the_last_word() {
    let bound_ms = |config: Config, misses: u8| {
        let line = Stage::new(config).hear(0, &Frame { misses, ..beat(1) }).remove(0);
        line.bound.expect("silence leads to down").as_millis()
    };
    assert_eq!(
        bound_ms(Config::default(), 0),
        3_500,
        "three unless told otherwise"
    );
    assert_eq!(
        bound_ms(
            Config {
                misses: 5,
                ..Config::default()
            },
            0
        ),
        5_500
    );
    assert_eq!(
        bound_ms(
            Config {
                misses: 5,
                ..Config::default()
            },
            2
        ),
        2_500
    );
    assert_eq!(bound_ms(Config::default(), 1), 1_500);
    assert_eq!(bound_ms(Config::default(), 255), 255_500);
    assert_eq!(
        bound_ms(
            Config {
                misses_override: Some(4),
                ..Config::default()
            },
            2
        ),
        4_500
    );
}

#[test]
fn with_one_miss_late_and_down_are_told_together_and_in_order() {
    let mut stage = Stage::default();
    stage.hear(0, &Frame { misses: 1, ..beat(1) });
    assert_eq!(
        gists(&stage.wait_until(9_000)),
        [(1_500, "late", "silent"), (1_500, "down", "silent")]
    );
}

#[test]
fn a_fixed_margin_is_added_as_it_is() {
    let margin = Margin::Fixed(Duration::from_millis(120));
    let mut stage = Stage::new(Config {
        margin,
        ..Config::default()
    });
    stage.hear_steady(1..=3);
    assert_eq!(
        gists(&stage.wait_until(9_000)),
        [(4_120, "late", "silent"), (6_120, "down", "silent")]
    );
}

#[test]
fn the_promise_sets_the_deadline_and_not_the_interval() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=50);
    stage.hear(
        51_000,
        &Frame {
            next_ms: 20_000,
            ..beat(51)
        },
    );
    assert_eq!(
        gists(&stage.wait_until(99_000)),
        [(71_010, "late", "silent"), (73_010, "down", "silent")]
    );
}

/// A beat that arrived in time is on time, even where the collector was too busy to look at the deadline.
#[test]
fn what_arrived_before_the_deadline_was_judged_counts() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=50);
    let mut bytes = [0; FRAME_LEN];
    beat(51).emit(None, &mut bytes);
    stage.tracker.on_datagram(at(51_900), home(), &bytes);
    assert_eq!(gists(&stage.wait_until(52_000)), []);
}

/// A deadline need not be a whole millisecond of the collector's clock, nor need the calls come at one.
#[test]
fn nothing_is_told_before_its_deadline_nor_10_ms_after_it() {
    let mut random = Random::new(9);
    for _ in 0..1_000 {
        let arrival = Moment::from_nanos(random.within(1..1 << 50));
        let mut tracker = Tracker::new(Config::default());
        let mut bytes = [0; FRAME_LEN];
        Frame { misses: 1, ..beat(1) }.emit(None, &mut bytes);
        tracker.on_datagram(arrival, home(), &bytes);
        assert!(tracker.poll_event().is_some());
        let deadline = arrival + Duration::from_millis(1_500);
        let before = Moment::from_nanos(deadline.as_nanos() - 1);
        tracker.on_time(before);
        assert_eq!(tracker.poll_event(), None, "told before {deadline:?}");
        tracker.on_time(deadline + Duration::from_millis(10));
        let down = std::iter::from_fn(|| tracker.poll_event()).count();
        assert_eq!(down, 2, "late and down, 10 ms after {deadline:?}");
    }
}

#[test]
fn a_source_that_was_down_long_enough_is_forgotten_and_new_when_it_comes_again() {
    let mut stage = Stage::new(Config {
        forget: Duration::from_secs(60),
        ..Config::default()
    });
    stage.hear(0, &beat(1));
    let lines = stage.wait_until(200_000);
    assert_eq!(
        gists(&lines),
        [
            (1_500, "late", "silent"),
            (3_500, "down", "silent"),
            (63_500, "forgotten", "-")
        ]
    );
    assert_eq!(
        (lines[2].was, lines[2].state, lines[2].bound),
        ("down", "unknown", None)
    );
    let again = stage.hear(300_000, &beat(300));
    assert_eq!(gists(&again), [(300_000, "up", "new")]);
    assert_eq!(
        (again[0].received, again[0].lost),
        (1, 0),
        "its counters begin anew"
    );
}
