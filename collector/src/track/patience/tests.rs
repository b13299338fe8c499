use super::*;

/// One false alarm in 1,000 s, and no more than 20 misses; beats come each second, and the source asks for 3.
const ALLOWANCE: Allowance = Allowance {
    period_us: 1_000_000_000,
    misses_max: 20,
};

const ASKED: u8 = 3;

/// Hears so many silences of a second, each `every`th of which needed `needed`.
fn hear(patience: &mut Patience, silences: u32, (every, needed): (u32, u64)) {
    for silence in 1..=silences {
        let needed = if silence % every == 0 { needed } else { 1 };
        patience.take(1_000_000, needed, ASKED, ALLOWANCE);
    }
}

fn after(silences: u32, rare: (u32, u64)) -> Patience {
    let mut patience = Patience::new(ALLOWANCE);
    hear(&mut patience, silences, rare);
    patience
}

const NEVER: (u32, u64) = (u32::MAX, 1);

#[test]
fn as_long_as_too_little_is_known_patience_is_the_greatest() {
    let patience = after(127, NEVER);
    assert_eq!(
        (patience.misses(ASKED), patience.is_learning()),
        (20, true),
        "the last choice was at 64 s"
    );
    let patience = after(128, NEVER);
    assert!(
        !patience.is_learning(),
        "a tenth of the period, at the next choice"
    );
}

/// Nothing was seen: in 128 s one may have been just missed, and each further miss is as likely as not. Three quarters
/// of one in 1,000 s are 0.096 in 128 s: 256/256, halved four times and rounded, is no more than that.
#[test]
fn where_nothing_was_seen_each_further_miss_halves_what_is_expected() {
    let patience = [128, 256, 512, 960, 1_344].map(|silences| after(silences, NEVER).misses(ASKED));
    assert_eq!(patience, [5, 4, 3, 3, 3]);
}

#[test]
fn the_smallest_multiplier_is_chosen_that_keeps_the_rate() {
    let seldom = after(16_000, (2_000, 7));
    assert_eq!(seldom.misses(ASKED), 3, "one in 2,000 s is allowed");
    let often = after(16_000, (500, 7));
    assert_eq!(often.misses(ASKED), 7, "one in 500 s is not");
    assert!(!often.is_learning());
}

#[test]
fn what_the_source_asks_for_is_the_least_and_more_than_is_allowed_stays() {
    assert_eq!(after(16_000, NEVER).misses(9), 9);
    let mut patience = Patience::new(ALLOWANCE);
    patience.take(1_000_000, 1, 40, ALLOWANCE);
    (0..200).for_each(|_| patience.take(1_000_000, 30, 40, ALLOWANCE));
    assert_eq!((patience.misses(40), patience.is_learning()), (40, true));
}

#[test]
fn an_outage_that_nothing_bridges_is_no_false_alarm() {
    assert_eq!(after(16_000, (100, 21)).misses(ASKED), 3);
    assert_eq!(after(16_000, (100, 20)).misses(ASKED), 20);
}

#[test]
fn the_choice_follows_a_change_for_the_worse_at_once_and_for_the_better_as_the_history_fades() {
    let mut patience = after(8_000, NEVER);
    let mut taken = 0;
    while patience.misses(ASKED) < 6 {
        patience.take(1_000_000, 6, ASKED, ALLOWANCE);
        taken += 1;
    }
    assert!((4..=8).contains(&taken), "{taken} in 8,000 s");
    hear(&mut patience, 30_000, NEVER);
    assert_eq!(patience.misses(ASKED), 3);
}

/// One too many raises the multiplier; a quarter fewer lowers it: between them it stays.
#[test]
fn between_the_two_thresholds_the_multiplier_stays() {
    let mut patience = after(6_400, NEVER);
    assert_eq!(patience.misses(ASKED), 3);
    for expected in [3, 3, 3, 3, 3, 3, 5] {
        patience.take(1_000_000, 5, ASKED, ALLOWANCE);
        assert_eq!(patience.misses(ASKED), expected, "{:?}", patience.expected());
    }
    hear(&mut patience, 640, NEVER);
    assert_eq!(
        patience.misses(ASKED),
        5,
        "seven in 7,046 s would do for one that is in force"
    );
}

/// Each further miss is needed half as often. The history is a fifth of what the budget has for one false alarm.
#[test]
fn a_tail_that_was_not_seen_is_drawn_on() {
    let allowance = Allowance {
        period_us: 80_000_000_000,
        ..ALLOWANCE
    };
    let mut patience = Patience::new(allowance);
    for silence in 1..=16_384_u64 {
        let needed = 1 + u64::from(silence.trailing_zeros());
        patience.take(1_000_000, needed, ASKED, allowance);
    }
    // 16,384 silences needed more than M 2^(14 - M) times. A fifth of a mistake is allowed for them: with 17, an eighth.
    assert_eq!(patience.misses(ASKED), 17);
}

#[test]
fn no_numbers_overflow() {
    let allowance = Allowance {
        period_us: u64::MAX / 16,
        misses_max: MOST_MISSES,
    };
    let mut patience = Patience::new(allowance);
    for needed in 0..100_000_u64 {
        patience.take(u64::MAX / 4_096, needed % 70, 1, allowance);
        assert!((1..=MOST_MISSES).contains(&patience.misses(1)));
    }
}
