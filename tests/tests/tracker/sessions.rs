//! Restarts, and whose frames count (docs/protocol.md, section 4).

use beacon_collector::track::event::SourceId;
use beacon_collector::track::reject::Reject;
use beacon_common::{Frame, Reason, Seq, Session};
use beacon_tests::stage::{Stage, at, beat, bye, gists, in_session};

#[test]
fn a_newer_session_takes_over_at_once() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    let restarted = stage.hear(
        10_300,
        &in_session(
            1,
            Frame {
                uptime_s: 6_000,
                ..beat(1)
            },
        ),
    );
    assert_eq!(gists(&restarted), [(10_300, "restarted", "process")]);
    assert_eq!((restarted[0].was, restarted[0].state), ("up", "up"));
    assert_eq!(restarted[0].seq, Seq::FIRST);
}

#[test]
fn a_session_of_the_same_second_is_newer_by_its_random_half() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    let later = Session::new(1_700_000_000, 8);
    assert_eq!(
        gists(&stage.hear(
            10_300,
            &Frame {
                session: later,
                ..beat(11)
            }
        ))[0]
            .1,
        "restarted"
    );
}

#[test]
fn a_restart_says_whether_the_device_rebooted_or_the_numbers_ran_out() {
    let cause_after = |last_seq: u32, uptime_s: u32| {
        let mut stage = Stage::default();
        let last = Seq::new(last_seq);
        stage.hear(0, &Frame { seq: last, ..beat(1) });
        stage
            .hear(300, &in_session(1, Frame { uptime_s, ..beat(1) }))
            .remove(0)
            .gist()
    };
    assert_eq!(cause_after(10, 6_000), ("restarted", "process"));
    assert_eq!(cause_after(10, 12), ("restarted", "reboot"));
    assert_eq!(cause_after(u32::MAX, 6_000), ("restarted", "renewed"));
    assert_eq!(cause_after(u32::MAX, 12), ("restarted", "reboot"));
}

#[test]
fn a_new_session_of_a_late_source_is_restarted_and_of_a_down_one_up() {
    for (ms, gist) in [
        (11_500, (11_500, "restarted", "process")),
        (60_000, (60_000, "up", "restart")),
    ] {
        let mut stage = Stage::default();
        stage.hear_steady(1..=10);
        let told = gists(&stage.hear(
            ms,
            &in_session(
                50,
                Frame {
                    uptime_s: 9_000,
                    ..beat(1)
                },
            ),
        ));
        assert_eq!(told.last(), Some(&gist));
    }
}

#[test]
fn an_older_session_is_refused_while_the_current_one_is_live() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=50);
    assert_eq!(stage.hear(50_500, &in_session(-5, beat(70))), []);
    assert_eq!(
        stage.hear(51_009, &in_session(-5, beat(70))),
        [],
        "1 ms before the late deadline"
    );
    assert_eq!(stage.rejected(), [(Reject::Session, 2)]);
    let state = stage.state(51_009);
    assert_eq!((state.seq.get(), state.received), (50, 50), "it changed nothing");
}

/// A device without a clock restarts in 1970.
#[test]
fn an_older_session_takes_over_once_the_current_one_is_late() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=50);
    let old = |seq| Frame {
        session: Session::new(12, 34),
        uptime_s: 3,
        ..beat(seq)
    };
    let told = gists(&stage.hear(51_010, &old(1)));
    assert_eq!(
        told,
        [(51_010, "late", "silent"), (51_010, "restarted", "reboot")]
    );
    assert_eq!(
        gists(&stage.hear(51_500, &beat(51)))[0].2,
        "process",
        "the newer one takes over again"
    );
}

#[test]
fn a_session_that_said_goodbye_for_good_is_not_live() {
    for reason in [Reason::Stop, Reason::Reboot, Reason::Upgrade] {
        let mut stage = Stage::default();
        stage.hear_steady(1..=10);
        stage.hear(10_400, &bye(11, reason, 0));
        let told = gists(&stage.hear(10_401, &in_session(-5, beat(1))));
        assert_eq!(told, [(10_401, "up", "restart")]);
    }
}

#[test]
fn a_device_that_says_it_sleeps_may_still_be_sending_in_an_older_session() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    stage.hear(10_400, &bye(11, Reason::Sleep, 3_600_000));
    assert_eq!(stage.hear(20_399, &in_session(-5, beat(1))), []);
    assert_eq!(stage.rejected(), [(Reject::Session, 1)]);
    let awake = stage.hear(20_400, &in_session(-5, beat(2)));
    assert_eq!(gists(&awake), [(20_400, "up", "awake")]);
}

#[test]
fn an_older_session_waits_no_longer_than_the_announced_sleep() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    let asleep = stage.hear(10_400, &bye(11, Reason::Sleep, 2_000));
    let late_at = 10_400 + asleep[0].bound.unwrap().as_millis() as u64 - 2_000;
    assert_eq!(stage.hear(late_at - 1, &in_session(-5, beat(1))), []);
    let told = gists(&stage.hear(late_at, &in_session(-5, beat(2))));
    assert_eq!(told.last(), Some(&(late_at, "restarted", "reboot")));
}

#[test]
fn a_straggler_of_the_session_before_does_not_come_back_to_life() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    stage.hear(10_300, &in_session(1, beat(1)));
    assert_eq!(stage.hear(10_400, &beat(11)), []);
    assert_eq!(stage.rejected(), [(Reject::Session, 1)]);
}

fn restarts(stage: &Stage, ms: u64) -> u32 {
    stage.tracker.survey(SourceId::FIRST, true, at(ms)).rows[0].restarts
}

#[test]
fn restarts_are_counted_but_not_the_first_session_nor_waking() {
    let mut stage = Stage::default();
    stage.hear_steady(1..=10);
    assert_eq!(restarts(&stage, 10_000), 0);
    stage.hear(10_300, &in_session(1, beat(1)));
    stage.hear(60_000, &in_session(50, beat(1)));
    stage.hear(60_100, &in_session(50, beat(2)));
    assert_eq!(
        restarts(&stage, 60_100),
        2,
        "one while it was up, one after it was down"
    );
    stage.hear(60_200, &in_session(50, bye(3, Reason::Sleep, 60_000)));
    assert_eq!(
        gists(&stage.hear(120_000, &in_session(110, beat(1)))),
        [(120_000, "up", "awake")]
    );
    assert_eq!(restarts(&stage, 120_000), 2);
    let (day_after, again) = (90_000_000, 90_000_100);
    stage.hear(day_after, &in_session(90_000, beat(1)));
    assert_eq!(restarts(&stage, day_after), 0, "it was forgotten meanwhile");
    stage.hear(again, &in_session(90_001, beat(1)));
    assert_eq!(restarts(&stage, again), 1);
}

/// A line of each is told only until the source flaps.
#[test]
fn restarts_are_counted_though_no_line_tells_them() {
    let mut stage = Stage::default();
    let lives = (0..10_u32).flat_map(|life| {
        let ms = u64::from(life) * 30_000;
        stage.hear(ms, &in_session(30 * life.cast_signed(), beat(1)))
    });
    let told = lives.filter(|line| line.cause == Some("restart")).count();
    assert!((1..9).contains(&told), "{told} told");
    assert_eq!(restarts(&stage, 300_000), 9);
}
