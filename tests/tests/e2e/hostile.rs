//! What anybody may send.

use beacon_common::{FRAME_LEN, View};
use beacon_tests::e2e::{Agent, Collector, Sender};
use beacon_tests::random::{Random, number_from_environment};

/// The plain golden frame of docs/protocol.md, section 2.
const GOLDEN: [u8; FRAME_LEN] = *b"\xbe\xac\x01\x01\x01\x01\x00\x03fridge-7\0\0\0\0\0\0\0\0\
    \x69\x1f\x3c\x2e\x5b\x0a\x9d\x11\x00\x00\x00\x04\x48\xb9\xb8\x7b\x00\x00\x07\x31\x00\x00\x27\x10\
    \x00\x00\x27\x0e\x00\x01\x51\xbd\0\0\0\0\0\0\0\0";

/// So many datagrams fit into any socket's buffer.
const BURST: usize = 50;

/// What is wrong with each of these is one field, named like the counter that has to count it.
fn almost_frames() -> Vec<(&'static str, [u8; FRAME_LEN])> {
    let with = |at: usize, byte: u8| {
        let mut bytes = GOLDEN;
        bytes[at] = byte;
        bytes
    };
    let mut frames = vec![
        ("magic", with(0, 0)),
        ("magic", with(1, 0xad)),
        ("version", with(2, 0)),
    ];
    frames.extend([
        ("version", with(2, 2)),
        ("kind", with(3, 0)),
        ("kind", with(3, 6)),
    ]);
    // Acks, probes and replies to nobody's probe are no business of a collector.
    frames.extend([("kind", with(3, 3)), ("kind", with(3, 4)), ("kind", with(3, 5))]);
    frames.extend([
        ("label", with(8, 0)),
        ("label", with(8, b'-')),
        ("label", with(23, b'x')),
    ]);
    frames.extend([
        ("label", with(9, 0xff)),
        ("interval", with(44, 0xff)),
        ("key", with(6, 9)),
    ]);
    let mut too_often = with(46, 0);
    too_often[47] = 9;
    frames.push(("interval", too_often));
    frames
}

#[test]
fn datagrams_of_every_length_are_counted_and_disturb_nobody() {
    let seed = number_from_environment("BEACON_SEED", 20);
    println!("BEACON_SEED={seed}");
    let mut random = Random::new(seed);
    let mut collector = Collector::start("127.0.0.1:0", &["--tick", "50ms"]);
    let to = collector.address();
    let _agent = Agent::start(to, "bystander", &["--interval", "500ms", "--ack-every", "0"]);
    collector.tells("bystander", "up new");
    let mut pacer = Sender::new(to, "pacer").every_ms(3_600_000);
    let attacker = Sender::new(to, "attacker");

    let mut expected = std::collections::BTreeMap::new();
    for length in 0..=2_000 {
        let mut bytes = vec![0; length];
        bytes.chunks_mut(8).for_each(|chunk| {
            let number = random.number().to_be_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        });
        let reason = View::parse(&bytes).err().expect("chance makes no frame").name();
        *expected.entry(reason).or_insert(0) += 1;
        attacker.send_bytes(&bytes);
        if length % BURST == 0 {
            pacer.beat_acked();
        }
    }
    for (reason, bytes) in almost_frames() {
        *expected.entry(reason).or_insert(0) += 1;
        attacker.send_bytes(&bytes);
    }
    pacer.beat_acked();
    collector.tells("pacer", "up new");

    let total: i64 = expected.values().sum();
    let rejected = |tick: &beacon_tests::e2e::Line| -> i64 {
        let counts = tick.as_json()["rejected"].as_object().unwrap();
        counts.values().filter_map(serde_json::Value::as_i64).sum()
    };
    let tick = collector.says_where("tick", |tick| rejected(tick) >= total);
    for (reason, count) in expected {
        assert_eq!(
            tick.number(&format!("rejected.{reason}")),
            count,
            "{reason} in {tick}"
        );
    }
    assert_eq!(rejected(&tick), total, "{tick}");
    assert_eq!(
        (tick.number("sources.up"), tick.number("socket_drops")),
        (2, 0),
        "{tick}"
    );
    collector.stop();
}
