//! The golden sequences of the standards that the counters follow, through the tracker and its reports: 1 s beats,
//! worked by hand (docs/protocol.md, section 10).

use std::time::Duration;

use beacon_collector::track::config::Config;
use beacon_collector::track::event::SourceId;
use beacon_common::Frame;
use beacon_tests::line::Line;
use beacon_tests::stage::{Stage, at, beat, in_session};

/// A collector that reports every minute, and has heard nothing yet.
fn reporting() -> Stage {
    let mut stage = Stage::new(Config {
        report: Some(Duration::from_mins(1)),
        ..Config::default()
    });
    assert_eq!(stage.wait_until(0), []);
    stage
}

/// The report at this minute.
fn report(stage: &mut Stage, minute: u64) -> Line {
    stage.wait_until(minute * 60_000);
    stage.polled().remove(0)
}

/// What is told of numbers that arrive in this order, one a second where none is lost, right before the report.
fn told_of(seqs: &[u32]) -> Line {
    let mut stage = reporting();
    let last = seqs.iter().max().expect("some arrive");
    let mut now_s = 0;
    for &seq in seqs {
        now_s = now_s.max(59 - last + seq);
        stage.hear(u64::from(now_s) * 1_000, &beat(seq));
    }
    report(&mut stage, 1)
}

fn value<'a>(line: &'a Line, key: &str) -> &'a str {
    let found = line.extra.iter().find(|(name, _)| *name == key);
    found
        .map(|(_, value)| value.as_str())
        .expect("a report has this key")
}

/// A session that is as long as can be: what was lost in it before the restart is no run of the report after it, and is
/// not gone through number by number.
#[test]
fn a_report_after_a_restart_tells_of_the_runs_since() {
    let mut before = reporting();
    before.hear(1_000, &beat(1));
    let last = u32::MAX - 10_000;
    for (second, seq) in (2..).zip(last..=last + 3) {
        before.hear(second * 1_000, &beat(seq));
    }
    let mut stage = reporting();
    for record in before.tracker.portion(SourceId::FIRST, Vec::new()).records {
        assert_eq!(stage.tracker.restore(record, at(5_000)), Ok(()));
    }
    for seq in [last + 4, last + 6] {
        stage.hear(59_000, &beat(seq));
    }
    let line = report(&mut stage, 1);
    let told = [value(&line, "loss_run_max"), value(&line, "loss_runs")];
    assert_eq!((line.lost, told), (1, ["1", "[1, 0, 0, 0, 0, 0]"]), "{line:#?}");
}

/// RFC 4737, section 9: the tables of examples, with how many are reordered and the greatest extent.
#[test]
fn reordering_and_its_extent_are_those_of_rfc_4737() {
    for (order, reordered, extent) in [
        (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10][..], 0, "0"),
        (&[1, 2, 3, 5, 6, 7, 8, 4, 9, 10], 1, "4"),
        (&[1, 2, 3, 4, 7, 5, 6, 8, 9, 10], 2, "2"),
        (&[1, 2, 3, 7, 8, 9, 10, 4, 5, 6, 11], 3, "6"),
        (&[1, 2, 5, 3, 4, 6], 2, "2"),
    ] {
        let line = told_of(order);
        assert_eq!((line.reordered, line.lost), (reordered, 0), "{order:?}");
        assert_eq!(line.received, order.len() as i128, "{order:?}");
        assert_eq!(value(&line, "reorder_extent_max"), extent, "{order:?}");
    }
}

/// RFC 5560: of a beat that comes three times one is received and two are duplicates, wherever they come, and none is
/// reordered for that.
#[test]
fn duplicates_are_those_of_rfc_5560() {
    let line = told_of(&[1, 2, 2, 3, 3, 2, 4]);
    assert_eq!(
        (line.received, line.duplicate, line.reordered, line.lost),
        (4, 3, 0, 0)
    );
    assert_eq!(value(&line, "reorder_extent_max"), "0");
}

