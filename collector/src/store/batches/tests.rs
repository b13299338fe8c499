use super::*;
use crate::track::config::Config;
use crate::track::event::State;
use crate::track::silences::{Reason, Silence};
use crate::track::tracker::{Instruction, Portion, Tracker};
use crate::track::transmit::Peer;
use beacon_common::{FRAME_LEN, Flags, Frame, Health, Kind, Moment, Reason as Goodbye, Seq, Session};
use std::time::Duration;

fn at(ms: u64) -> Moment {
    Moment::ORIGIN.after_ms(5_000_000 + ms)
}

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn tracker() -> Tracker {
    let mut tracker = Tracker::new(Config::default());
    tracker.note_changes();
    tracker
}

/// A frame of the source called `text`, which comes at `ms`.
fn hear(tracker: &mut Tracker, text: &str, kind: Kind, seq: u32, ms: u64) {
    let frame = Frame {
        kind,
        flags: Flags::default(),
        misses: 3,
        label: label(text),
        session: Session::new(1, 1),
        sent_us: ms * 1_000,
        seq: Seq::new(seq),
        interval_ms: 1_000,
        next_ms: 1_000,
        uptime_s: 0,
    };
    let peer = Peer {
        addr: "192.0.2.7:9".parse().unwrap(),
        socket: 0,
        local: None,
    };
    let mut bytes = [0; FRAME_LEN];
    frame.emit(None, &mut bytes);
    tracker.on_datagram(at(ms), peer, &bytes);
}

const BEAT: Kind = Kind::Beat(Health::Ok);
const STOP: Kind = Kind::Bye(Goodbye::Stop);

fn changes(tracker: &mut Tracker, ms: u64) -> Vec<Change> {
    tracker.take_changes(Vec::new(), at(ms)).changes
}

/// The record of the only source.
fn record(tracker: &Tracker) -> Record {
    let mut records = tracker.portion(Portion::BEGINNING, Vec::new());
    while records.records.is_empty() {
        records = tracker.portion(records.next.expect("there is a source"), Vec::new());
    }
    records.records.remove(0)
}

/// A batch that was written when `synced` bytes were on the disk.
fn batch(changes: &[Change], synced: usize) -> Vec<u8> {
    let mut batch = Batch::default();
    changes.iter().for_each(|change| batch.put(change));
    batch.finish(synced as u64).to_vec()
}

/// Stamps of state files that differ.
fn stamps() -> [Stamp; 2] {
    let first = Stamp::take();
    let mut second = first;
    while second == first {
        second = Stamp::take();
    }
    [first, second]
}

/// The journal of the state file that bears the first stamp: two batches, the second one written when the other state file
/// was already begun.
fn written([first, second]: &[Stamp; 2]) -> [Vec<u8>; 4] {
    let mut tracker = tracker();
    hear(&mut tracker, "one", BEAT, 1, 0);
    hear(&mut tracker, "two", BEAT, 1, 0);
    let begun = [&beginning()[..], Batch::begun(first).finish(0)].concat();
    let came = batch(&changes(&mut tracker, 0), begun.len());
    hear(&mut tracker, "one", STOP, 2, 1_000);
    let second_at = begun.len() + came.len();
    let second = Batch::begun(second).finish(second_at as u64).to_vec();
    let went = batch(&changes(&mut tracker, 1_000), second_at + second.len());
    [begun, came, second, went]
}

fn labels(bytes: &[u8], stamp: &Stamp) -> Option<Vec<String>> {
    let since = read(bytes, stamp).unwrap()?;
    Some(since.changes.keys().map(Label::to_string).collect())
}

#[test]
fn a_journal_is_that_of_each_state_file_that_is_begun_in_it() {
    let stamps = stamps();
    let bytes = written(&stamps).concat();
    assert_eq!(labels(&bytes, &stamps[0]).unwrap(), ["one", "two"]);
    assert_eq!(
        labels(&bytes, &stamps[1]).unwrap(),
        ["one"],
        "what came before is in the file"
    );
    assert_eq!(labels(&bytes, &self::stamps()[1]), None);
    let since = read(&bytes, &stamps[0]).unwrap().unwrap();
    assert_eq!(since.whole, bytes.len());
    let Some(Record::Heard(one)) = &since.changes[&label("one")].known else {
        panic!("it was heard")
    };
    assert_eq!(one.source.state, State::Stopped, "the last word counts");
}

#[test]
fn a_journal_in_which_nothing_has_changed_is_empty() {
    let [begun, came, ..] = written(&stamps());
    assert_eq!(begun.len(), EMPTY);
    assert!(!came.is_empty());
}

#[test]
fn what_is_torn_at_the_end_is_cut_off() {
    let stamps = stamps();
    let parts = written(&stamps);
    let bytes = parts.concat();
    let ends: Vec<usize> = (1..=parts.len())
        .map(|count| parts[..count].concat().len())
        .collect();
    for len in 1..bytes.len() {
        let whole = ends.iter().copied().filter(|&end| end <= len).max();
        let read = read(&bytes[..len], &stamps[0]);
        match whole {
            None => assert!(
                read.is_err(),
                "{len} bytes: it is never written without its first batch"
            ),
            Some(whole) => assert_eq!(read.unwrap().unwrap().whole, whole, "{len} bytes"),
        }
        // Where a file system has made room for what it did not write.
        let zeroed = [&bytes[..len], &vec![0; bytes.len() - len]].concat();
        let whole_then = super::read(&zeroed, &stamps[0]).map(|since| since.unwrap().whole);
        assert_eq!(
            whole_then.ok().map(|len| bytes[..len] == zeroed[..len]),
            whole.map(|_| true),
            "{len} bytes"
        );
    }
}

