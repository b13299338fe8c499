use super::*;

const INTERVAL_MS: u32 = 1_000;

fn at(ms: u64) -> Moment {
    Moment::ORIGIN.after_ms(ms)
}

/// One tracker's sources: what happens to each, and what that tells.
struct Part(Falls);

impl Part {
    /// Sources 0 to `count`, all up.
    fn of(fleet: &Fleet, count: u32) -> Self {
        let mut part = Self(Falls::new(fleet.clone()));
        for source in 0..count {
            assert_eq!(part.change(source, State::Unknown, State::Up, 0), None);
        }
        part
    }

    fn change(&mut self, source: u32, was: State, is: State, ms: u64) -> Option<What> {
        let change = Change {
            was,
            is,
            interval_ms: INTERVAL_MS,
        };
        self.on_time(ms);
        let told = self.0.change(SourceId(source), change, at(ms));
        told.map(|event| event.what)
    }

    fn on_time(&mut self, ms: u64) -> Option<What> {
        self.0.on_time(at(ms)).map(|event| event.what)
    }

    fn falls(&mut self, source: u32, ms: u64) -> Option<What> {
        self.change(source, State::Up, State::Late, ms)
    }

    fn dies(&mut self, source: u32, ms: u64) -> Option<What> {
        self.change(source, State::Late, State::Down, ms)
    }

    fn all_fall(&mut self, sources: std::ops::Range<u32>, ms: u64) -> Vec<What> {
        sources.filter_map(|source| self.falls(source, ms)).collect()
    }
}

fn loss(count: u64, total: u64) -> What {
    What::MassLoss(Mass { count, total })
}

fn over(count: u64, total: u64) -> What {
    What::MassOver(Mass { count, total })
}

fn fleet_of(count: u32) -> Part {
    Part::of(&Fleet::default(), count)
}

#[test]
fn half_of_ten_within_an_interval_are_a_loss_and_one_line() {
    let mut part = fleet_of(10);
    assert_eq!(part.all_fall(0..4, 100), []);
    assert_eq!(part.falls(4, 1_099), Some(loss(5, 10)));
    assert!(part.0.is_mass());
    assert_eq!(part.all_fall(5..10, 1_100), []);
}

#[test]
fn fewer_than_ten_or_fewer_than_half_are_none() {
    assert_eq!(fleet_of(9).all_fall(0..9, 100), []);
    assert_eq!(fleet_of(21).all_fall(0..10, 100), []);
}

#[test]
fn a_fall_counts_for_one_interval_or_until_the_source_is_back() {
    let mut part = fleet_of(10);
    assert_eq!(part.all_fall(0..4, 100), []);
    assert_eq!(part.falls(4, 1_100), None, "the four fell an interval ago");
    assert_eq!(part.all_fall(5..8, 1_200), []);
    assert_eq!(part.change(5, State::Late, State::Up, 1_300), None);
    assert_eq!(part.falls(8, 1_300), None, "one of the five is back");
    assert_eq!(part.falls(9, 1_300), Some(loss(5, 10)));
}

/// With a multiplier of one it is down as soon as it is late.
#[test]
fn a_source_that_is_down_still_counts_and_a_goodbye_does_not() {
    let mut part = fleet_of(11);
    for source in 0..4 {
        assert_eq!(part.falls(source, 100), None);
        assert_eq!(part.dies(source, 100), None);
    }
    assert_eq!(part.change(9, State::Up, State::Stopped, 200), None);
    assert_eq!(part.falls(4, 200), Some(loss(5, 10)));
}

/// Those that were down before are not live, and none that could be lost.
#[test]
fn the_dead_of_before_do_not_count() {
    let mut part = fleet_of(30);
    for source in 0..20 {
        let ms = u64::from(source) * 2_000;
        assert_eq!(part.falls(source, ms), None);
        assert_eq!(part.dies(source, ms + 1_500), None);
    }
    assert_eq!(part.all_fall(20..24, 50_000), []);
    assert_eq!(part.falls(24, 50_000), Some(loss(5, 10)));
}

#[test]
fn it_is_over_below_half_and_begins_anew_only_with_another_half() {
    let mut part = fleet_of(20);
    assert_eq!(part.all_fall(0..12, 100), [loss(10, 20)]);
    for source in 0..2 {
        assert_eq!(part.change(source, State::Late, State::Up, 5_000), None);
    }
    assert_eq!(part.change(2, State::Late, State::Up, 5_000), Some(over(9, 20)));
    assert!(!part.0.is_mass());
    assert_eq!(part.falls(2, 5_100), None, "the nine have been told of");
    assert_eq!(part.change(2, State::Late, State::Up, 5_200), None);
    assert_eq!(part.all_fall(12..20, 5_300), []);
    assert_eq!(part.all_fall(0..2, 5_300), [loss(10, 20)]);
}

