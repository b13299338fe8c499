//! Journals of a state file: as they are, and with the checksums that belong to them, which hold nearly everything else
//! back. What is taken is written again as it was, and a tracker can go on with it. Where a journal is cut off, what came
//! before still counts.

#![no_main]

use std::hash::Hasher as _;
use std::time::Duration;

use beacon_collector::store::batches::{Batch, Damage, Since, beginning, read};
use beacon_collector::store::stamp::Stamp;
use beacon_collector::track::config::Config;
use beacon_collector::track::stored::{Record, Stored};
use beacon_collector::track::tracker::Tracker;
use libfuzzer_sys::fuzz_target;
use siphasher::sip::SipHasher13;

/// What is written before the first batch.
const BEFORE: usize = 10;

/// What stands before what a batch says: a sign, its length, how much is on the disk, its checksum.
const HEAD: usize = 24;

/// How many steps a tracker goes on: far more than a few sources have deadlines.
const STEPS: usize = 200;

fuzz_target!(|bytes: &[u8]| {
    let Some(stamp) = stamp(bytes) else { return };
    let _ = read(bytes, &stamp);
    let mended = mended(bytes);
    let Ok(Some(since)) = read(&mended, &stamp) else {
        return;
    };
    assert!(since.whole <= mended.len());
    let again = written(&since, &stamp);
    let since_again = taken(read(&again, &stamp));
    assert_eq!(since_again.changes.len(), since.changes.len());
    assert_eq!(stored(&since_again), stored(&since));
    for len in [mended.len() - 1, mended.len() / 2] {
        if let Ok(Some(cut)) = read(&mended[..len], &stamp) {
            assert!(cut.whole <= len && mended[..cut.whole] == mended[..len][..cut.whole]);
        }
    }
    go_on(since, &stamp);
});

/// Which state file the journal says that it belongs to.
fn stamp(bytes: &[u8]) -> Option<Stamp> {
    Stamp::restore(&mut bytes.get(BEFORE + HEAD + 1..)?)
}

/// The same batches with the checksums that belong to them, as far as they are whole.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut mended = bytes.get(..BEFORE).unwrap_or(bytes).to_vec();
    let mut rest = bytes.get(BEFORE..).unwrap_or_default();
    while let Some((head, behind)) = rest.split_at_checked(HEAD) {
        let len = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let Some((body, behind)) = behind.split_at_checked(len as usize) else {
            break;
        };
        let mut checksum = SipHasher13::new();
        checksum.write(&head[8..16]);
        checksum.write(&(body.len() as u64).to_be_bytes());
        checksum.write(body);
        mended.extend(&head[..16]);
        mended.extend(checksum.finish().to_be_bytes());
        mended.extend(body);
        rest = behind;
    }
    mended
}

fn written(since: &Since, stamp: &Stamp) -> Vec<u8> {
    let mut batch = Batch::default();
    since.changes.values().for_each(|change| batch.put(change));
    let mut begun = Batch::begun(stamp);
    [&beginning()[..], begun.finish(0), batch.finish(0)].concat()
}

fn taken(read: Result<Option<Since>, Damage>) -> Since {
    let since = read.expect("what was written is a journal");
    since.expect("it is that of this state file")
}

fn stored(since: &Since) -> Vec<u8> {
    let mut bytes = Vec::new();
    since.changes.values().for_each(|change| change.store(&mut bytes));
    bytes
}

/// Whoever may write the file decides what is believed; but nothing of it is a panic, or is counted wrongly.
fn go_on(since: Since, stamp: &Stamp) {
    let mut tracker = Tracker::new(Config::default());
    tracker.note_changes();
    let mut now = stamp.now + Duration::from_secs(1);
    let records: Vec<Record> = since.into_records().collect();
    for record in &records {
        tracker.restore(record.clone(), now).expect("there is room");
    }
    let known = tracker.tick().sources.iter().sum::<u64>();
    assert!(known <= records.len() as u64);
    for _ in 0..STEPS {
        let Some(next) = tracker.next_deadline() else {
            break;
        };
        now = now.max(next.min(now + Duration::from_secs(3_600)));
        tracker.on_time(now);
        while tracker.poll_event().is_some() {}
        let changed = tracker.take_changes(Vec::new(), now);
        assert!(changed.changes.len() <= records.len() && !changed.has_overflowed);
    }
}
