//! What it shows, and how `status` ends.

use std::fs;
use std::process::Stdio;

use beacon_common::Reason;
use beacon_tests::e2e::{Binary, Directory, Limit, Lines, Process, Signal, run};
use serde_json::Value as Json;

use super::{Scene, path_in};

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

    let table = scene.shows(1, &["status"], "attic: 1 down, 1 stopped, 1 up  ");
    let lines: Vec<_> = table.lines().collect();
    let first = |line: &str| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let rows: Vec<_> = lines[2..].iter().map(|line| first(line)).collect();
    assert_eq!(
        rows,
        [
            "STATE SOURCE CAUSE",
            "down mortal silent",
            "stopped stopped stop",
            "up living new"
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
        "BEACON WARNING: 1 down, 1 stopped, 1 up | up=1 late=0 down=1 stopped=1 asleep=0 unknown=0 silenced=0"
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
    let forget = run(Binary::Collector, ["forget", "a"].into_iter().chain(arguments));
    assert_eq!(forget.code, Some(3));
}

/// Exit code 2 would be CRITICAL to a monitoring system.
#[test]
fn wrong_arguments_are_unknown_to_a_monitoring_system_and_exit_code_2_to_all_others() {
    for (arguments, told) in [
        (
            &["status", "--plugin", "--no"][..],
            "--no: no such option; --help lists them",
        ),
        (
            &["status", "--no", "--plugin"],
            "--no: no such option; --help lists them",
        ),
        (&["status", "-", "--plugin"], "[LABEL]: '-' is not a label; "),
        (&["status", "a", "b", "--plugin"], "b: no such option; "),
        (
            &["status", "--plugin", "--control"],
            "--control: a value is missing; ",
        ),
        (&["status", "--plugin", "--plugin"], "--plugin: given twice"),
        (&["status", "--plugin=yes"], "--plugin: it takes no value"),
        (
            &["status", "--plugin", "--json"],
            "--plugin: it does not go together with --json",
        ),
        (
            &["status", "--watch", "--plugin"],
            "--plugin: it does not go together with --watch",
        ),
        (&["status", "--plugin", "--control", "none"], "--control: none: "),
        (
            &["--tick", "1s", "status", "--plugin"],
            "status: takes its own options, after the command",
        ),
        (&["--no", "status", "--plugin"], "--no: no such option; "),
    ] {
        let plugin = run(Binary::Collector, arguments.iter().copied());
        assert_eq!(
            (plugin.code, plugin.stdout.len(), plugin.stderr.len()),
            (Some(3), 1, 0),
            "{plugin:?}"
        );
        assert!(
            plugin.stdout[0].starts_with(&format!("BEACON UNKNOWN: {told}")),
            "{plugin:?}"
        );
    }
    for arguments in [
        &["status", "--no"][..],
        &["status", "--json", "--no"],
        &["forget", "status", "--plugin"],
        &["--plugin"],
    ] {
        let other = run(Binary::Collector, arguments.iter().copied());
        assert_eq!(
            (other.code, other.stdout.len(), other.stderr.len()),
            (Some(2), 0, 1),
            "{other:?}"
        );
    }
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
