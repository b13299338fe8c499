//! What it does about a source.

use beacon_tests::e2e::Directory;
use serde_json::Value as Json;

use super::{ANY, Scene, start};

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
fn a_group_is_shown_judged_and_silenced_by_itself() {
    let directory = Directory::in_memory();
    let file = directory.write("inventory", 0o644, "a yard\nb yard\nc hall\n");
    let inventory = ["--inventory", file.to_str().unwrap(), "--settle", "1h"];
    let collector = start(&directory, ANY, &inventory);
    let mut scene = Scene { directory, collector };
    scene.dead("a");
    scene.source("c");
    let hall = scene.shows(0, &["status", "--group", "hall"], "attic: 1 up  ");
    assert!(hall.contains("up     c       hall   new "), "{hall}");
    let yard = scene.shows(
        1,
        &["status", "--plugin", "--group", "yard"],
        "BEACON WARNING: 1 down, 1 unknown | ",
    );
    assert!(yard.ends_with(" silenced=0"), "{yard}");
    let detail = scene.prints(1, &["status", "a"]);
    assert!(detail.contains("  Group            yard\n"), "{detail}");

    let said = scene.prints(0, &["silence", "--group", "yard", "2h", "--reason", "new fence"]);
    let silenced: Vec<_> = said
        .lines()
        .map(|line| line.split(" until ").next().unwrap())
        .collect();
    assert_eq!(silenced, ["a is silenced", "b is silenced"]);
    scene.shows(
        0,
        &["status", "--group", "yard"],
        "attic: 1 down, 1 unknown, 2 silenced  ",
    );
    scene.shows(0, &["status"], "attic: 1 down, 1 unknown, 1 up, 2 silenced  ");
    let said = scene.prints(0, &["unsilence", "--group", "yard"]);
    assert_eq!(said, "a is no longer silenced\nb is no longer silenced");
    for arguments in [
        &["status", "--group", "attic"][..],
        &["silence", "--group", "attic", "2h"],
    ] {
        let refused = scene.run(arguments);
        assert_eq!(refused.code, Some(66), "{refused:?}");
        assert_eq!(refused.stderr, ["beacon-collector: there is no group attic"]);
    }
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
        table.contains("down   gate    yard   never") && table.contains("  never  "),
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
