//! The control socket (docs/control.md).

mod hostile;
mod operate;
mod place;
mod show;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use beacon_tests::e2e::{Binary, Collector, Directory, Finished, Limit, Sender, run};

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
