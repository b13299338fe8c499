//! State files: as they are, and with the count and the checksum that belong to them, which hold nearly everything
//! else back. What is taken is written again as it was, and a tracker can go on with it.

#![no_main]

use std::hash::Hasher as _;
use std::time::Duration;

use beacon_collector::store::layout::{Damage, Header, Reader, Writer};
use beacon_collector::track::config::Config;
use beacon_collector::track::event::{Cause, SourceId};
use beacon_collector::track::patience::Allowance;
use beacon_collector::track::stored::Record;
use beacon_collector::track::tracker::{Portion, Tracker};
use libfuzzer_sys::fuzz_target;
use siphasher::sip::SipHasher13;

/// How much there is behind the last block and the length of none.
const END: usize = 16;

/// What is written before the header.
const BEFORE: usize = 10;

const ALLOWANCE: Allowance = Allowance {
    period_us: 60_000_000,
    misses_max: 20,
};

/// How many steps a tracker goes on: far more than a few sources have deadlines.
const STEPS: usize = 1_000;

fuzz_target!(|bytes: &[u8]| {
    let _ = read(bytes);
    let Some(mended) = mended(bytes) else { return };
    let Ok((header, records)) = read(&mended) else {
        return;
    };
    let again = written(&header, &records);
    let (header_again, records_again) = read(&again).expect("what was written is a state file");
    assert_eq!(written(&header_again, &records_again), again);
    let blocks = |file: &[u8]| file[header_end(file).expect("it was read")..].to_vec();
    let without_checksum = |file: &[u8]| blocks(&file[..file.len() - END / 2]);
    assert_eq!(without_checksum(&again), without_checksum(&mended));
    go_on(&header, &records);
});

fn read(bytes: &[u8]) -> Result<(Header, Vec<Record>), Damage> {
    let mut reader = Reader::begin(bytes)?;
    let mut records = Vec::new();
    while let Some(record) = reader.read()? {
        records.push(record);
    }
    Ok((reader.header, records))
}

fn written(header: &Header, records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::begin(&mut bytes, header).expect("a Vec takes all");
    records
        .iter()
        .for_each(|record| writer.put(record).expect("a Vec takes all"));
    writer.finish().expect("a Vec takes all");
    bytes
}

/// The same blocks in a file that is whole.
fn mended(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut at = header_end(bytes)?;
    let mut records = 0_u64;
    loop {
        match block_len(bytes, at)? {
            0 => break,
            len => at += 2 + len,
        }
        records += 1;
    }
    let mut mended = bytes[..at + 2].to_vec();
    mended.extend(records.to_be_bytes());
    let mut checksum = SipHasher13::new();
    checksum.write(&mended);
    mended.extend(checksum.finish().to_be_bytes());
    Some(mended)
}

fn header_end(bytes: &[u8]) -> Option<usize> {
    Some(BEFORE + 2 + block_len(bytes, BEFORE)?)
}

fn block_len(bytes: &[u8], at: usize) -> Option<usize> {
    let len = bytes.get(at..at + 2)?;
    Some(usize::from(u16::from_be_bytes([len[0], len[1]])))
}

/// Whoever may write the file decides what is believed; but nothing of it is a panic, or is counted wrongly.
fn go_on(header: &Header, records: &[Record]) {
    for learns in [false, true] {
        let config = Config {
            report: Some(Duration::from_secs(1)),
            false_alarms: learns.then_some(ALLOWANCE),
            ..Config::default()
        };
        let mut tracker = Tracker::new(config);
        let mut now = header.stamp.now + Duration::from_secs(1);
        tracker.begin_resuming(&header.blindness, header.heard_until, now);
        for record in records {
            tracker.restore(record.clone(), now).expect("there is room");
        }
        tracker.resume(header.heard_until, now);
        let known = tracker.tick().sources.iter().sum::<u64>();
        assert!(known <= records.len() as u64);
        for step in 0..STEPS {
            let Some(next) = tracker.next_deadline() else {
                break;
            };
            now = now.max(next.min(now + Duration::from_secs(3_600)));
            tracker.on_time(now);
            tracker.ask_all_states();
            while tracker.poll_event().or_else(|| tracker.poll_state(now)).is_some() {}
            let shown = tracker.survey(SourceId::FIRST, true, now);
            assert!(shown.rows.len() <= records.len());
            if step == STEPS / 2 {
                let blind = Duration::from_secs(5);
                tracker.on_blind(now, now + blind, blind, Cause::Stalled);
                now = now + blind;
            }
        }
        assert!(tracker.portion(Portion::BEGINNING, Vec::new()).records.len() <= records.len());
    }
}
