use super::*;
use crate::track::blindness::Blindness;
use crate::track::config::Config;
use crate::track::origin::Origin;
use crate::track::patience::Allowance;
use crate::track::rules::Rules;
use beacon_common::{Flags, Frame, Kind, Reason, Seq};

/// A source of which 7, 9 and 12 were heard.
fn record() -> Heard {
    let frame = |seq: u32, kind| Frame {
        kind,
        flags: Flags::default(),
        misses: 4,
        label: Label::new("fridge-7").unwrap(),
        session: Session::new(0x691f_3c2e, 0x5b0a_9d11),
        sent_us: u64::from(seq) * 1_000_000,
        seq: Seq::new(seq),
        interval_ms: 1_000,
        next_ms: 900,
        uptime_s: 0x0001_51bd,
    };
    let origin = Origin::of("192.0.2.7:40112".parse().unwrap());
    let (config, now) = (Config::default(), Moment::from_micros(50_000_000));
    let mut source = Source::first(&frame(7, Kind::Beat(Health::Ok)), origin, now, &config);
    let mut history = History::begin(now);
    for (seq, kind) in [(9, Kind::Beat(Health::Warning)), (12, Kind::Bye(Reason::Sleep))] {
        let frame = frame(seq, kind);
        let now = now.after_ms(u64::from(seq) * 1_000);
        history.count(source.fill(&frame, now));
        let rules = Rules {
            config: &config,
            blindness: &Blindness::default(),
        };
        source.take_newest(&frame, origin, now, rules);
    }
    source.health = Some(Health::Warning);
    Heard {
        source,
        history,
        past: None,
        told: Some(State::Late),
        patience: Some(Box::new(Patience::new(Allowance {
            period_us: 1,
            misses_max: 20,
        }))),
    }
}

fn bytes_of(record: &impl Stored) -> Vec<u8> {
    let mut bytes = Vec::new();
    record.store(&mut bytes);
    bytes
}

/// Where this fails the layout has changed: then the version of the state file has to count up.
#[test]
fn the_layout_is_fixed() {
    let expected = [
        "6672696467652d370000000000000000", // label
        "00",                               // unknown
        "0101",                             // warning
        "691f3c2e5b0a9d11",                 // session
        "00000000000000000000ffffc0000207", // address
        "9cb0",                             // port
        "0000000e6f7cec00",                 // arrived
        "000003e8",                         // interval
        "0000000000000029",                 // slots filled
        "0000000c",                         // highest
        "00000007",                         // first
        "02faf080",                         // last offset
        "006422c4",                         // jitter
        "0000000002934e8d",                 // typical offset
        "02faf080",                         // nearest offset, modulo 2^32
        "001e8480",                         // deviation
        "00038e38",                         // usual overdue time
        "1e00",                             // recent overdue time
        "0620",                             // persistence
        "0000",                             // burstiness
        "02",                               // run
        "03",                               // beats
        "0000000000b71b00",                 // sent
        "00000384",                         // next
        "000151bd",                         // uptime
        "04",                               // misses
        "02",                               // newest: sleep
        "0000000ba43b7400",                 // since
        "00",                               // cause: new
        "0000000000000000",                 // numbers
        "0000000000000000",                 // left empty
        "00000000",                         // duplicate
        "00000000",                         // reordered
        "00000000",                         // old
        "00",                               // no past
        "0102",                             // told: late
        "01",                               // what was learned
        "0000000000000000",                 // heard
        &"0000".repeat(64),                 // needed
        "00000000",                         // beats
        "14",                               // misses
        "01",                               // is learning
    ];
    let text: String = bytes_of(&record())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(text, expected.concat());
}

#[test]
fn what_is_written_is_read_back() {
    let bytes = bytes_of(&record());
    let read = Heard::restore(&mut &bytes[..]).unwrap();
    assert_eq!(bytes_of(&read), bytes);
    let longer = [&bytes[..], &[7, 7]].concat();
    let mut rest = &longer[..];
    assert!(Heard::restore(&mut rest).is_some());
    assert_eq!(rest, [7, 7]);
    for len in 0..bytes.len() {
        assert!(Heard::restore(&mut &bytes[..len]).is_none(), "{len} bytes");
    }
}

/// Each byte with each value: what is taken is sound enough to be judged by, and is written as it was read.
#[test]
fn nothing_is_taken_that_no_source_can_become() {
    let bytes = bytes_of(&record());
    let mut refused = 0;
    for place in 0..bytes.len() {
        for value in 0..=u8::MAX {
            let mut changed = bytes.clone();
            changed[place] = value;
            let mut rest = &changed[..];
            match Heard::restore(&mut rest) {
                Some(record) => {
                    let taken = changed.len() - rest.len();
                    assert_eq!(bytes_of(&record), changed[..taken]);
                    let tally = record.history.tally(&record.source.slots, 0);
                    assert!(tally.expected >= tally.lost && tally.lost >= 0);
                    assert!(record.source.interval_ms >= 10 && record.source.slots.numbers() > 0);
                }
                None => refused += 1,
            }
        }
    }
    assert!(refused > 10 * 256, "only {refused} of them are refused");
}
