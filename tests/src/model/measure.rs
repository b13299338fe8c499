//! What a report measures, worked out anew from all that was ever received (docs/protocol.md, section 10).

use super::hearing::modulo_2_64;
use super::wheel::Log;

/// How far the last reports went.
#[derive(Clone, Debug, Default)]
pub(super) struct Reported {
    /// How many runs of lost numbers were told.
    runs: usize,
    /// How many arrivals there had been at each report.
    arrivals: Vec<usize>,
}

/// The further keys of a report, of all that came since the one before.
pub(super) fn measured(sessions: &[Log], reported: &mut Reported) -> Vec<(&'static str, String)> {
    let runs: Vec<i128> = sessions.iter().flat_map(runs).collect();
    let extents: Vec<usize> = sessions.iter().flat_map(extents).collect();
    let told = reported.arrivals.last().copied().unwrap_or(0);
    let (new_runs, new_extents) = (&runs[reported.runs..], &extents[told..]);
    let extra = vec![
        ("loss_run_max", greatest(new_runs.iter().copied())),
        ("loss_runs", format!("{:?}", histogram(new_runs))),
        (
            "reorder_extent_max",
            greatest(new_extents.iter().map(|&extent| extent as i128)),
        ),
        (
            "delays_us",
            format!("{:?}", percentiles(variations(sessions, &reported.arrivals))),
        ),
    ];
    reported.runs = runs.len();
    reported.arrivals.push(extents.len());
    extra
}

fn greatest(numbers: impl Iterator<Item = i128>) -> String {
    numbers.max().unwrap_or(0).to_string()
}

/// The gaps between the numbers that were settled as received.
fn runs(log: &Log) -> Vec<i128> {
    let mut before = log.expected_from - 1;
    let mut runs = Vec::new();
    for &number in &log.settled {
        runs.extend(Some(number - before - 1).filter(|&run| run > 0));
        before = number;
    }
    runs
}

fn histogram(runs: &[i128]) -> [usize; 6] {
    [(1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, i128::MAX)]
        .map(|(from, to)| runs.iter().filter(|run| (from..=to).contains(run)).count())
}

/// For each arrival, how many there have been since the first one with a higher number.
fn extents(log: &Log) -> Vec<usize> {
    let numbers: Vec<u32> = log
        .received()
        .iter()
        .map(|hearing| hearing.frame.seq.get())
        .collect();
    let extent = |(at, number): (usize, &u32)| {
        let first = numbers[..at].iter().position(|earlier| earlier > number);
        first.map_or(0, |first| at - first)
    };
    numbers.iter().enumerate().map(extent).collect()
}

/// By how much each offset since the last report exceeds the least one since the report before.
fn variations(sessions: &[Log], reports: &[usize]) -> Vec<i128> {
    let mut arrivals = 0;
    let mut variations = Vec::new();
    for log in sessions {
        let (mut reference, mut since_report) = (None, None);
        for hearing in log.received() {
            if reports.contains(&arrivals) {
                reference = since_report.or(reference);
                since_report = None;
                variations.clear();
            }
            let offset = hearing.offset_us();
            reference = Some(least(reference, offset));
            since_report = Some(least(since_report, offset));
            variations.push(reference.map_or(0, |least| modulo_2_64(offset - least)));
            arrivals += 1;
        }
    }
    if reports.last() == Some(&arrivals) {
        variations.clear();
    }
    variations
}

fn least(one: Option<i128>, other: i128) -> i128 {
    one.filter(|&one| modulo_2_64(other - one) >= 0).unwrap_or(other)
}

/// The median and the 99th percentile by the nearest rank, each as the last of those that are told as one with it:
/// steps of 8, or of a quarter of the power of two below.
fn percentiles(mut variations: Vec<i128>) -> Option<[i128; 2]> {
    variations
        .iter_mut()
        .for_each(|variation| *variation = (*variation).min((1 << 28) - 1));
    variations.sort_unstable();
    let greatest = *variations.last()?;
    Some([50, 99].map(|percent| {
        let exact = variations[(variations.len() * percent).div_ceil(100) - 1];
        let step = (6..)
            .map(|bits| 1 << bits)
            .find(|&power| power > exact)
            .map_or(8, |power: i128| power / 8);
        (exact / step * step + step - 1).min(greatest)
    }))
}
