//! What a collector knows survives it, whether it ends in order or is killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use beacon_collector::store::batches::{self, Batch};
use beacon_collector::store::layout::Reader;
use beacon_collector::track::event::State;
use beacon_collector::track::stored::Record;
use beacon_common::{Label, Reason};
use beacon_tests::e2e::{
    Binary, Collector, Directory, Killing, Limit, Lines, Process, Sender, Signal, run, skip,
};
use beacon_tests::random::number_from_environment;

use crate::http::{address_in, get};

const ANY: &str = "127.0.0.1:0";

fn state_in(directory: &Directory) -> (PathBuf, String) {
    let path = directory.path().join("state");
    let text = path.to_str().unwrap().to_owned();
    (path, text)
}

fn journal_of(path: &Path) -> PathBuf {
    path.with_extension("journal")
}

/// Waits until it is on the disk that the source called `label` is in `state`: in the state file at `path`, or its journal.
pub(super) fn wait_for_entry(path: &Path, label: &str, state: State) {
    let limit = Limit::soon();
    while entry(path, label) != Some(state) {
        assert!(!limit.left().is_zero(), "{label} is not saved as {state:?}");
        std::thread::yield_now();
    }
}

fn entry(path: &Path, label: &str) -> Option<State> {
    let label = Label::new(label).ok()?;
    let mut reader = Reader::begin(File::open(path).ok()?).ok()?;
    let journal = fs::read(journal_of(path)).ok()?;
    let mut since = batches::read(&journal, &reader.header.stamp).ok()??;
    let mut saved = since.changes.remove(&label).and_then(|change| change.known);
    while let (None, Some(record)) = (&saved, reader.read().ok()?) {
        saved = Some(record).filter(|record| *record.label() == label);
    }
    match saved? {
        Record::Heard(heard) => Some(heard.source.state),
        _ => None,
    }
}

#[test]
fn what_was_known_is_known_after_an_end_in_order() {
    let directory = Directory::in_memory();
    let (_, state) = state_in(&directory);
    let mut collector = Collector::start(ANY, &["--state", &state]);
    let address = collector.address();
    let [mut living, mut mortal, mut sleeping, mut stopped] =
        ["living", "mortal", "sleeping", "stopped"].map(|label| Sender::new(address, label).every_ms(300));
    for sender in [&mut living, &mut mortal, &mut sleeping, &mut stopped] {
        sender.beat();
        collector.tells(sender.frame.label.as_str(), "up new");
    }
    sleeping.bye(Reason::Sleep, 3_600_000);
    stopped.bye(Reason::Stop, 0);
    collector.tells("sleeping", "asleep sleep");
    collector.tells("stopped", "stopped stop");
    collector.stop();

    let mut collector = Collector::start(&address.to_string(), &["--state", &state]);
    let blind = collector.says("blind");
    assert_eq!(blind.text("cause"), "restarted");
    collector.signal(Signal::USR1);
    let states = ["living", "mortal", "sleeping", "stopped"].map(|label| collector.shows(label));
    assert_eq!(
        states.each_ref().map(|line| line.text("state")),
        ["up", "up", "asleep", "stopped"]
    );
    assert_eq!(
        states.each_ref().map(|line| line.number("received")),
        [1, 1, 2, 2]
    );
    assert!(
        (3_500_000..=3_660_000).contains(&states[2].number("bound_ms")),
        "{}",
        states[2]
    );
    // One goes on, one comes back in a new session, one is dead.
    stopped.restart();
    stopped.beat();
    collector.tells("stopped", "up restart");
    living.beat();
    let late = collector.tells("mortal", "late silent");
    let down = collector.tells("mortal", "down silent");
    assert_eq!((late.text("was"), down.number("received")), ("up", 1));
    for label in ["living", "stopped"] {
        collector.tells(label, "late silent");
        collector.tells(label, "down silent");
    }
    let told = collector.stop();
    let blind = told.iter().filter(|line| line.event() == "blind").count();
    assert_eq!(blind, 1);
}

#[test]
fn a_change_is_saved_at_once_and_survives_being_killed() {
    let directory = Directory::in_memory();
    let (path, state) = state_in(&directory);
    let collector = Collector::start(ANY, &["--state", &state]);
    let address = collector.address();
    let mut sender = Sender::new(address, "fridge-7").every_ms(200);
    sender.beat();
    wait_for_entry(&path, "fridge-7", State::Up);
    collector.kill();

    let mut collector = Collector::start(&address.to_string(), &["--state", &state]);
    collector.tells("fridge-7", "late silent");
    collector.tells("fridge-7", "down silent");
    wait_for_entry(&path, "fridge-7", State::Down);
    collector.kill();

    let mut collector = Collector::start(&address.to_string(), &["--state", &state]);
    sender.beat();
    let up = collector.tells("fridge-7", "up back");
    assert_eq!(
        (up.text("was"), up.number("received"), up.number("lost")),
        ("down", 2, 0)
    );
    collector.tells("fridge-7", "late silent");
    collector.tells("fridge-7", "down silent");
    collector.stop();
}

