//! The sources that are expected, from the file to the lines.

use std::path::Path;

use beacon_common::Reason;
use beacon_tests::e2e::{Binary, Collector, Directory, Line, Sender, Signal, run};

const HOUR_MS: u32 = 3_600_000;

const WORKERS: [&str; 2] = ["--workers", "4"];

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is UTF-8")
}

/// Enough for each worker to have some.
fn labels(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("s{number}")).collect()
}

#[test]
fn the_expected_are_unknown_then_up_or_down_whichever_worker_has_them() {
    let directory = Directory::default();
    let labels = labels(40);
    let lines: String = labels
        .iter()
        .map(|label| format!("{label} shelf by the door\n"))
        .collect();
    let file = directory.write("inventory", 0o644, &format!("# forty\n{lines}"));
    let inventory = ["--inventory", text(&file), "--settle", "2s", "--tick", "50ms"];
    let mut collector = Collector::start("127.0.0.1:0", &[&inventory[..], &WORKERS].concat());
    let is_all = |tick: &Line| tick.number("sources.unknown") == 40;
    collector.says_where("tick", is_all);
    collector.signal(Signal::USR1);
    for label in &labels {
        let state = collector.shows(label);
        assert_eq!(
            (state.text("state"), state.number("bound_ms")),
            ("unknown", 2_000)
        );
        assert!(
            state.as_json()["addr"].is_null() && state.as_json()["cause"].is_null(),
            "{state}"
        );
    }
    let (early, late) = labels.split_at(20);
    let to = collector.address();
    for label in early {
        Sender::new(to, label).every_ms(HOUR_MS).beat_acked();
        let up = collector.tells(label, "up new");
        assert_eq!((up.text("was"), up.text("group")), ("unknown", "shelf"));
    }
    for label in late {
        let down = collector.tells(label, "down never");
        assert_eq!(down.text("group"), "shelf");
        assert!((2_000..3_000).contains(&down.number("silent_ms")), "{down}");
    }
    let mut sender = Sender::new(to, &late[0]).every_ms(HOUR_MS);
    sender.beat_acked();
    assert_eq!(collector.tells(&late[0], "up new").text("was"), "down");
    sender.bye(Reason::Stop, 0);
    collector.tells(&late[0], "stopped stop");
    collector.stop();
}

#[test]
fn others_are_refused_and_the_file_is_read_again() {
    let directory = Directory::default();
    let write = |text: &str| directory.write("inventory", 0o644, text);
    let file = write("fridge kitchen\nlamp\n");
    let arguments = [
        "--inventory",
        text(&file),
        "--inventory-only",
        "--tick",
        "50ms",
        "--max-sources",
        "3",
    ];
    let mut collector = Collector::start("127.0.0.1:0", &[&arguments[..], &WORKERS].concat());
    let to = collector.address();
    let sender = |label: &str| Sender::new(to, label).every_ms(HOUR_MS);
    sender("guest").beat();
    let is_refused = |tick: &Line| tick.number("rejected.full") == 1;
    collector.says_where("tick", is_refused);
    sender("fridge").beat_acked();
    collector.tells("fridge", "up new");

    for (bad, why) in [
        ("fridge\n-\n", "line 2: a label begins"),
        ("", "there is no label in it"),
        ("a\nb\nc\nd\n", "4 sources, and --max-sources is 3"),
    ] {
        write(bad);
        collector.signal(Signal::HUP);
        let line = collector.wait_for_log(why);
        assert!(line.contains("expected before still are"), "{line}");
    }
    write("guest attic\nfridge cellar\n");
    collector.signal(Signal::HUP);
    collector.wait_for_log("--inventory: read again: 2 sources");
    assert_eq!(collector.tells("lamp", "forgotten").text("was"), "unknown");
    collector.signal(Signal::USR1);
    assert_eq!(collector.shows("guest").text("state"), "unknown");
    assert_eq!(collector.shows("fridge").text("group"), "cellar");
    sender("guest").beat_acked();
    assert_eq!(collector.tells("guest", "up new").text("group"), "attic");
    collector.stop();
}

#[test]
fn whoever_was_never_heard_is_known_after_a_restart() {
    let directory = Directory::in_memory();
    let file = directory.write("inventory", 0o644, "lamp\n");
    let state = directory.path().join("state");
    let arguments = ["--inventory", text(&file), "--state", text(&state)];
    let start = |settle| {
        Collector::start(
            "127.0.0.1:0",
            &[&arguments[..], &["--settle", settle], &WORKERS].concat(),
        )
    };
    let mut collector = start("100ms");
    collector.tells("lamp", "down never");
    collector.stop();

    directory.write("inventory", 0o644, "lamp cellar\nfridge\n");
    let mut collector = start("1h");
    collector.signal(Signal::USR1);
    let lamp = collector.shows("lamp");
    assert_eq!(
        [lamp.text("state"), lamp.text("cause"), lamp.text("group")],
        ["down", "never", "cellar"]
    );
    assert_eq!(collector.shows("fridge").text("state"), "unknown");
    Sender::new(collector.address(), "lamp")
        .every_ms(HOUR_MS)
        .beat_acked();
    assert_eq!(collector.tells("lamp", "up new").text("was"), "down");
    let told = collector.stop();
    assert!(told.iter().all(|line| line.event() != "down"), "{told:?}");
}

#[test]
fn what_cannot_be_used_ends_the_program_in_one_line() {
    let directory = Directory::default();
    let damaged = directory.write("damaged", 0o644, "fridge\nlamp\nfridge\n");
    let good = directory.write("good", 0o644, "fridge\nlamp\n");
    let missing = directory.path().join("missing");
    for (arguments, code, part) in [
        (
            &["--inventory", text(&damaged)][..],
            65,
            "damaged: line 3: fridge stands in line 1 already",
        ),
        (&["--inventory", text(&missing)], 66, "missing: cannot be read"),
        (
            &["--inventory", text(&good), "--max-sources", "1"],
            2,
            "2 sources, and --max-sources is 1",
        ),
        (
            &["--inventory-only"],
            2,
            "--inventory-only: there is no inventory",
        ),
    ] {
        let listen = ["--listen", "127.0.0.1:0"];
        let finished = run(Binary::Collector, listen.iter().chain(arguments).copied());
        assert_eq!(
            (finished.code, finished.stderr.len()),
            (Some(code), 1),
            "{finished:?}"
        );
        assert!(finished.stderr[0].contains(part), "{finished:?}");
        assert_eq!(finished.stdout, [""; 0]);
    }
}
