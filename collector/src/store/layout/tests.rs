use super::*;
use crate::track::config::Config;
use crate::track::event::SourceId;
use crate::track::tracker::Tracker;
use crate::track::transmit::Peer;
use beacon_common::{FRAME_LEN, Flags, Frame, Health, Kind, Label, Seq, Session};
use std::time::Duration;

const NOW: Moment = Moment::from_micros(5_000_000_000);

fn header() -> Header {
    let mut blindness = Blindness::default();
    for second in 0..3 {
        let from = Moment::from_micros(second * 1_000_000);
        blindness.add(from, from.after_ms(500), Duration::from_millis(400));
    }
    Header {
        stamp: Stamp::take(),
        heard_until: NOW,
        blindness,
    }
}

fn tracker(sources: u32) -> Tracker {
    let mut tracker = Tracker::new(Config::default());
    let peer = Peer {
        addr: "192.0.2.7:9".parse().unwrap(),
        socket: 0,
        local: None,
    };
    for number in 0..sources {
        let frame = Frame {
            kind: Kind::Beat(Health::Ok),
            flags: Flags::default(),
            misses: 3,
            label: Label::new(&format!("s{number}")).unwrap(),
            session: Session::new(1, 1),
            sent_us: 0,
            seq: Seq::FIRST,
            interval_ms: 1_000,
            next_ms: 1_000,
            uptime_s: 0,
        };
        let mut bytes = [0; FRAME_LEN];
        frame.emit(None, &mut bytes);
        tracker.on_datagram(NOW, peer, &bytes);
    }
    tracker
}

fn written(sources: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::begin(&mut bytes, &header()).unwrap();
    for record in &tracker(sources).portion(SourceId::FIRST, Vec::new()).records {
        writer.put(record).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

/// The labels of the sources in the file.
fn read(bytes: &[u8]) -> Result<Vec<String>, Damage> {
    let mut reader = Reader::begin(bytes)?;
    let mut labels = Vec::new();
    while let Some(record) = reader.read()? {
        labels.push(record.label().to_string());
    }
    Ok(labels)
}

#[test]
fn what_is_written_is_read() {
    assert_eq!(read(&written(3)).unwrap(), ["s0", "s1", "s2"]);
    assert!(read(&written(0)).unwrap().is_empty());
    let bytes = written(0);
    let reader = Reader::begin(&bytes[..]).unwrap();
    let mut again = Vec::new();
    Writer::begin(&mut again, &reader.header)
        .unwrap()
        .finish()
        .unwrap();
    assert_eq!(again, bytes);
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_damaged() {
    let bytes = written(2);
    for len in 0..bytes.len() {
        let damage = read(&bytes[..len]).unwrap_err();
        assert!(matches!(damage, Damage::CutOff), "{len} bytes: {damage}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(matches!(read(&longer).unwrap_err(), Damage::Surplus));
}

#[test]
fn every_bit_counts() {
    let bytes = written(2);
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&changed).is_err(), "bit {bit}");
    }
}

#[test]
fn damage_is_told_by_its_kind() {
    let bytes = written(2);
    let told = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = bytes.clone();
        change(&mut changed);
        read(&changed).unwrap_err().to_string()
    };
    assert_eq!(told(&|bytes| bytes[0] = b'b'), "it is no state file");
    assert_eq!(
        told(&|bytes| bytes[9] = 9),
        "its format is version 9, and this release reads 3"
    );
    assert_eq!(told(&|bytes| bytes.truncate(50)), "it is cut off");
    let last = bytes.len() - 1;
    assert_eq!(told(&|bytes| bytes[last] ^= 1), "its checksum is wrong");
    assert_eq!(
        told(&|bytes| bytes[last - 8] ^= 1),
        "it has another number of records than it says"
    );
    assert_eq!(told(&|bytes| bytes[30] ^= 1), "its checksum is wrong");
}
