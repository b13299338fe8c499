use super::*;
use crate::clock;
use crate::track::event::{Happening, Mass};
use std::fs;
use std::path::{Path, PathBuf};

/// Hooks that run `command` for the collector's own events.
fn hooks(command: &str, timeout: Duration) -> Hooks {
    let settings = Settings {
        command: command.to_owned(),
        events: EventSet::ALL,
        parallel: NonZeroU16::new(2).unwrap(),
        timeout,
    };
    Hooks::open(settings, "attic".to_owned()).unwrap()
}

const LONG: Duration = Duration::from_secs(20);

fn call(hooks: &Hooks, what: What) {
    let clock = clock::read();
    hooks.caller().offer(&Event { at: clock.now, what }, &clock);
}

fn mass_loss() -> What {
    What::MassLoss(Mass { count: 6, total: 11 })
}

/// A named pipe, whose reader waits for what hooks write.
fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// Hooks of which one has begun, and the pipe that it reads a line from before it ends.
fn begun(dir: &Path) -> (Hooks, PathBuf) {
    let [begun, go] = ["begun", "go"].map(|name| dir.join(name));
    [&begun, &go].into_iter().for_each(|path| pipe(path));
    let command = format!("echo > {}; read word < {}", begun.display(), go.display());
    let hooks = hooks(&command, LONG);
    call(&hooks, mass_loss());
    assert_eq!(fs::read_to_string(begun).unwrap(), "\n");
    (hooks, go)
}

#[test]
fn a_hook_is_given_the_event_and_none_of_the_options() {
    let dir = tempfile::tempdir().unwrap();
    let told = dir.path().join("told");
    pipe(&told);
    let hooks = hooks(
        &format!("{{ cat; env | grep ^BEACON_ | sort; }} > {}", told.display()),
        LONG,
    );
    call(&hooks, mass_loss());
    let told = fs::read_to_string(told).unwrap();
    let (line, variables) = told.split_once('\n').unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let time = line["time"].as_str().unwrap();
    assert_eq!(
        line,
        serde_json::json!({
            "v": 1, "id": 1, "time": time, "event": "mass_loss", "collector": "attic", "count": 6, "total": 11,
        })
    );
    assert_eq!(
        variables,
        format!(
            "BEACON_EVENT=mass_loss\nBEACON_EVENT_COLLECTOR=attic\nBEACON_EVENT_COUNT=6\nBEACON_EVENT_ID=1\n\
             BEACON_EVENT_TIME={time}\nBEACON_EVENT_TOTAL=11\nBEACON_EVENT_V=1\n"
        )
    );
    let counts = hooks.counts();
    hooks.finish(clock::now());
    assert_eq!(counts.of(Outcome::Done), 1);
}

#[test]
fn how_a_hook_ends_is_counted() {
    let hooks = hooks("exit $BEACON_EVENT_COUNT", LONG);
    let counts = hooks.counts();
    for count in [3, 0] {
        call(&hooks, What::MassLoss(Mass { count, total: 11 }));
        let outcome = [Outcome::Done, Outcome::Failed][usize::from(count > 0)];
        until(|| counts.of(outcome) == 1);
    }
    hooks.finish(clock::now());
}

/// The end of the pipe is the end of all who had it open.
#[test]
fn a_hook_that_hangs_is_ended_with_all_that_it_has_started() {
    let dir = tempfile::tempdir().unwrap();
    let told = dir.path().join("told");
    pipe(&told);
    let command = format!(
        "exec > {}; trap 'echo asked' TERM; sleep 1000 & sh -c 'trap \"\" TERM; echo hangs; sleep 1000; sleep 1000'; wait",
        told.display()
    );
    let hooks = hooks(&command, Duration::from_secs(3));
    call(&hooks, mass_loss());
    let (said, heard) = channel();
    thread::spawn(move || said.send(fs::read_to_string(told).unwrap()));
    let said = heard.recv_timeout(LONG).expect("the pipe's end in time");
    assert!(said.starts_with("hangs\n"), "{said}");
    let counts = hooks.counts();
    until(|| counts.of(Outcome::Timeout) == 1);
    hooks.finish(clock::now());
}

#[test]
fn at_the_end_what_runs_is_awaited_and_what_waits_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let (hooks, go) = begun(dir.path());
    let counts = hooks.counts();
    call(
        &hooks,
        What::Start {
            listen: Vec::new(),
            socket_drops: 0,
        },
    );
    call(&hooks, mass_loss());
    until(|| counts.waiting() == 2);
    hooks.caller().end();
    until(|| counts.of(Outcome::Dropped) == 2);
    call(&hooks, mass_loss());
    let ending = thread::spawn(|| hooks.finish(clock::now()));
    until(|| counts.of(Outcome::Dropped) == 3);
    assert!(!ending.is_finished());
    fs::write(go, "go\n").unwrap();
    ending.join().unwrap();
    assert_eq!(counts.of(Outcome::Done), 1);
}

/// As with a hook that does not die when it is killed.
#[test]
fn a_hook_does_not_hold_the_end_up_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let (hooks, go) = begun(dir.path());
    let counts = hooks.counts();
    hooks.finish(Moment::ORIGIN);
    assert_eq!(counts.of(Outcome::Done), 0);
    fs::write(go, "go\n").unwrap();
    until(|| counts.of(Outcome::Done) == 1);
}

#[test]
fn who_asks_for_states_is_told_the_one_that_flapping_has_left() {
    let [up, moved, steady] = [Happening::Up, Happening::Moved, Happening::Steady].map(EventName::Source);
    for (asked, is_told) in [(up, true), (moved, false)] {
        let settings = Settings {
            command: "true".to_owned(),
            events: [asked].into_iter().collect(),
            parallel: NonZeroU16::MIN,
            timeout: LONG,
        };
        let hooks = Hooks::open(settings, "attic".to_owned()).unwrap();
        let heard = hooks.caller().events;
        assert!(heard.contains(asked) && heard.contains(EventName::MassOver));
        assert_eq!(heard.contains(steady), is_told);
        hooks.finish(clock::now());
    }
}

fn until(is_so: impl Fn() -> bool) {
    let limit = clock::now() + LONG;
    while !is_so() {
        assert!(clock::now() < limit, "not in {LONG:?}");
        thread::yield_now();
    }
}

#[test]
fn bounds_are_documented() {
    let document = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/hooks.md"));
    assert_eq!(MAX_WAITING, 65_536);
    assert_eq!([AT_THE_END.as_secs(), watch::GRACE.as_secs()], [5, 2]);
    assert_eq!(GONE_WITHIN, AT_THE_END + watch::GRACE + Duration::from_secs(1));
    for part in [
        "65,536 events may wait",
        "go on for up to 5 s",
        "SIGKILL 2 s later",
        "8 s after",
    ] {
        assert!(document.contains(part), "{part}");
    }
}
