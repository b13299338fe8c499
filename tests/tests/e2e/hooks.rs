//! Commands that are run when something happens (docs/hooks.md).

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use beacon_common::{Label, Reason, Seq, Session};
use beacon_tests::e2e::{
    Agent, Binary, Collector, Directory, Limit, Lines, Process, Sender, Signal, Witness, run,
};
use serde_json::Value as Json;

use super::{FAST, told_within_ms};

/// What hooks write into a named pipe, line by line.
struct Told {
    directory: Directory,
    lines: Lines,
}

impl Told {
    fn new() -> Self {
        let directory = Directory::default();
        let path = directory.path().join("told");
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        // Open for writing too, it neither waits for a first writer nor ends with the last one.
        let pipe = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let lines = Lines::follow(pipe);
        Self { directory, lines }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A command that writes what `command` does there.
    fn by(&self, command: &str) -> String {
        format!("{{ {command}; }} > {}", self.path("told").display())
    }

    fn next(&mut self) -> String {
        let line = self.lines.next(Limit::soon());
        line.expect("a hook has told").to_owned()
    }

    fn next_json(&mut self) -> Json {
        serde_json::from_str(&self.next()).unwrap()
    }
}

/// Without its number, which counts the lines written on one side and the events for hooks on the other.
fn unnumbered(line: &Json) -> Json {
    let mut line = line.clone();
    line.as_object_mut().unwrap().remove("id");
    line
}

#[test]
fn a_hook_is_told_that_a_source_was_killed_and_came_back() {
    let mut told = Told::new();
    let hook = told.by("cat; env | grep ^BEACON_ | sort | tr '\\n' ' '; echo");
    let arguments = ["--on-event", &hook, "--name", "the attic"];
    let mut collector = Collector::start("127.0.0.1:0", &arguments);
    for (round, up) in ["up new", "up restart"].into_iter().enumerate() {
        let mut agent = Agent::start(collector.address(), "fridge-7", &FAST);
        let line = collector.tells("fridge-7", up);
        assert_eq!(unnumbered(&told.next_json()), unnumbered(line.as_json()));
        assert!(told.next().starts_with("BEACON_EVENT=up "));
        agent.kill();
        collector.tells("fridge-7", "late silent");
        let line = collector.tells("fridge-7", "down silent");
        let given = told.next_json();
        assert_eq!(unnumbered(&given), unnumbered(line.as_json()));
        assert_eq!(given["id"], round as u64 * 2 + 2);
        let variables = told.next();
        let addr = line.as_json()["addr"].as_str().unwrap();
        for variable in [
            "BEACON_EVENT=down ",
            "BEACON_EVENT_SOURCE=fridge-7 ",
            "BEACON_EVENT_STATE=down ",
            "BEACON_EVENT_WAS=late ",
            "BEACON_EVENT_CAUSE=silent ",
            "BEACON_EVENT_COLLECTOR=the attic ",
            &format!("BEACON_EVENT_ADDR={addr} "),
        ] {
            assert!(variables.contains(variable), "{variable} in {variables}");
        }
    }
    collector.stop();
}

/// Options of a beacon program that a hook starts are the hook's own.
#[test]
fn no_option_reaches_a_hook_and_none_is_called_like_what_it_is_told() {
    let mut told = Told::new();
    let hook = told.by("env | grep -c -e ^BEACON_KEYS -e ^BEACON_EVENTS -e ^NOTIFY_SOCKET -e ^CREDENTIALS_DIRECTORY; echo $PATH");
    let mut command = Binary::Collector.command();
    command
        .args(["--listen", "127.0.0.1:0", "--on-events", "start"])
        .envs([
            ("BEACON_EVENTS", "tick"),
            ("BEACON_KEYS", ""),
            ("BEACON_ON_EVENT", &hook),
            ("NOTIFY_SOCKET", "/nowhere"),
            ("CREDENTIALS_DIRECTORY", "/nowhere"),
            ("PATH", "/kept:/usr/bin:/bin"),
        ])
        .stdout(Stdio::null());
    let process = Process::spawn("beacon-collector", &mut command);
    assert_eq!(told.next(), "0");
    assert_eq!(told.next(), "/kept:/usr/bin:/bin");
    drop(process);
    for binary in [Binary::Agent, Binary::Collector] {
        let help = run(binary, ["--help"]).stdout.join(" ");
        let words = help.split(|char: char| !(char.is_ascii_uppercase() || char == '_'));
        let variables: Vec<_> = words.filter(|word| word.starts_with("BEACON_")).collect();
        assert!(variables.len() > 10, "{help}");
        for variable in variables {
            let is_told = variable == "BEACON_EVENT" || variable.starts_with("BEACON_EVENT_");
            assert!(!is_told, "{variable}");
        }
    }
}

/// A mask of signals without those from 32 on, which the C library keeps for itself.
fn signals(status: &str, which: &str) -> u64 {
    let line = status.lines().find(|line| line.starts_with(which));
    let (_, mask) = line.unwrap().split_once('\t').unwrap();
    u64::from_str_radix(mask, 16).unwrap() & 0x7fff_ffff
}

#[test]
fn a_hook_inherits_no_signal_and_no_socket() {
    const SIGPIPE: u64 = 1 << 12;
    // What the collector catches is no longer ignored where it has been.
    const CAUGHT: u64 = 1 << 0 | 1 << 1 | 1 << 9 | 1 << 14;
    const LIST_FILES: &str = "echo $(ls /proc/self/fd)";
    let mut told = Told::new();
    let hook = told.by(&format!(
        "grep -e ^SigBlk -e ^SigIgn /proc/self/status; {LIST_FILES}; cut -d ' ' -f 5 /proc/$$/stat; echo $$",
    ));
    let state = told.path("state").display().to_string();
    let arguments = [
        "--on-event",
        &hook,
        "--on-events",
        "start",
        "--http",
        "0",
        "--state",
        &state,
    ];
    let collector = Collector::start("127.0.0.1:0", &arguments);
    let status = format!("{}\n{}", told.next(), told.next());
    assert_eq!(signals(&status, "SigBlk"), 0);
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = signals(&own, "SigIgn") & !SIGPIPE & !CAUGHT;
    assert_eq!(signals(&status, "SigIgn"), ignored);
    // The tester may have been given open files, which any child of his has.
    let listed = Command::new("/bin/sh").args(["-c", LIST_FILES]).output().unwrap();
    assert_eq!(told.next(), String::from_utf8(listed.stdout).unwrap().trim());
    assert_eq!(told.next(), told.next(), "it leads a group of its own");
    collector.stop();
}

/// Whoever ignores SIGCHLD hands that on, and the system then reaps the children of whom he starts.
#[test]
fn how_a_hook_ends_is_known_also_where_sigchld_was_ignored() {
    for (hook, logged) in [
        ("exit 0", "--on-event: start: done"),
        ("exit 3", "start: exit status: 3"),
    ] {
        let mut command = Command::new("env");
        command
            .arg("--ignore-signal=CHLD")
            .arg(Binary::Collector.command().get_program())
            .args(["--listen", "127.0.0.1:0", "--control", "none"])
            .args(["--on-events", "start", "--on-event", hook])
            .env("RUST_LOG", "debug")
            .stdout(Stdio::null());
        let mut process = Process::spawn("beacon-collector", &mut command);
        process.wait_for_log(logged);
    }
}

/// It waits for the hook before it, which ends when the test lets it.
#[test]
fn a_silence_reaches_a_hook_that_waits() {
    let mut told = Told::new();
    let gate = File::create(told.path("gate")).unwrap();
    gate.lock().unwrap();
    let hook = told.by(&format!(
        "flock --shared {} true; echo $BEACON_EVENT_SOURCE",
        told.path("gate").display()
    ));
    let socket = told.path("control").display().to_string();
    let arguments = [
        "--on-event",
        &hook,
        "--on-events",
        "up,restarted",
        "--on-event-parallel",
        "1",
    ];
    let arguments = [&arguments[..], &["--control", &socket]].concat();
    let mut collector = Collector::start("127.0.0.1:0", &arguments);
    for label in ["a", "b", "c"] {
        Sender::new(collector.address(), label)
            .every_ms(3_600_000)
            .beat_acked();
        collector.tells(label, "up new");
    }
    let silence = ["silence", "b", "1h", "--control", &socket];
    assert_eq!(run(Binary::Collector, silence).code, Some(0));
    gate.unlock().unwrap();
    assert_eq!([told.next(), told.next()], ["a", "c"]);
    collector.stop();
}

#[test]
fn hooks_that_hang_disturb_nobody_and_are_ended() {
    let witness = Witness::start();
    let arguments = [
        "--on-event",
        "trap '' TERM; while :; do sleep 1000; done",
        "--on-event-timeout",
        "1s",
        "--on-event-parallel",
        "2",
    ];
    let mut collector = Collector::start("127.0.0.1:0", &arguments);
    let mut sources: Vec<_> = ["a", "b", "c", "d"]
        .into_iter()
        .map(|label| (label, Sender::new(collector.address(), label).every_ms(200)))
        .collect();
    for (label, source) in &mut sources {
        source.beat_acked();
        collector.tells(label, "up new");
    }
    for (label, _) in &sources {
        collector.tells(label, "late silent");
        let down = collector.tells(label, "down silent");
        let after_ms = down.number("silent_ms") - down.number("bound_ms");
        assert!(after_ms <= told_within_ms(&witness), "{down}");
    }
    collector.wait_for_log("its time is up: told to end");
    // What runs at the end gets its time, and what waits does not.
    collector.signal(Signal::TERM);
    collector.wait_for_log("dropped: the collector ends");
    assert_eq!(collector.wait(), Some(0));
}

/// More lines than the pipe to the reader and the queue hold.
#[test]
fn hooks_run_while_nobody_reads() {
    const SOURCES: usize = 400;
    let mut told = Told::new();
    let hook = told.by("echo $BEACON_EVENT_SOURCE");
    let arguments = ["--on-event", &hook, "--queue", "16"];
    let collector = Collector::start("127.0.0.1:0", &arguments);
    collector.pause_reading();
    let mut source = Sender::new(collector.address(), "s").every_ms(3_600_000);
    let mut expected: Vec<_> = (0..SOURCES).map(|number| format!("s{number}")).collect();
    for name in &expected {
        source.frame.label = Label::new(name).unwrap();
        source.frame.seq = Seq::FIRST;
        source.beat_acked();
    }
    let mut heard: Vec<_> = expected.iter().map(|_| told.next()).collect();
    heard.sort();
    expected.sort();
    assert_eq!(heard, expected);
    collector.resume_reading();
    let lines = collector.end_of_all();
    assert!(lines.iter().any(|line| line.event() == "gap"), "nobody was slow");
}

#[test]
fn of_many_sources_with_a_slow_hook_the_final_states_are_run() {
    const SOURCES: usize = 400;
    let mut told = Told::new();
    let gate = File::create(told.path("gate")).unwrap();
    gate.lock().unwrap();
    let slow = told.by(&format!(
        "flock --shared {} true; echo $BEACON_EVENT_SOURCE $BEACON_EVENT_ID $BEACON_EVENT_STATE $BEACON_EVENT_SESSION",
        told.path("gate").display()
    ));
    let arguments = ["--on-event", &slow, "--on-events", "up,stopped"];
    let mut collector = Collector::start("127.0.0.1:0", &arguments);
    let mut source = Sender::new(collector.address(), "s").every_ms(3_600_000);
    for life in 1..=3 {
        for number in 0..SOURCES {
            source.frame.label = Label::new(&format!("s{number}")).unwrap();
            source.frame.session = Session::new(life, 0);
            source.frame.seq = Seq::FIRST;
            source.beat_acked();
            source.bye(Reason::Stop, 0);
        }
    }
    let last = format!("s{}", SOURCES - 1);
    for up in ["up new", "up restart", "up restart"] {
        collector.tells(&last, up);
        collector.tells(&last, "stopped stop");
    }
    gate.unlock().unwrap();
    let last_state = format!("stopped {}", Session::new(3, 0));
    let mut ids: HashMap<String, u64> = HashMap::new();
    let (mut lines, mut done) = (0, 0);
    while done < SOURCES {
        let line = told.next();
        let [name, id, state] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let before = ids.insert(name.to_owned(), id.parse().unwrap());
        assert!(before.is_none_or(|before| before < ids[name]), "{line}");
        lines += 1;
        done += usize::from(state == last_state);
    }
    // Four may have begun before, with an earlier state.
    assert!((SOURCES + 1..=SOURCES + 4).contains(&lines), "{lines}");
    collector.end_of_all();
}

#[test]
fn a_fleet_that_falls_together_is_not_run_for() {
    const SOURCES: usize = 12;
    let mut told = Told::new();
    let hook = told.by("echo $BEACON_EVENT");
    let arguments = ["--on-event", &hook, "--on-events", "down,up,mass_loss,mass_over"];
    let mut collector = Collector::start("127.0.0.1:0", &arguments);
    let names: Vec<_> = (0..SOURCES).map(|number| format!("s{number}")).collect();
    let mut sources: Vec<_> = names
        .iter()
        .map(|name| Sender::new(collector.address(), name).every_ms(2_000))
        .collect();
    for source in &mut sources {
        source.beat_acked();
    }
    for name in &names {
        collector.tells(name, "up new");
        assert_eq!(told.next(), "up");
    }
    for name in &names {
        collector.tells(name, "late silent");
        collector.tells(name, "down silent");
    }
    assert_eq!(told.next(), "mass_loss");
    for source in &mut sources {
        source.beat_acked();
    }
    collector.says("mass_over");
    let mut heard: Vec<_> = (0..=SOURCES).map(|_| told.next()).collect();
    heard.sort();
    assert_eq!(heard[0], "mass_over");
    assert!(heard[1..].iter().all(|event| event == "up"), "{heard:?}");
    collector.end_of_all();
}