/// RFC 2680: a beat is lost when it has not come within the waiting time that is stated, here two slots: 59 is not
/// lost at 60 s, when slot 60 is due, but at 61 s.
#[test]
fn loss_has_the_waiting_time_of_rfc_2680() {
    let mut stage = reporting();
    stage.hear_steady(1..=58);
    let first = report(&mut stage, 1);
    assert_eq!((first.lost, value(&first, "loss_run_max")), (0, "0"));
    stage.hear(60_100, &beat(60));
    stage.hear(61_100, &beat(61));
    let second = report(&mut stage, 2);
    assert_eq!(second.lost, 2, "59, and 62 after the last");
    assert_eq!(
        value(&second, "loss_runs"),
        "[1, 0, 0, 0, 0, 0]",
        "what is after the last is in no run"
    );
}

/// RFC 3550, A.8: offsets 0, 16 ms, 16 ms, 0. J is 16000 / 16; then less a sixteenth, rounded; and so on, in
/// sixteenths of a microsecond: 16000; 16000 - 1000 = 15000; 15000 - 938 + 16000 = 30062, which is 1878 us.
#[test]
fn jitter_is_that_of_rfc_3550() {
    let mut stage = reporting();
    for (seq, delay_ms) in [(1, 0), (2, 16), (3, 16), (4, 0)] {
        stage.hear(u64::from(seq) * 1_000 + delay_ms, &beat(seq));
    }
    assert_eq!(value(&report(&mut stage, 1), "jitter_us"), "1878");
}

/// RFC 3357: 2, 4-5, 7-9, 11-15, 17-28 and 30-49 are lost.
#[test]
fn loss_runs_are_the_loss_periods_of_rfc_3357() {
    let line = told_of(&[1, 3, 6, 10, 16, 29, 50]);
    assert_eq!((line.received, value(&line, "loss_run_max")), (7, "20"));
    assert_eq!(value(&line, "loss_runs"), "[1, 1, 1, 1, 1, 1]");
}

#[test]
fn a_run_is_told_once_and_a_beat_that_comes_later_takes_back_its_loss_alone() {
    let mut stage = reporting();
    stage.hear_steady(1..=50);
    stage.hear(54_000, &beat(54));
    let first = report(&mut stage, 1);
    assert_eq!(
        (first.lost, value(&first, "loss_runs")),
        (4, "[0, 0, 1, 0, 0, 0]"),
        "51 to 53, and 55"
    );
    stage.hear(60_500, &beat(52));
    let second = report(&mut stage, 2);
    assert_eq!(
        (second.lost, value(&second, "loss_runs")),
        (-1, "[0, 0, 0, 0, 0, 0]")
    );
    assert_eq!(value(&second, "reorder_extent_max"), "1");
}

#[test]
fn a_session_that_ends_settles_its_runs() {
    let mut stage = reporting();
    stage.hear_steady(1..=10);
    stage.hear(13_000, &beat(13));
    stage.hear(13_100, &in_session(13, beat(3)));
    let line = report(&mut stage, 1);
    assert_eq!(
        value(&line, "loss_runs"),
        "[0, 2, 0, 0, 0, 0]",
        "11 and 12, then 1 and 2"
    );
}

/// RFC 5481, PDV: one beat in ten is 40 ms later than the others, which are as fast as can be.
#[test]
fn delay_variation_is_that_of_rfc_5481() {
    let mut stage = reporting();
    for seq in 1..=50 {
        let delay_ms = 5 + if seq % 10 == 0 { 40 } else { 0 };
        stage.hear(u64::from(seq) * 1_000 + delay_ms, &beat(seq));
    }
    assert_eq!(value(&report(&mut stage, 1), "delays_us"), "Some([7, 40000])");
    assert_eq!(value(&report(&mut stage, 2), "delays_us"), "None", "no beat came");
    let renewed = |seq, sent_us| in_session(150, Frame { sent_us, ..beat(seq) });
    stage.hear(150_000, &renewed(1, 0));
    stage.hear(151_001, &renewed(2, 1_000_000));
    let line = report(&mut stage, 3);
    assert_eq!(
        value(&line, "delays_us"),
        "Some([7, 1000])",
        "by the new session's own clock"
    );
}
