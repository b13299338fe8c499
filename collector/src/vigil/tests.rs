use super::*;
use crate::clock::Reading;

const DAY: i64 = 86_400_000;

/// So long after boot, in milliseconds, with the wall clock set forward and the machine suspended for so long in all.
fn sight(ms: u64, set_ms: i64, suspended_ms: u64) -> Sight {
    const BOOTED_NANOS: u64 = 1_700_000_000_000_000_000;
    let wall_ms = ms.checked_add_signed(set_ms + DAY * 10).unwrap();
    Sight {
        clock: Reading {
            now: at(ms),
            wall_nanos: BOOTED_NANOS + wall_ms * 1_000_000,
        },
        awake: at(ms - suspended_ms),
    }
}

fn at(ms: u64) -> Moment {
    Moment::ORIGIN.after_ms(ms)
}

/// A vigil since 1,000 ms, with three drops.
fn vigil() -> Vigil {
    let mut vigil = Vigil::new(sight(0, 0, 0));
    let waiting = Waiting {
        drops: 3,
        ..Waiting::default()
    };
    assert_eq!(vigil.look(sight(1_000, 0, 0), waiting), None);
    vigil
}

fn waiting(due: Option<u64>, oldest: Option<u64>) -> Waiting {
    Waiting {
        due: due.map(at),
        oldest: oldest.map(at),
        drops: 3,
    }
}

fn stalled(from: u64, until: u64) -> Option<Blind> {
    Some(Blind {
        from: at(from),
        until: at(until),
        blind: at(until).since(at(from)),
        cause: Cause::Stalled,
    })
}

#[test]
fn a_loop_that_waits_for_nothing_is_not_blind() {
    assert_eq!(vigil().look(sight(90_000, 0, 0), waiting(None, None)), None);
    assert_eq!(
        vigil().look(sight(90_000, 0, 0), waiting(Some(90_000), Some(89_990))),
        None
    );
    assert_eq!(
        vigil().look(sight(90_000, 0, 0), waiting(Some(95_000), None)),
        None
    );
}

#[test]
fn what_waited_longest_tells_when_the_loop_stood() {
    let now = sight(31_000, 0, 0);
    assert_eq!(
        vigil().look(now, waiting(Some(2_000), None)),
        stalled(2_000, 31_000)
    );
    assert_eq!(
        vigil().look(now, waiting(None, Some(1_500))),
        stalled(1_500, 31_000)
    );
    assert_eq!(
        vigil().look(now, waiting(Some(2_000), Some(1_500))),
        stalled(1_500, 31_000)
    );
    // It ran until 1,000, whatever was overdue then.
    assert_eq!(vigil().look(now, waiting(Some(0), None)), stalled(1_000, 31_000));
}

#[test]
fn a_short_stall_counts_only_where_datagrams_were_dropped() {
    let look = |ms, drops| {
        let waiting = Waiting {
            drops,
            ..waiting(Some(1_010), None)
        };
        vigil().look(sight(ms, 0, 0), waiting)
    };
    assert_eq!(look(2_009, 3), None);
    assert_eq!(look(2_010, 3), stalled(1_010, 2_010));
    assert_eq!(look(1_109, 4), None);
    assert_eq!(look(1_110, 4), stalled(1_010, 1_110));
}

#[test]
fn a_suspended_machine_is_noticed_even_where_nothing_waited() {
    let blind = |from, until, ms| {
        Some(Blind {
            from: at(from),
            until: at(until),
            blind: Duration::from_millis(ms),
            cause: Cause::Suspended,
        })
    };
    let look = |suspended, waiting| vigil().look(sight(9_000, 0, suspended), waiting);
    assert_eq!(look(99, waiting(None, None)), None);
    assert_eq!(look(100, waiting(None, None)), blind(1_000, 9_000, 100));
    assert_eq!(look(5_000, waiting(None, None)), blind(1_000, 9_000, 5_000));
    // Woken before its processes were let go on.
    assert_eq!(
        look(5_000, waiting(Some(3_000), None)),
        blind(1_000, 9_000, 6_000)
    );
}

/// A day forward or back: what was stamped before seems to have arrived long ago.
#[test]
fn a_step_of_the_wall_clock_is_no_stall() {
    for set_ms in [DAY, -DAY, 1_000, -1_000] {
        let now = sight(9_000, set_ms, 0);
        assert_eq!(vigil().look(now, waiting(None, Some(1_000))), None, "{set_ms}");
        assert_eq!(vigil().look(now, waiting(Some(9_000), None)), None, "{set_ms}");
        // A stall at the same time is still one.
        let both = waiting(Some(4_000), Some(1_000));
        assert_eq!(vigil().look(now, both), stalled(4_000, 9_000), "{set_ms}");
        let mut vigil = vigil();
        vigil.look(now, Waiting::default());
        let then = sight(19_000, set_ms, 0);
        assert_eq!(
            vigil.look(then, waiting(None, Some(12_000))),
            stalled(12_000, 19_000)
        );
    }
}

#[test]
fn steering_the_wall_clock_is_no_step() {
    let now = sight(101_000, 50, 0);
    assert_eq!(
        vigil().look(now, waiting(None, Some(4_000))),
        stalled(4_000, 101_000)
    );
}

#[test]
fn a_busy_loop_looks_once_a_second() {
    let mut vigil = vigil();
    let looks: Vec<u64> = (1_001..1_999).filter(|&ms| vigil.is_due(at(ms))).collect();
    assert_eq!(looks, Vec::<u64>::new());
    assert!(vigil.is_due(at(2_000)));
    let mut vigil = self::vigil();
    assert!(vigil.is_due(at(1_100)));
    // What it passes over is not taken for a stall.
    let mut vigil = self::vigil();
    assert!(!vigil.is_due(at(1_090)));
    assert_eq!(vigil.look(sight(2_080, 0, 0), waiting(Some(1_000), None)), None);
}