/// Goodbyes are not to be had again: whoever forgets one calls a device late and down that has said that it goes.
#[test]
fn a_goodbye_that_was_told_survives_being_killed() {
    let directory = Directory::in_memory();
    let (path, state) = state_in(&directory);
    let mut collector = Collector::start(ANY, &["--state", &state]);
    let address = collector.address();
    let [mut sleeping, mut stopped, mut mortal] =
        ["sleeping", "stopped", "mortal"].map(|label| Sender::new(address, label).every_ms(1_000));
    for sender in [&mut sleeping, &mut stopped, &mut mortal] {
        sender.beat();
        collector.tells(sender.frame.label.as_str(), "up new");
    }
    sleeping.bye(Reason::Sleep, 3_600_000);
    stopped.bye(Reason::Stop, 0);
    collector.tells("sleeping", "asleep sleep");
    collector.tells("stopped", "stopped stop");
    wait_for_entry(&path, "sleeping", State::Asleep);
    wait_for_entry(&path, "stopped", State::Stopped);
    collector.kill();

    let mut collector = Collector::start(&address.to_string(), &["--state", &state]);
    collector.tells("mortal", "late silent");
    collector.tells("mortal", "down silent");
    collector.signal(Signal::USR1);
    let states = ["sleeping", "stopped", "mortal"].map(|label| collector.shows(label));
    assert_eq!(
        states.each_ref().map(|line| line.text("state")),
        ["asleep", "stopped", "down"]
    );
    collector.stop();
    assert!(path.exists() && !journal_of(&path).exists(), "it ended in order");
}

#[test]
fn a_journal_that_is_damaged_ends_the_run_and_one_of_another_file_is_passed_over() {
    let directory = Directory::in_memory();
    let (path, state) = state_in(&directory);
    Collector::start(ANY, &["--state", &state]).stop();
    let stamp = Reader::begin(File::open(&path).unwrap()).unwrap().header.stamp;
    let begun = Batch::begun(&stamp).finish(batches::EMPTY as u64).to_vec();
    let journal = journal_of(&path);

    let damaged = |at: usize| {
        let mut bytes = [&batches::beginning()[..], &begun, &begun].concat();
        bytes[at] ^= 1;
        bytes
    };
    for (bytes, what) in [
        (damaged(0), "it is no journal"),
        (damaged(40), "it is damaged behind byte 10"),
    ] {
        fs::write(&journal, &bytes).unwrap();
        let finished = run(Binary::Collector, ["--listen", ANY, "--state", &state]);
        assert_eq!(finished.code, Some(65), "{finished:?}");
        let told = format!("--state: {state}.journal: {what}; to start without it, move it away");
        let is_told = |line: &&String| line.contains(&told);
        assert_eq!(finished.stderr.iter().filter(is_told).count(), 1, "{finished:?}");
        assert_eq!(fs::read(&journal).unwrap(), bytes);
    }
    // Half a batch at the end is what a power cut leaves.
    let torn = [&batches::beginning()[..], &begun, &begun[..30]].concat();
    fs::write(&journal, torn).unwrap();
    Collector::start(ANY, &["--state", &state]).stop();
    // The end in order has replaced the state file.
    fs::write(&journal, [&batches::beginning()[..], &begun].concat()).unwrap();
    let mut collector = Collector::start(ANY, &["--state", &state]);
    collector.wait_for_log("not read, because it belongs to another state file");
    collector.stop();
}

/// The bigger run is `cargo run --release -p beacon-tests --bin killing`.
#[test]
fn a_collector_that_is_killed_ends_up_knowing_what_another_knows() {
    let directory = Directory::in_memory();
    let seed = number_from_environment("BEACON_SEED", 5);
    println!("BEACON_SEED={seed}");
    let killing = Killing {
        sources: 100,
        interval: Duration::from_millis(400),
        kills: 5,
        life: Duration::from_secs(3),
        death: Duration::from_secs(2),
        // The machine may be busy with other tests.
        saved_within: Duration::from_millis(500),
        seed,
        // A margin that does not follow the arrivals keeps the load of the machine from making anybody late.
        arguments: ["--workers", "2", "--margin", "200ms"]
            .map(str::to_owned)
            .to_vec(),
    };
    let survived = killing.run(&directory.path().join("state"));
    assert_eq!(survived.differences(), [""; 0]);
    assert!(survived.false_downs.is_empty(), "{:#?}", survived.false_downs);
    let forgotten = survived.forgotten_goodbyes;
    assert!(forgotten.is_empty(), "{forgotten:#?}");
    assert!(survived.downs > 0, "nobody has died");
    assert!(survived.blind >= 4, "{} times blind", survived.blind);
}

