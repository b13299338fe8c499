//! The control socket (docs/control.md): what it shows, what it does, and what hostile clients can take of it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;

use beacon_common::Reason;
use beacon_tests::e2e::{Binary, Collector, Directory, Finished, Limit, Lines, Process, Sender, Signal, run};
use serde_json::Value as Json;

const ANY: &str = "127.0.0.1:0";

/// A collector with a control socket of its own.
struct Scene {
    directory: Directory,
    collector: Collector,
}

impl Scene {
    fn new(arguments: &[&str]) -> Self {
        let directory = Directory::in_memory();
        let collector = start(&directory, ANY, arguments);
        Self { directory, collector }
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let path = path_in(&self.directory);
        let control = ["--control", path.to_str().unwrap()];
        run(Binary::Collector, arguments.iter().copied().chain(control))
    }

    /// What `arguments` print, where they end with `code`.
    fn prints(&self, code: i32, arguments: &[&str]) -> String {
        let finished = self.run(arguments);
        assert_eq!(finished.code, Some(code), "{arguments:?}: {finished:?}");
        finished.stdout.join("\n")
    }

    /// What `arguments` print when it begins so: what was seen a moment ago is shown for a moment.
    fn shows(&self, code: i32, arguments: &[&str], begin: &str) -> String {
        let limit = Limit::soon();
        loop {
            let finished = self.run(arguments);
            let printed = finished.stdout.join("\n");
            if finished.code == Some(code) && printed.starts_with(begin) {
                return printed;
            }
            assert!(
                !limit.left().is_zero(),
                "{arguments:?} does not begin with {begin}: {finished:?}"
            );
        }
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(path_in(&self.directory)).unwrap();
        stream.set_read_timeout(Some(Limit::soon().left())).unwrap();
        stream
    }

