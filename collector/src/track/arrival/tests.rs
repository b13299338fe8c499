use super::*;

use std::time::Duration;

const INTERVAL_MS: u32 = 1_000;

/// What a beat with this offset says where every beat promises the next one an interval later.
fn schedule(offset_us: i64, interval_ms: u32) -> Schedule {
    Schedule {
        offset_us,
        next_us: u64::from(interval_ms) * 1_000,
        interval_ms,
    }
}

/// What lies between two beats of a thousand that were sent an interval apart and arrived with these offsets.
fn spacing(offsets_us: [i64; 2], interval_ms: u32) -> Spacing {
    let schedule = schedule(offsets_us[0], interval_ms);
    let later_us = offsets_us[1].wrapping_sub(offsets_us[0]);
    Spacing {
        schedule,
        margin: Margin::Auto,
        sent_us: schedule.next_us,
        arrived_us: u64::try_from(schedule.next_us as i128 + i128::from(later_us)).unwrap_or(0),
        is_next: true,
        is_awaited: true,
        beats: 1_000,
    }
}

fn observe(arrivals: &mut Arrivals, offsets_us: [i64; 2]) {
    let spacing = spacing(offsets_us, INTERVAL_MS);
    arrivals.observe(offsets_us[1], spacing, INTERVAL_MS);
}

fn after(offsets_us: impl IntoIterator<Item = i64>) -> Arrivals {
    let mut offsets = offsets_us.into_iter();
    let mut last_us = offsets.next().unwrap();
    let mut arrivals = Arrivals::new(last_us, INTERVAL_MS);
    for offset_us in offsets {
        observe(&mut arrivals, [last_us, offset_us]);
        last_us = offset_us;
    }
    arrivals
}

fn margin_us(arrivals: &Arrivals) -> u64 {
    arrivals.margin_us(Margin::Auto, INTERVAL_MS)
}

fn awaited(arrivals: &Arrivals, offset_us: i64) -> Awaited {
    arrivals.awaited(schedule(offset_us, INTERVAL_MS), Margin::Auto)
}

#[test]
fn the_margin_begins_at_half_an_interval_and_follows_the_spread() {
    let down_us = |arrivals: &Arrivals| arrivals.patience_us(0, schedule(0, INTERVAL_MS), Margin::Auto);
    assert_eq!(margin_us(&after([0])), 500_000);
    assert_eq!(down_us(&after([0])), 500_000);
    let quiet = after((0..200).map(|beat| beat % 2 * 100));
    assert_eq!((margin_us(&quiet), down_us(&quiet)), (10_000, 10_000));
    let noisy = after((0..200).map(|beat| beat % 2 * 100_000));
    // The centre follows by an eighth of each step of 100 ms, and so keeps 100 / (2 - 1/8) ms away.
    assert!(
        (210_000..215_000).contains(&margin_us(&noisy)),
        "four times 53.3 ms, not {} us",
        margin_us(&noisy)
    );
    let beyond_us =
        |waited_us| noisy.patience_us(waited_us, schedule(0, INTERVAL_MS), Margin::Auto) - waited_us;
    let is_a_little_more = |than_us, time_us| (than_us..than_us + 2_000).contains(&time_us);
    assert!(
        is_a_little_more(margin_us(&noisy), beyond_us(0)),
        "never down before late"
    );
    assert!(
        is_a_little_more(margin_us(&noisy) / 2, beyond_us(1_000_000)),
        "half of the margin"
    );
    let wild = after((0..200).map(|beat| beat % 2 * 5_000_000));
    assert_eq!(margin_us(&wild), 500_000);
    let fixed = Margin::Fixed(Duration::ZERO);
    assert_eq!(wild.margin_us(fixed, INTERVAL_MS), 0);
    let intervals_us = wild.patience_us(2_000_000, schedule(0, INTERVAL_MS), fixed);
    assert!((2_000_000..=3_500_000).contains(&intervals_us));
}

#[test]
fn a_single_late_beat_does_not_move_the_typical_offset() {
    let arrivals = after((0..100).map(|beat| if beat == 99 { 900_000 } else { 1_000 }));
    let Awaited {
        slot_us, expected_us, ..
    } = awaited(&arrivals, 900_000);
    assert!(
        (101_000..=101_500).contains(&slot_us),
        "on the sender's schedule, not {slot_us}"
    );
    assert_eq!(slot_us, expected_us, "lateness is not taken to last");
}