#[test]
fn a_file_that_is_damaged_or_taken_ends_the_run_and_is_left_alone() {
    let directory = Directory::in_memory();
    let (path, state) = state_in(&directory);
    let collector = Collector::start(ANY, &["--state", &state]);
    Sender::new(collector.address(), "fridge-7").beat();
    wait_for_entry(&path, "fridge-7", State::Up);
    let refused = |code: i32, what: &str| {
        let finished = run(Binary::Collector, ["--listen", ANY, "--state", &state]);
        assert_eq!(finished.code, Some(code), "{finished:?}");
        let lines: Vec<_> = finished
            .stderr
            .iter()
            .filter(|line| line.contains("--state"))
            .collect();
        assert!(matches!(lines[..], [line] if line.contains(what)), "{finished:?}");
        assert!(finished.stdout.is_empty(), "{finished:?}");
    };
    refused(75, "in use by another collector");
    collector.kill();

    let sound = fs::read(&path).unwrap();
    let damage = |change: &dyn Fn(&mut Vec<u8>), what: &str| {
        let mut bytes = sound.clone();
        change(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        refused(65, &format!("{what}; to start without it, move it away"));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    };
    let last = sound.len() - 1;
    damage(&|bytes| bytes[last] ^= 1, "its checksum is wrong");
    damage(&|bytes| bytes.truncate(last), "it is cut off");
    damage(&|bytes| bytes.clear(), "it is cut off");
    damage(&|bytes| bytes[0] = 0, "it is no state file");
    damage(
        &|bytes| bytes[9] = 1,
        "its format is version 1, and this release reads 3",
    );
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused(66, "cannot be read");
}

#[test]
fn a_directory_that_is_not_there_ends_the_run() {
    let finished = run(
        Binary::Collector,
        ["--listen", ANY, "--state", "/nowhere/at/all/state"],
    );
    assert_eq!(finished.code, Some(73));
    assert!(
        finished.stderr.iter().any(|line| line
            .contains("--state: /nowhere/at/all/state: its directory has to be there and writable: ")),
        "{finished:?}"
    );
}

/// In a mount namespace with a disk of four pages.
#[test]
fn a_full_disk_is_told_once_and_tried_again_while_all_else_goes_on() {
    let directory = Directory::in_memory();
    let disk = directory.path().to_str().unwrap();
    let script = format!("mount -t tmpfs -o size=16k none {disk} && head -c 16384 /dev/zero > {disk}/full");
    let inside = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", script]);
        command
    };
    let trial = inside(&script).stderr(Stdio::null()).status();
    if !trial.is_ok_and(|status| status.success()) {
        skip("no mount namespace of its own (unshare of util-linux)");
        return;
    }
    let mut command = inside(&format!("{script} && exec \"$0\" \"$@\""));
    command.arg(Binary::Collector.command().get_program());
    command.args(["--format", "json", "--tick", "100ms", "--listen", ANY]);
    command.args(["--http", "0", "--state", &format!("{disk}/state")]);
    let mut process = Process::spawn("beacon-collector", command.stdout(Stdio::piped()));
    let page = address_in(&process.wait_for_log("serving http://"));
    let mut stdout = Lines::follow(process.stdout().unwrap());
    let mut next = |event: &str, is_wanted: &dyn Fn(&beacon_tests::e2e::Line) -> bool| {
        let limit = Limit::soon();
        loop {
            let line = stdout.next(limit).map(beacon_tests::e2e::Line::parse);
            let line = line.unwrap_or_else(|| panic!("no {event}"));
            if line.event() == event && is_wanted(&line) {
                return line;
            }
        }
    };
    let start = next("start", &|_| true);
    let address = start.as_json()["listen"][0].as_str().unwrap().parse().unwrap();
    let mut sender = Sender::new(address, "fridge-7");
    sender.beat_acked();
    next("up", &|_| true);
    process.wait_for_log("not saved");
    next("tick", &|tick| tick.number("state_failures") >= 2);
    let metrics = get(&page, "/metrics");
    let (_, failures) = metrics.split_once("\nbeacon_state_save_failures_total ").unwrap();
    assert!(!failures.starts_with("0.0\n"), "{metrics}");
    sender.beat_acked();
    // The disk of the process, seen from here.
    fs::remove_file(format!("/proc/{}/root{disk}/full", process.id())).unwrap();
    process.wait_for_log("saved again, after ");
    process.signal(Signal::TERM);
    assert_eq!(process.wait().code(), Some(0), "{:?}", process.whole_log());
    let told = process
        .whole_log()
        .iter()
        .filter(|line| line.contains("not saved"))
        .count();
    assert_eq!(told, 1);
}
