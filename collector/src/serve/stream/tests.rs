use super::*;
use crate::output::tap::Told;
use crate::serve::feed::LINES_KEPT;
use crate::track::event::Tick;

/// A ring that has taken so many lines.
fn ring(lines: u64) -> Ring {
    let mut ring = Ring::default();
    for id in 1..=lines {
        ring.take(Told {
            id,
            time_us: id,
            what: if id % 2 == 0 {
                What::End(Tick::default())
            } else {
                What::Gap { dropped: id }
            },
            json: format!("{{{id}}}"),
        });
    }
    ring
}

fn heard(ring: &Ring, last: Option<u64>, events: EventSet) -> String {
    let mut subscription = Subscription::new((None, events), last, ring, Moment::ORIGIN);
    let mut out = String::new();
    subscription.fill(ring, Moment::ORIGIN, &mut out);
    out.replace("retry: 2000\n\n", "")
        .replace("\n\n", "|")
        .replace('\n', " ")
}

#[test]
fn a_follower_goes_on_behind_the_last_line_that_it_has() {
    let ring = ring(4);
    assert_eq!(
        heard(&ring, Some(2), EventSet::ALL),
        "id: 3 data: {3}|id: 4 data: {4}|"
    );
    assert_eq!(heard(&ring, None, EventSet::ALL), "");
    assert_eq!(heard(&ring, Some(4), EventSet::ALL), "");
    // Of an earlier run: nothing of this one was seen.
    assert!(heard(&ring, Some(5), EventSet::ALL).starts_with("id: 1 "));
    let gaps = [EventName::Gap].into_iter().collect();
    assert_eq!(heard(&ring, Some(0), gaps), "id: 1 data: {1}|id: 3 data: {3}|");
}

#[test]
fn a_follower_is_told_of_lines_that_are_no_longer_kept() {
    let ring = ring(LINES_KEPT as u64 + 3);
    let heard = heard(&ring, Some(1), EventSet::ALL);
    assert!(
        heard.starts_with("event: missed data: {\"first\":2,\"last\":3}|id: 4 "),
        "{heard:.90}"
    );
}

#[test]
fn silence_is_broken_by_a_comment() {
    let ring = ring(0);
    let mut subscription = Subscription::new((None, EventSet::ALL), None, &ring, Moment::ORIGIN);
    let mut at = |seconds: u64| {
        let mut out = String::new();
        subscription.fill(&ring, Moment::ORIGIN.after_ms(seconds * 1_000), &mut out);
        out
    };
    assert_eq!(
        [at(0), at(14), at(15), at(16)],
        ["retry: 2000\n\n", "", ":\n\n", ""]
    );
    assert_eq!(at(30), ":\n\n");
}
