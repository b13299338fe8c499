//! Keys: made, given out, checked, refused.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use beacon_common::{DeviceKey, KeyId, Label, MasterKey};
use beacon_tests::e2e::{Agent, Binary, Collector, Directory, Limit, Line, Sender, Signal, run, skip};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::FAST;

const MASTER: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const MASTER_LINE: &str = "7 000102030405060708090a0b0c0d0e0f\n";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn key_id(number: u8) -> KeyId {
    KeyId::new(number).unwrap()
}

fn device_key(label: &str) -> DeviceKey {
    MasterKey::new(key_id(7), MASTER).device_key(&Label::new(label).unwrap())
}

#[test]
fn the_keys_that_are_made_fit_together() {
    let directory = Directory::default();
    let master = run(Binary::Collector, ["keygen", "--id", "9"]);
    assert_eq!(
        (master.code, master.stdout.len(), master.stderr.len()),
        (Some(0), 1, 0),
        "{master:?}"
    );
    let masters = directory.write("masters", 0o600, &format!("{}\n{MASTER_LINE}", master.stdout[0]));
    for (id, label) in [("9", "a"), ("7", "b")] {
        let device = run(
            Binary::Collector,
            ["device-key", "--keys", text(&masters), "--id", id, label],
        );
        assert_eq!((device.code, device.stdout.len()), (Some(0), 1), "{device:?}");
        directory.write(label, 0o600, &device.stdout[0]);
    }
    let mut collector = Collector::start("127.0.0.1:0", &["--keys", text(&masters)]);
    for label in ["a", "b"] {
        let file = directory.path().join(label);
        let arguments = [&FAST[..], &["--key-file", text(&file)]].concat();
        let mut agent = Agent::start(collector.address(), label, &arguments);
        collector.tells(label, "up new");
        agent.wait_for_log("answers");
        assert_eq!(agent.stop(), Some(0));
        collector.tells(label, "stopped stop");
    }
    collector.stop();
}

#[test]
fn what_does_not_fit_is_counted_and_changes_nothing() {
    let directory = Directory::default();
    let masters = directory.write("masters", 0o600, MASTER_LINE);
    // A device's key is good for its own label alone.
    let stolen = directory.write("stolen", 0o600, &device_key("another").reveal().to_string());
    let mut collector = Collector::start("[::1]:0", &["--keys", text(&masters), "--tick", "50ms"]);
    let to = collector.address();
    let mut good = Sender::new(to, "good")
        .with_key(device_key("good"))
        .every_ms(3_600_000);
    good.beat_acked();
    collector.tells("good", "up new");

    let arguments = [&FAST[..], &["--key-file", text(&stolen)]].concat();
    let mut thief = Agent::start(to, "good", &arguments);
    let mut stranger = Sender::new(to, "good").with_key(DeviceKey::new(key_id(8), MASTER));
    (0..3).for_each(|_| stranger.beat());
    let mut unkeyed = Sender::new(to, "new");
    (0..2).for_each(|_| unkeyed.beat());
    thief.wait_for_log("lost");

    let is_told = |reason: &str, least: i64| {
        let key = format!("rejected.{reason}");
        move |tick: &Line| tick.number(&key) >= least
    };
    let tick = collector.says_where("tick", is_told("tag", 3));
    assert_eq!(
        (tick.number("rejected.key"), tick.number("rejected.unkeyed")),
        (3, 2),
        "{tick}"
    );
    assert_eq!(tick.number("sources.up"), 1, "{tick}");
    good.beat_acked();
    collector.stop();
}