#[test]
fn a_fleet_that_stays_dead_is_a_loss_for_ten_minutes() {
    let mut part = fleet_of(20);
    part.all_fall(0..20, 100);
    for source in 0..20 {
        assert_eq!(part.dies(source, 2_100), None);
    }
    assert_eq!(part.0.next(), Some(at(600_100)));
    assert_eq!(part.on_time(600_099), None);
    assert_eq!(part.on_time(600_100), Some(over(20, 20)));
    assert_eq!((part.0.next(), part.0.is_mass()), (None, false));
    assert!(part.0.own.fallen.is_empty());
    // Those that come back are as live as ever.
    for source in 0..20 {
        assert_eq!(part.change(source, State::Down, State::Up, 700_000), None);
    }
    assert_eq!(part.all_fall(0..20, 700_000), [loss(10, 20)]);
}

/// The operator has taken the site down for good.
#[test]
fn a_loss_of_which_nobody_is_left_is_over() {
    let mut part = fleet_of(12);
    assert_eq!(part.all_fall(0..12, 100), [loss(6, 12)]);
    for source in 0..12 {
        assert_eq!(part.dies(source, 2_100), None);
    }
    for source in 0..11 {
        assert_eq!(part.change(source, State::Down, State::Unknown, 9_000), None);
    }
    assert_eq!(
        part.change(11, State::Down, State::Unknown, 9_000),
        Some(over(0, 0))
    );
    assert_eq!((part.0.next(), part.0.is_mass()), (None, false));
}

#[test]
fn nothing_is_kept_of_a_fleet_that_is_well() {
    let mut part = fleet_of(1_000);
    assert_eq!(part.all_fall(0..400, 100), []);
    assert_eq!(part.0.next(), Some(at(1_100)));
    part.on_time(1_100);
    assert!(part.0.own.fallen.is_empty() && part.0.own.fresh.is_empty());
    assert_eq!(part.0.next(), None);
}

/// Two trackers: what one sees begin, the other may see end.
#[test]
fn the_sources_of_all_trackers_count_together() {
    let fleet = Fleet::default();
    let (mut left, mut right) = (Part::of(&fleet, 10), Part::of(&fleet, 10));
    assert_eq!(left.all_fall(0..6, 100), []);
    assert_eq!(right.all_fall(0..4, 100), [loss(10, 20)]);
    assert!(left.0.is_mass());
    assert_eq!(left.all_fall(6..10, 2_000), [], "they fall during the loss");
    for source in 0..4 {
        assert_eq!(left.change(source, State::Late, State::Up, 3_000), None);
    }
    assert_eq!(left.change(4, State::Late, State::Up, 3_000), Some(over(9, 20)));
    assert_eq!(right.on_time(600_100), None, "it was over long before");
    assert_eq!((right.0.next(), right.0.own.fallen.len()), (None, 0));
    // Its own four are live and told of; they come back without being counted out twice.
    for source in 0..4 {
        assert_eq!(right.change(source, State::Late, State::Up, 700_000), None);
    }
    assert_eq!(right.all_fall(0..9, 700_000), []);
    assert_eq!(right.falls(9, 700_000), Some(loss(10, 20)));
}

/// What one tells may be judged by a clock that is behind that of the other.
#[test]
fn each_line_is_later_than_the_one_before_it_whoever_tells_it() {
    let fleet = Fleet::default();
    let (mut left, mut right) = (Part::of(&fleet, 10), Part::of(&fleet, 10));
    left.all_fall(0..9, 200);
    let change = |was, is| Change {
        was,
        is,
        interval_ms: INTERVAL_MS,
    };
    let (falls, comes) = (change(State::Up, State::Late), change(State::Late, State::Up));
    let loss = left.0.change(SourceId(9), falls, at(200)).unwrap();
    let over = right
        .0
        .change(SourceId(10), change(State::Unknown, State::Up), at(199))
        .unwrap();
    assert_eq!((loss.what, over.what), (self::loss(10, 20), self::over(10, 21)));
    assert!(
        loss.at == at(200) && over.at > loss.at,
        "{:?} {:?}",
        loss.at,
        over.at
    );
    assert_eq!(left.0.change(SourceId(9), comes, at(300)), None);
}