    /// What is answered to `request`.
    fn ask(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        // Whoever refuses may close before it has all.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    /// A source that beats once an hour.
    fn source(&mut self, label: &str) -> Sender {
        let mut sender = Sender::new(self.collector.address(), label).every_ms(3_600_000);
        sender.beat_acked();
        self.collector.tells(label, "up new");
        sender
    }

    /// A source that has died.
    fn dead(&mut self, label: &str) -> Sender {
        let mut sender = Sender::new(self.collector.address(), label).every_ms(100);
        sender.beat_acked();
        self.collector.tells(label, "up new");
        self.collector.tells(label, "late silent");
        self.collector.tells(label, "down silent");
        sender
    }
}

fn path_in(directory: &Directory) -> PathBuf {
    directory.path().join("control")
}

fn start(directory: &Directory, listen: &str, arguments: &[&str]) -> Collector {
    let path = path_in(directory);
    let control = ["--control", path.to_str().unwrap(), "--name", "attic"];
    Collector::start(listen, &[&control, arguments].concat())
}

#[test]
fn status_shows_the_worst_first_and_ends_as_a_plugin_does() {
    let mut scene = Scene::new(&[]);
    assert!(scene.prints(0, &["status"]).starts_with("attic: no sources  "));
    let mut stopped = scene.source("stopped");
    stopped.bye(Reason::Stop, 0);
    scene.collector.tells("stopped", "stopped stop");
    scene.shows(0, &["status"], "attic: 1 stopped  ");
    scene.source("living");
    scene.dead("mortal");

    let table = scene.shows(1, &["status"], "attic: 1 down, 1 up, 1 stopped  ");
    let lines: Vec<_> = table.lines().collect();
    let first = |line: &str| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let rows: Vec<_> = lines[2..].iter().map(|line| first(line)).collect();
    assert_eq!(
        rows,
        [
            "STATE SOURCE CAUSE",
            "down mortal silent",
            "up living new",
            "stopped stopped stop"
        ],
        "{table}"
    );
    let columns = lines[2..]
        .iter()
        .map(|line| line.find("127.0.0.1:").or(line.find("ADDRESS")));
    let columns: Vec<_> = columns.collect();
    assert!(columns.iter().all(|column| column == &columns[0]), "{table}");

    let plugin = scene.prints(1, &["status", "--plugin"]);
    assert_eq!(
        plugin,
        "BEACON WARNING: 1 down, 1 up, 1 stopped | up=1 late=0 down=1 stopped=1 asleep=0 unknown=0 silenced=0"
    );
    let one = scene.prints(0, &["status", "--plugin", "living"]);
    assert!(one.starts_with("BEACON OK: living is up for "), "{one}");

    let document: Json = serde_json::from_str(&scene.prints(1, &["status", "--json"])).unwrap();
    assert_eq!(document["list"].as_array().unwrap().len(), 3);
    assert_eq!(
        (&document["collector"], &document["sources"]["down"]),
        (&"attic".into(), &1.into())
    );

    let detail = scene.prints(1, &["status", "mortal"]);
    for part in [
        "mortal is down",
        "  Received         1",
        "Last 64 slots",
        "  down       silent     was late for ",
    ] {
        assert!(detail.contains(part), "{part:?} in:\n{detail}");
    }
    let detail: Json = serde_json::from_str(&scene.prints(0, &["status", "living", "--json"])).unwrap();
    let slots = detail["slots"].as_str().unwrap();
    assert_eq!(
        (slots.len(), slots.trim_start_matches('_').trim_end_matches('.')),
        (64, "=")
    );
    assert_eq!(detail["history"][0]["event"], "up");

    let unknown = scene.run(&["status", "nobody"]);
    assert_eq!(
        (unknown.code, &unknown.stderr[..]),
        (
            Some(66),
            &["beacon-collector: there is no source nobody".to_owned()][..]
        )
    );
    scene.collector.stop();
}

#[test]
fn without_a_collector_status_ends_with_3_and_says_what_to_do() {
    let directory = Directory::default();
    let path = path_in(&directory);
    let arguments = ["--control", path.to_str().unwrap()];
    let finished = run(Binary::Collector, ["status"].into_iter().chain(arguments));
    assert_eq!(
        (finished.code, finished.stdout.len()),
        (Some(3), 0),
        "{finished:?}"
    );
    assert!(
        finished.stderr[0].contains("no collector answers: ")
            && finished.stderr[0].ends_with("start it, or name its socket with --control PATH"),
        "{finished:?}"
    );
    let plugin = run(
        Binary::Collector,
        ["status", "--plugin"].into_iter().chain(arguments),
    );
    assert_eq!((plugin.code, plugin.stderr.len()), (Some(3), 0), "{plugin:?}");
    assert!(
        plugin.stdout[0].starts_with("BEACON UNKNOWN: no collector answers"),
        "{plugin:?}"
    );
    let silence = run(Binary::Collector, ["forget", "a"].into_iter().chain(arguments));
    assert_eq!(silence.code, Some(3));
}

#[test]
fn a_silenced_source_is_told_as_such_also_after_a_restart() {
    let directory = Directory::in_memory();
    let state = directory.path().join("state").to_str().unwrap().to_owned();
    let collector = start(&directory, ANY, &["--state", &state]);
    let mut scene = Scene { directory, collector };
    let address = scene.collector.address();
    let mut sender = scene.dead("fridge-7");
    scene.shows(1, &["status"], "attic: 1 down  ");

    let said = scene.prints(0, &["silence", "fridge-7", "2h", "--reason", "Ann is at it"]);
    assert!(said.starts_with("fridge-7 is silenced until 20"), "{said}");
    let told = scene.collector.shows("fridge-7");
    assert_eq!(told.as_json()["silenced"], true);
    let table = scene.prints(0, &["status"]);
    assert!(table.starts_with("attic: 1 down, 1 silenced  "), "{table}");
    assert!(
        table.contains("  silenced until 20") && table.ends_with("Z: Ann is at it"),
        "{table}"
    );
    assert!(
        scene
            .prints(0, &["status", "fridge-7"])
            .contains("Silence          silenced until 20")
    );
    scene.collector.stop();

    let address = address.to_string();
    let collector = start(&scene.directory, &address, &["--state", &state]);
    let mut scene = Scene { collector, ..scene };
    let table = scene.prints(0, &["status"]);
    assert!(table.contains("Ann is at it"), "{table}");
    sender.beat();
    let up = scene.collector.tells("fridge-7", "up back");
    assert_eq!(up.as_json()["silenced"], true);
    for event in ["late silent", "down silent"] {
        assert_eq!(
            scene.collector.tells("fridge-7", event).as_json()["silenced"],
            true
        );
    }
    assert_eq!(
        scene.prints(0, &["unsilence", "fridge-7"]),
        "fridge-7 is no longer silenced"
    );
    let told = scene.collector.shows("fridge-7");
    assert_eq!(
        (told.text("state"), &told.as_json()["silenced"]),
        ("down", &Json::Null)
    );
    assert_eq!(
        scene.prints(0, &["unsilence", "fridge-7"]),
        "fridge-7 was not silenced"
    );
    scene.shows(1, &["status"], "attic: 1 down  ");

    // A short one ends by itself, and says so.
    scene.prints(0, &["silence", "fridge-7", "20ms"]);
    let mut told = scene.collector.shows("fridge-7");
    if told.as_json()["silenced"] == true {
        told = scene.collector.shows("fridge-7");
    }
    assert_eq!(told.as_json()["silenced"], Json::Null);
    assert_eq!(scene.run(&["silence", "nobody", "2h"]).code, Some(66));
    assert_eq!(scene.run(&["unsilence", "nobody"]).code, Some(66));
    scene.collector.stop();
}

#[test]
fn a_source_is_forgotten_by_whichever_worker_has_it() {
    let mut scene = Scene::new(&["--workers", "3"]);
    let labels: Vec<_> = (0..12).map(|number| format!("s{number}")).collect();
    let mut senders: Vec<_> = labels.iter().map(|label| scene.source(label)).collect();
    for label in &labels {
        let said = scene.prints(0, &["forget", label]);
        assert_eq!(said, format!("{label} is forgotten; it was up"));
        let line = scene.collector.tells(label, "forgotten");
        assert_eq!(line.text("was"), "up");
    }
    assert!(scene.prints(0, &["status"]).starts_with("attic: no sources"));
    assert_eq!(scene.run(&["forget", "s0"]).code, Some(66));
    senders[0].beat_acked();
    scene.collector.tells("s0", "up new");
    scene.collector.stop();
}

#[test]
fn those_who_are_expected_and_never_heard_are_shown_and_silenced() {
    let directory = Directory::default();
    let inventory = directory.write("inventory", 0o644, "gate yard\nlamp\n");
    let arguments = ["--inventory", inventory.to_str().unwrap(), "--settle", "10ms"];
    let mut scene = Scene::new(&arguments);
    for label in ["gate", "lamp"] {
        scene.collector.tells(label, "down never");
    }
    let table = scene.shows(1, &["status"], "attic: 2 down  ");
    assert!(
        table.contains("down   gate    never") && table.contains("  never  "),
        "{table}"
    );
    for label in ["gate", "lamp"] {
        scene.prints(0, &["silence", label, "1h"]);
    }
    scene.prints(0, &["status"]);
    let never = scene.run(&["forget", "gate"]);
    assert_eq!(never.code, Some(66));
    assert!(
        never.stderr[0].contains("take it out of the inventory"),
        "{never:?}"
    );
    scene.collector.stop();
}

#[test]
fn one_collector_listens_at_a_path_and_leaves_nothing_behind() {
    let mut scene = Scene::new(&[]);
    let path = path_in(&scene.directory);
    let second = scene.run(&["--listen", ANY]);
    assert_eq!(second.code, Some(75), "{second:?}");
    assert!(
        second
            .stderr
            .last()
            .unwrap()
            .contains("another collector listens there"),
        "{second:?}"
    );
    scene.source("living");
    scene.collector.stop();
    assert!(!path.exists());

    // Killed, it leaves its socket, which the next one replaces.
    let killed = start(&scene.directory, ANY, &[]);
    killed.kill();
    assert!(path.exists());
    let collector = start(&scene.directory, ANY, &[]);
    let scene = Scene { collector, ..scene };
    scene.prints(0, &["status"]);
    scene.collector.stop();
    let nowhere = run(
        Binary::Collector,
        ["--listen", ANY, "--control", "/nonexistent/control"],
    );
    assert_eq!(nowhere.code, Some(73), "{nowhere:?}");
}

#[test]
fn by_default_it_stands_in_the_runtime_directory_and_a_second_one_goes_without() {
    let directory = Directory::default();
    let spawn = || {
        let mut command = Binary::Collector.command();
        let arguments = ["--listen", ANY, "--format", "json"];
        command
            .args(arguments)
            .env_remove("BEACON_CONTROL")
            .stdout(Stdio::piped());
        command.env("RUNTIME_DIRECTORY", directory.path());
        let mut process = Process::spawn("beacon-collector", &mut command);
        let mut lines = Lines::follow(process.stdout().unwrap());
        let start = lines.next(Limit::soon()).expect("it says that it starts");
        assert!(start.contains("\"event\":\"start\""), "{start}");
        (process, lines)
    };
    let (mut first, _lines) = spawn();
    assert!(path_in(&directory).exists());
    let (mut second, _more) = spawn();
    second.wait_for_log(
        "another collector listens there; give each a path of its own; this one goes on without",
    );
    second.signal(Signal::TERM);
    assert!(second.wait().success());
    assert!(path_in(&directory).exists(), "it is the first one's");
    first.signal(Signal::TERM);
    assert!(first.wait().success());
    assert!(!path_in(&directory).exists());
}

#[test]
fn nothing_that_a_client_says_hurts() {
    let mut scene = Scene::new(&[]);
    scene.source("living");
    for (request, part) in [
        (
            &b"{\"do\":\"status\"}\n"[..],
            "\"list\":[\n{\"source\":\"living\"",
        ),
        (
            b"{\"do\":\"status\",\"worst\":0}\n{\"do\":\"status\"}\n",
            "\"list\":[\n]}\n",
        ),
        (b"\n", "\"refused\":\"request\""),
        (b"GET / HTTP/1.1\r\n\r\n", "\"refused\":\"request\""),
        (b"\xff\xfe\n", "\"refused\":\"request\""),
        (
            b"{\"do\":\"source\",\"source\":\"nobody\"}\n",
            "\"refused\":\"unknown\"",
        ),
        (&[b'['; 4_096], "one line of at most 4096 bytes"),
        (&[b'x'; 100_000], "one line of at most 4096 bytes"),
    ] {
        let answer = scene.ask(request);
        assert!(
            answer.contains(part),
            "{:?}: {answer}",
            String::from_utf8_lossy(request)
        );
    }
    // Who closes its side has said all, with a newline or without; who says nothing gets nothing.
    for (said, wanted) in [
        ("{\"do\":\"status\"}", "living"),
        ("{\"do\":\"sta", "refused"),
        ("", ""),
    ] {
        let mut half = scene.connect();
        half.write_all(said.as_bytes()).unwrap();
        half.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        half.read_to_string(&mut answer).unwrap();
        assert!(
            answer.contains(wanted) && answer.is_empty() == said.is_empty(),
            "{said}: {answer}"
        );
    }
    // Many more than there are places, silent or in the middle of a line: who asks is answered all the same.
    let silent: Vec<_> = (0..500)
        .map(|number| {
            let mut stream = scene.connect();
            if number % 2 == 0 {
                // One that has lost its place already may be closed.
                let _ = stream.write_all(b"{\"do\":");
            }
            stream
        })
        .collect();
    scene.prints(0, &["status"]);
    drop(silent);
    for _ in 0..1_000 {
        drop(scene.connect());
    }
    scene.prints(0, &["status"]);

    let mut source = Sender::new(scene.collector.address(), "next").every_ms(3_600_000);
    source.beat_acked();
    scene.collector.tells("next", "up new");
    scene.collector.stop();
}

#[test]
fn who_never_reads_keeps_nobody_waiting() {
    let mut scene = Scene::new(&[]);
    // More than the socket holds of the answer.
    let labels: Vec<_> = (0..1_500).map(|number| format!("s{number}")).collect();
    let address = scene.collector.address();
    let mut senders: Vec<_> = labels
        .iter()
        .map(|label| Sender::new(address, label).every_ms(3_600_000))
        .collect();
    senders.iter_mut().for_each(|sender| {
        sender.beat_acked();
    });
    for label in &labels {
        scene.collector.tells(label, "up new");
    }
    let deaf: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = scene.connect();
            stream.write_all(b"{\"do\":\"status\"}\n").unwrap();
            stream
        })
        .collect();
    let document: Json = serde_json::from_str(&scene.prints(0, &["status", "--json"])).unwrap();
    assert_eq!(document["list"].as_array().unwrap().len(), 1_500);
    let table = scene.prints(0, &["status"]);
    assert!(
        table.ends_with("and 500 more; --json has all"),
        "{}",
        &table[table.len() - 200..]
    );
    drop(deaf);
    scene.collector.stop();
}

#[test]
fn watch_shows_it_anew_until_it_is_interrupted() {
    let mut scene = Scene::new(&[]);
    let path = path_in(&scene.directory);
    let mut command = Binary::Collector.command();
    let arguments = ["status", "--watch", "--control", path.to_str().unwrap()];
    let mut watch = Process::spawn("status", command.args(arguments).stdout(Stdio::piped()));
    let mut lines = Lines::follow(watch.stdout().unwrap());
    let mut shows = |part: &str| {
        let limit = Limit::soon();
        while let Some(line) = lines.next(limit) {
            if line.contains(part) {
                return;
            }
        }
        panic!("it does not show {part}");
    };
    shows("attic: no sources");
    scene.source("living");
    shows("attic: 1 up");
    scene.collector.stop();
    shows("no collector answers");
    watch.signal(Signal::TERM);
    assert_eq!(watch.wait().code(), None, "a signal has ended it");
    assert!(!fs::exists(path).unwrap());
}