/// A master is replaced as an operator does it: the new one beside the old, device after device, then the old one
/// taken out. No beat is lost on the way, and a damaged file changes nothing.
#[test]
fn masters_are_replaced_without_a_gap() {
    let directory = Directory::default();
    let masters = directory.write("masters", 0o600, MASTER_LINE);
    let mut collector = Collector::start("127.0.0.1:0", &["--keys", text(&masters), "--report", "500ms"]);
    let to = collector.address();
    let start = |number: u8, label: &str| {
        let key = MasterKey::new(key_id(number), MASTER).device_key(&Label::new(label).unwrap());
        let file = directory.write(label, 0o600, &key.reveal().to_string());
        let arguments = [&FAST[..], &["--key-file", text(&file)]].concat();
        Agent::start(to, label, &arguments)
    };
    let mut old = start(7, "old");
    collector.tells("old", "up new");
    let rewrite = |content: &str, collector: &mut Collector, told: &str| {
        directory.write("masters", 0o600, content);
        collector.signal(Signal::HUP);
        collector.wait_for_log(told);
    };
    let new_line = MASTER_LINE.replace("7 ", "8 ");
    rewrite(
        &format!("{MASTER_LINE}{new_line}"),
        &mut collector,
        "read again: ids 7, 8",
    );
    let mut new = start(8, "new");
    collector.tells("new", "up new");
    rewrite(
        "8 secret",
        &mut collector,
        "the keys that were read before stay in force",
    );
    for label in ["old", "new"] {
        let taken = |line: &Line| line.number("received") >= 2;
        collector.reports(label, taken);
    }
    collector.signal(Signal::USR1);
    for label in ["old", "new"] {
        let line = collector.shows(label);
        assert_eq!(line.number("received"), line.number("seq"), "{line}");
    }
    rewrite(&new_line, &mut collector, "read again: ids 8");
    collector.tells("old", "late silent");
    collector.tells("old", "down silent");
    collector.reports("new", |line| line.number("received") >= 2);
    new.stop();
    collector.tells("new", "stopped stop");
    old.kill();
    collector.stop();
}

/// How often each of `secrets` stands in the memory that a process may write; `None` where that may not be looked at.
fn found_in_memory(pid: u32, secrets: &[Vec<u8>]) -> Option<Vec<usize>> {
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let mut found = vec![0; secrets.len()];
    for map in maps.lines().filter(|map| map.contains(" rw")) {
        let (from, rest) = map.split_once('-')?;
        let [from, to] = [from, rest.split(' ').next()?].map(|hex| u64::from_str_radix(hex, 16).ok());
        let mut bytes = vec![0; (to? - from?) as usize];
        // What is unmapped meanwhile holds nothing any more.
        if memory.read_exact_at(&mut bytes, from?).is_err() {
            continue;
        }
        for at in 0..bytes.len() {
            let begins =
                |(_, secret): &(usize, &Vec<u8>)| bytes[at] == secret[0] && bytes[at..].starts_with(secret);
            for (index, _) in secrets.iter().enumerate().filter(begins) {
                found[index] += 1;
            }
        }
    }
    Some(found)
}

/// Its device keys too, and the text of the file that it was read from.
#[test]
fn a_master_that_was_taken_out_is_nowhere_in_memory() {
    let directory = Directory::default();
    let master = |id: u8| {
        MasterKey::new(
            key_id(id),
            std::array::from_fn(|index| id ^ (index as u8).wrapping_mul(37)),
        )
    };
    let line = |id: u8| master(id).reveal().to_string();
    let bytes = |line: &str| -> Vec<u8> {
        let hex = line.split_once(' ').expect("an id and a key").1.as_bytes();
        let pairs = hex.chunks(2).map(|pair| str::from_utf8(pair).unwrap());
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    };
    let old = 1..=5;
    let lines: Vec<_> = old.clone().map(line).collect();
    let masters = directory.write("masters", 0o600, &lines.join("\n"));
    let mut collector = Collector::start("127.0.0.1:0", &["--keys", text(&masters), "--workers", "3"]);
    let mut secrets = vec![bytes(&line(6))];
    for id in old {
        let key = master(id).device_key(&Label::new("a").unwrap());
        secrets.extend([bytes(&line(id)), bytes(&key.reveal().to_string())]);
        secrets.push(line(id).split_at(2).1.as_bytes().to_vec());
        Sender::new(collector.address(), "a").with_key(key).beat();
    }
    let Some(before) = found_in_memory(collector.pid(), &secrets) else {
        skip("the memory of another process may not be read");
        collector.stop();
        return;
    };
    assert_eq!(before[0], 0);
    assert!(before[1] > 0, "a key that is in force is found: {before:?}");
    directory.write("masters", 0o600, &line(6));
    collector.signal(Signal::HUP);
    collector.wait_for_log("read again: ids 6");
    // The workers take it up by and by.
    let limit = Limit::soon();
    loop {
        let found = found_in_memory(collector.pid(), &secrets).unwrap();
        if found[0] > 0 && found[1..].iter().all(|&count| count == 0) {
            break;
        }
        assert!(!limit.left().is_zero(), "still there: {found:?}");
    }
    collector.stop();
}

