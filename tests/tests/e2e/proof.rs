//! Probes: who is silent is asked, and who might be a recording has to prove that it is not.

use beacon_common::{DeviceKey, FRAME_LEN, KeyId, Label, MasterKey, Reason, Session};
use beacon_tests::e2e::{Agent, Collector, Directory, Sender};

use super::{FAST, LOOPBACKS};

const MASTER: [u8; 16] = [9; 16];
const MASTER_LINE: &str = "7 09090909090909090909090909090909\n";

fn device_key(label: &str) -> DeviceKey {
    let id = KeyId::new(7).unwrap();
    MasterKey::new(id, MASTER).device_key(&Label::new(label).unwrap())
}

/// The source sends no beat any more, but answers: it is late and comes back, time and again, and never falls.
#[test]
fn who_is_silent_is_asked_and_comes_back_by_its_reply() {
    for listen in LOOPBACKS {
        let mut collector = Collector::start(listen, &[]);
        let mut sender = Sender::new(collector.address(), "a").every_ms(400);
        sender.beat_acked();
        collector.tells("a", "up new");
        for _ in 0..3 {
            collector.tells("a", "late silent");
            sender.answer_probe();
            let back = collector.tells("a", "up back");
            assert_eq!(back.text("by"), "reply", "{back}");
        }
        sender.bye(Reason::Stop, 0);
        collector.tells("a", "stopped stop");
        collector.stop();
    }
}

#[test]
fn who_is_not_to_be_asked_falls_without() {
    let mut collector = Collector::start("127.0.0.1:0", &["--probe", "never"]);
    let mut sender = Sender::new(collector.address(), "a").every_ms(100);
    sender.beat_acked();
    for what in ["up new", "late silent", "down silent"] {
        collector.tells("a", what);
    }
    collector.stop();
}

/// What a listener has recorded of three lives, their answers too.
fn record(collector: &mut Collector, sessions: [u32; 3]) -> Vec<[u8; FRAME_LEN]> {
    let mut recorded = Vec::new();
    for (number, unix_seconds) in sessions.into_iter().enumerate() {
        let mut sender = Sender::new(collector.address(), "a")
            .with_key(device_key("a"))
            .every_ms(3_600_000);
        sender.frame.session = Session::new(unix_seconds, 1);
        recorded.push(sender.beat_recorded());
        if number == 0 {
            recorded.push(sender.answer_probe());
            collector.tells("a", "up new");
        } else {
            collector.tells("a", "restarted process");
        }
        recorded.extend((0..10).map(|_| sender.beat_recorded()));
        sender.beat_acked();
    }
    recorded
}

/// Before and after the collector has lost its memory, with the real agent beside it.
#[test]
fn recordings_change_nothing_and_a_restart_in_1970_is_one() {
    let directory = Directory::default();
    let masters = directory.write("masters", 0o600, MASTER_LINE);
    let arguments = ["--keys", masters.to_str().unwrap(), "--tick", "50ms"];
    let mut collector = Collector::start("127.0.0.1:0", &arguments);
    let recorded = record(&mut collector, [1_000, 2_000, 3_000]);
    let replay = |collector: &mut Collector, at_least: i64| {
        let listener = Sender::new(collector.address(), "a");
        recorded.iter().for_each(|bytes| listener.send_bytes(bytes));
        collector.says_where("tick", |tick| tick.number("rejected.session") >= at_least);
    };
    // The last of the three lives is the current one: what it has sent are duplicates.
    replay(&mut collector, 22);
    collector.stop();

    let mut collector = Collector::start("127.0.0.1:0", &arguments);
    replay(&mut collector, 33);
    let key = directory.write("key", 0o600, &device_key("a").reveal().to_string());
    let with_key = [&FAST[..], &["--key-file", key.to_str().unwrap()]].concat();
    let mut agent = Agent::start(collector.address(), "a", &with_key);
    collector.tells("a", "up new");
    agent.wait_for_log("answers");
    replay(&mut collector, 66);
    assert_eq!(agent.stop(), Some(0));
    collector.tells("a", "stopped stop");

    let mut clockless = Sender::new(collector.address(), "a").with_key(device_key("a"));
    clockless.frame.session = Session::new(12, 1);
    clockless.beat_acked();
    collector.tells("a", "up restart");
    for random in [5, 3] {
        clockless.restart();
        clockless.frame.session = Session::new(11, random);
        clockless.frame.uptime_s = 0;
        clockless.beat_acked();
        collector.tells("a", "restarted reboot");
        clockless.frame.uptime_s = 1;
        clockless.beat_acked();
        replay(&mut collector, 66);
    }
    collector.stop();
}