#[test]
fn every_bit_counts_before_the_last_batch() {
    let stamps = stamps();
    let parts = written(&stamps);
    let bytes = parts.concat();
    let last = bytes.len() - parts[3].len();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let read = read(&changed, &stamps[0]);
        if bit / 8 < last {
            assert!(read.is_err(), "bit {bit}");
        } else {
            assert_eq!(
                read.unwrap().unwrap().whole,
                last,
                "bit {bit}: as if it were torn"
            );
        }
    }
}

#[test]
fn what_was_not_on_the_disk_may_be_torn_in_its_middle() {
    let stamps = stamps();
    let mut tracker = tracker();
    let begun = [&beginning()[..], Batch::begun(&stamps[0]).finish(0)].concat();
    let mut next = |text, synced| {
        hear(&mut tracker, text, BEAT, 1, 0);
        batch(&changes(&mut tracker, 0), synced)
    };
    let [one, two] = ["one", "two"].map(|text| next(text, begun.len()));
    let three = next("three", begun.len() + one.len());
    let whole_with = |last: &[u8]| {
        let mut bytes = [&begun, &one, &two, last].concat();
        bytes[begun.len() + one.len() / 2] ^= 1;
        read(&bytes, &stamps[0]).map(|since| since.unwrap().whole)
    };
    assert_eq!(whole_with(&[]), Ok(begun.len()));
    assert_eq!(whole_with(&three), Err(Damage::Batch(begun.len())));
}

#[test]
fn damage_is_told_by_its_kind() {
    let stamps = stamps();
    let parts = written(&stamps);
    let told = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = parts.concat();
        change(&mut changed);
        read(&changed, &stamps[0]).map(drop).unwrap_err().to_string()
    };
    assert_eq!(told(&|bytes| bytes[0] = b'b'), "it is no journal");
    assert_eq!(
        told(&|bytes| bytes[8] = 1),
        format!(
            "its format is version {}, and this release reads {VERSION}",
            256 + VERSION
        )
    );
    let second = parts[0].len();
    assert_eq!(
        told(&|bytes| bytes[second + 30] ^= 1),
        format!("it is damaged behind byte {second}")
    );
    assert_eq!(told(&|bytes| bytes.truncate(30)), "it is damaged behind byte 10");
}

#[test]
fn a_record_stands_where_it_is_of_later_than_the_change() {
    let mut tracker = tracker();
    hear(&mut tracker, "one", BEAT, 1, 0);
    let came = changes(&mut tracker, 0).remove(0);
    let first = record(&tracker);
    hear(&mut tracker, "one", BEAT, 2, 1_000);
    let second = record(&tracker);
    hear(&mut tracker, "one", STOP, 3, 1_500);
    let went = changes(&mut tracker, 1_500).remove(0);
    let third = record(&tracker);
    tracker.operate(&label("one"), Instruction::Forget, at(1_600));
    let forgotten = changes(&mut tracker, 1_600).remove(0);
    hear(&mut tracker, "one", BEAT, 1, 2_000);
    let fourth = record(&tracker);

    let leaves = |change: &Change, record: &Record| {
        let mut since = Since::default();
        since.changes.insert(change.label, change.clone());
        let is_left = since.leaves(record);
        assert_eq!(
            since.into_records().count(),
            usize::from(!is_left && change.known.is_some())
        );
        is_left
    };
    let records = [&first, &second, &third, &fourth];
    let after = |change| records.map(|record| leaves(change, record));
    assert_eq!(after(&came), [false, true, true, true]);
    assert_eq!(after(&went), [false, false, false, true]);
    assert_eq!(after(&forgotten), [false, false, false, true]);
}

#[test]
fn a_source_goes_down_by_silence_after_it_was_saved() {
    let mut tracker = tracker();
    hear(&mut tracker, "one", BEAT, 1, 0);
    changes(&mut tracker, 0);
    let up = record(&tracker);
    (0..60).for_each(|s| tracker.on_time(at(s * 1_000)));
    let down = changes(&mut tracker, 60_000).remove(0);
    assert!(matches!(&down.known, Some(Record::Heard(heard)) if heard.source.state == State::Down));
    assert!(!down.is_before(&up) && !down.is_before(&record(&tracker)));
}

#[test]
fn silences_begin_and_end_in_it() {
    let mut tracker = tracker();
    hear(&mut tracker, "one", BEAT, 1, 0);
    let instruction = Instruction::Silence {
        lasts: Duration::from_secs(60),
        reason: Reason::new("work").unwrap(),
    };
    tracker.operate(&label("one"), instruction, at(1));
    let begun = changes(&mut tracker, 1);
    assert_eq!(begun.len(), 1, "listed once");
    let reason = begun[0].silence.as_ref().map(|silence| silence.reason.as_str());
    assert_eq!(reason, Some("work"));
    tracker.operate(&label("one"), Instruction::Unsilence, at(2));
    let ended = changes(&mut tracker, 2).remove(0);
    let silenced = Record::Silenced(Silence {
        label: label("one"),
        until: at(60_000),
        reason: Reason::new("work").unwrap(),
    });
    assert!(ended.silence.is_none() && !ended.is_before(&silenced));
}

#[test]
fn a_change_is_of_one_label() {
    let mut tracker = tracker();
    hear(&mut tracker, "one", BEAT, 1, 0);
    let change = changes(&mut tracker, 0).remove(0);
    let stored = |change: &Change| {
        let mut bytes = Vec::new();
        change.store(&mut bytes);
        Change::restore(&mut &bytes[..]).is_some()
    };
    assert!(stored(&change));
    let other = label("two");
    assert!(!stored(&Change {
        label: other,
        ..change
    }));
}