/// Whatever a beat's delay, the next one is expected on the sender's schedule and after it.
#[test]
fn after_a_late_beat_the_next_slot_is_expected() {
    let arrivals = after([0; 100]);
    for (delay_us, slot_us) in [
        (0, 1_000_000),
        (300_000, 700_000),
        (1_000_000, 0),
        (1_000_001, 999_999),
        (2_600_000, 400_000),
        (8_000_000, 0),
    ] {
        assert_eq!(awaited(&arrivals, delay_us).slot_us, slot_us, "{delay_us}");
    }
}

#[test]
fn a_burst_out_of_a_queue_does_not_move_it_either() {
    let mut arrivals = after([0; 100]);
    for beat in (0..15).rev() {
        let queued = Spacing {
            arrived_us: 50,
            ..spacing([0, 0], INTERVAL_MS)
        };
        arrivals.observe(beat * 1_000_000, queued, INTERVAL_MS);
    }
    assert_eq!(awaited(&arrivals, 0).slot_us, 1_000_000);
}

#[test]
fn a_step_is_followed_by_the_fourth_beat() {
    for step_us in [50_000, -50_000, 86_400_000_000, -86_400_000_000, i64::MIN] {
        let mut arrivals = after([0; 100]);
        observe(&mut arrivals, [0, step_us]);
        (1..4).for_each(|_| observe(&mut arrivals, [step_us, step_us]));
        assert_eq!(awaited(&arrivals, step_us).slot_us, 1_000_000, "{step_us}");
    }
}

/// Of four outliers in a row the nearest is where the offset is now.
#[test]
fn a_step_is_followed_to_the_nearest_outlier() {
    for base_us in [0, i64::from(u32::MAX) - 50_000, i64::MAX - 50_000] {
        let mut arrivals = after([base_us; 100]);
        let outliers_us = [130_000, 110_000, 120_000, 140_000].map(|step| base_us.wrapping_add(step));
        outliers_us
            .iter()
            .for_each(|&offset_us| observe(&mut arrivals, [base_us, offset_us]));
        assert_eq!(arrivals.typical_us(), outliers_us[1]);
    }
}

#[test]
fn an_estimate_that_is_too_high_hides_a_death_for_no_longer_than_the_margin() {
    let arrivals = after([3_600_000_000; 100]);
    assert_eq!(awaited(&arrivals, 0).expected_us, 1_010_000);
}

#[test]
fn drift_of_200_ppm_is_followed_at_any_interval() {
    for interval_ms in [10, 1_000, 3_600_000] {
        let drift_us = i64::from(interval_ms) / 5;
        let mut arrivals = Arrivals::new(0, interval_ms);
        for beat in 1..20_000 {
            let offsets_us = [beat - 1, beat].map(|beat| beat * drift_us);
            let spacing = spacing(offsets_us, interval_ms);
            let awaited = arrivals.awaited(spacing.schedule, Margin::Auto);
            assert!(spacing.arrived_us <= awaited.expected_us + awaited.margin_us);
            arrivals.observe(offsets_us[1], spacing, interval_ms);
        }
    }
}

#[test]
fn no_sequence_of_offsets_overflows() {
    let extremes = [0, i64::MAX, i64::MIN, -1, 1, i64::MIN / 2];
    let mut arrivals = Arrivals::new(i64::MIN, 1 << 31);
    for round in 0..1_000 {
        let interval_ms = if round % 3 == 0 { 10 } else { 1 << 31 };
        let interval_us = u64::from(interval_ms) * 1_000;
        let offsets_us = [round, round + 1].map(|round| extremes[round % extremes.len()]);
        let spacing = Spacing {
            arrived_us: [0, u64::MAX, interval_us][round % 3],
            sent_us: [u64::MAX, 0, interval_us][round % 3],
            beats: round as u64 + 2,
            ..spacing(offsets_us, interval_ms)
        };
        arrivals.observe(offsets_us[1], spacing, interval_ms);
        let schedule = schedule(offsets_us[1], interval_ms);
        let awaited = arrivals.awaited(schedule, Margin::Auto);
        assert!(awaited.slot_us <= interval_us + awaited.margin_us);
        assert!(awaited.expected_us <= awaited.slot_us + interval_us);
        let most_us = awaited.margin_us + 254 * interval_us + 255 * interval_us / 2;
        assert!(arrivals.patience_us(254 * interval_us, schedule, Margin::Auto) <= most_us);
    }
}