/// Nobody writes into it: whoever waited for that would not obey any more.
#[test]
fn a_pipe_is_not_read_again() {
    let directory = Directory::default();
    let files = [("masters", MASTER_LINE), ("inventory", "fridge-7\n")];
    let [masters, inventory] = files.map(|(name, content)| directory.write(name, 0o600, content));
    let arguments = ["--keys", text(&masters), "--inventory", text(&inventory)];
    let mut collector = Collector::start("127.0.0.1:0", &arguments);
    for (path, told) in [
        (&masters, "the keys that were read before stay in force"),
        (&inventory, "the sources that were expected before still are"),
    ] {
        fs::remove_file(path).unwrap();
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        collector.signal(Signal::HUP);
        let log = collector.wait_for_log(told);
        assert!(log.contains("nothing else is read again"), "{log}");
    }
    collector.stop();
}

#[test]
fn a_key_in_place_of_a_path_is_not_repeated() {
    let line = MASTER_LINE.trim();
    for (binary, option) in [(Binary::Agent, "--key-file"), (Binary::Collector, "--keys")] {
        let to: &[_] = if binary == Binary::Agent {
            &["--to", "127.0.0.1:9"]
        } else {
            &[]
        };
        let finished = run(binary, to.iter().copied().chain([option, line]));
        assert_eq!(
            (finished.code, finished.stderr.len()),
            (Some(66), 1),
            "{finished:?}"
        );
        assert!(!finished.stderr[0].contains("00010203"), "{finished:?}");
    }
}

#[test]
fn a_collector_without_keys_drops_frames_with_one() {
    let mut collector = Collector::start("127.0.0.1:0", &["--tick", "50ms"]);
    Sender::new(collector.address(), "a")
        .with_key(device_key("a"))
        .beat();
    let tick = collector.says_where("tick", |tick| tick.number("received") == 1);
    assert_eq!(
        (tick.number("rejected.key"), tick.number("sources.up")),
        (1, 0),
        "{tick}"
    );
    collector.stop();
}

#[test]
fn an_unusable_key_file_ends_the_program_in_one_line_that_names_it() {
    let directory = Directory::default();
    let open = directory.write("open", 0o644, MASTER_LINE);
    let damaged = directory.write("damaged", 0o600, "7 secret\n");
    let empty = directory.write("empty", 0o600, "# no key\n");
    let missing = directory.path().join("missing");
    let agent = ["--to", "127.0.0.1:9", "--once", "--key-file"];
    let collector = ["--listen", "127.0.0.1:0", "--keys"];
    let device_key = ["device-key", "a", "--keys"];
    for (file, agent_code, collector_code) in [
        (&open, 77, 77),
        (&damaged, 66, 65),
        (&empty, 66, 65),
        (&missing, 66, 66),
    ] {
        for (binary, arguments, code) in [
            (Binary::Agent, &agent[..], agent_code),
            (Binary::Collector, &collector, collector_code),
            (Binary::Collector, &device_key, collector_code),
        ] {
            let finished = run(binary, arguments.iter().copied().chain([text(file)]));
            assert_eq!(
                (finished.code, finished.stderr.len()),
                (Some(code), 1),
                "{finished:?}"
            );
            let line = &finished.stderr[0];
            assert!(line.contains(text(file)) && !line.contains("secret"), "{line}");
            assert_eq!(finished.stdout, [""; 0]);
        }
    }
}
