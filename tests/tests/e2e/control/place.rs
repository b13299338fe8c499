//! Where it stands, and whose it is.

use std::process::Stdio;

use beacon_tests::e2e::{Binary, Directory, Limit, Lines, Process, Signal, run};

use super::{ANY, Scene, path_in, start};

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
