//! A collector in a test, and the lines that it writes.

use std::collections::HashMap;
use std::fmt::Display;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::activation::{activated, socket_for_stdin};
use super::binaries::Binary;
use super::limit::Limit;
use super::line::Line;
use super::lines::Lines;
use super::process::{Process, code};
use super::schema::Schema;

/// A running `beacon-collector --format json`, read line by line.
///
/// What it tells of a source is taken in order, so that an event that nobody expected is found: [`Collector::tells`]
/// takes the next one, and [`Collector::stop`] fails where one is left. Snapshots and reports, in which nothing
/// happens, are taken apart from the events.
pub struct Collector {
    process: Process,
    stdout: Lines,
    listen: Vec<SocketAddr>,
    told: Vec<Line>,
    /// How much of `told` was looked at, for each thing that is looked for.
    read: HashMap<String, usize>,
}

impl Collector {
    /// Starts a collector that listens on `listen`, `127.0.0.1:0` for example, and waits until it does.
    #[must_use]
    pub fn start(listen: &str, arguments: &[&str]) -> Self {
        Self::start_with(&[&["--listen", listen], arguments].concat())
    }

    /// Starts a collector with these arguments, and waits until it listens.
    #[must_use]
    pub fn start_with(arguments: &[&str]) -> Self {
        let mut command = Binary::Collector.command();
        command.args(["--format", "json"]).args(arguments);
        Self::spawn(Stdio::null(), command)
    }

    /// Starts a collector that is handed `socket` as systemd does it, and waits until it listens.
    ///
    /// # Errors
    /// The system's, where it has no file descriptor to give.
    pub fn start_handed(socket: &UdpSocket, arguments: &[&str]) -> io::Result<Self> {
        Ok(Self::spawn(socket_for_stdin(socket)?, activated(arguments)))
    }

    fn spawn(stdin: Stdio, mut command: Command) -> Self {
        command.stdout(Stdio::piped());
        let mut process = Process::spawn_reading("beacon-collector", stdin, &mut command);
        let stdout = Lines::follow(process.stdout().expect("it was just asked to be piped"));
        let (listen, told, read) = (Vec::new(), Vec::new(), HashMap::new());
        let mut collector = Self {
            process,
            stdout,
            listen,
            told,
            read,
        };
        let start = collector.says("start");
        let addresses = start.as_json()["listen"].as_array().into_iter().flatten();
        collector.listen = addresses
            .filter_map(|address| address.as_str()?.parse().ok())
            .collect();
        collector
    }

    /// Where it listens: the first of the addresses.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses()[0]
    }

    /// The line that it has begun with.
    #[must_use]
    pub fn first_line(&self) -> &Line {
        &self.told[0]
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.listen
    }

    /// Takes the next event of the source called `label`, which has to be `what`: `up new`, `moved`.
    pub fn tells(&mut self, label: &str, what: &str) -> Line {
        let line = self.next_of(label, what);
        if line.what() != what {
            self.fail(format_args!(
                "tells of {label}: {}, where {what} was due",
                line.what()
            ));
        }
        line
    }

    /// Takes the next event of the source called `label`, whatever it is. `purpose` says what the test waits for.
    pub fn next_of(&mut self, label: &str, purpose: &str) -> Line {
        let line = self.take(label, |line| line.source() == Some(label) && line.is_edge());
        line.unwrap_or_else(|| self.fail(format_args!("does not tell {purpose} of {label}")))
    }

    /// Takes the next `report` of the source called `label` that is as `is_wanted` says, passing over others.
    pub fn reports(&mut self, label: &str, is_wanted: impl Fn(&Line) -> bool) -> Line {
        self.take_snapshot("report", label, is_wanted)
    }

    /// Takes the next `state` of the source called `label`.
    pub fn shows(&mut self, label: &str) -> Line {
        self.take_snapshot("state", label, |_| true)
    }

    fn take_snapshot(&mut self, event: &str, label: &str, is_wanted: impl Fn(&Line) -> bool) -> Line {
        let is_it = |line: &Line| line.event() == event && line.source() == Some(label) && is_wanted(line);
        let line = self.take(&format!("{event} of {label}"), is_it);
        line.unwrap_or_else(|| self.fail(format_args!("does not write the wanted {event} of {label}")))
    }

    /// Takes the next line about the collector itself that tells `event`, passing over others.
    pub fn says(&mut self, event: &str) -> Line {
        self.says_where(event, |_| true)
    }

    /// Takes the next line about the collector itself that tells `event` and is as `is_wanted` says.
    pub fn says_where(&mut self, event: &str, is_wanted: impl Fn(&Line) -> bool) -> Line {
        let line = self.take(&format!("own {event}"), |line| {
            line.event() == event && is_wanted(line)
        });
        line.unwrap_or_else(|| self.fail(format_args!("does not say {event}")))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Kills it with SIGKILL. Returns all that it has told.
    pub fn kill(mut self) -> Vec<Line> {
        self.process.kill();
        while self.next_line(Limit::soon()) {}
        self.told
    }

    /// The number of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Stops reading what it writes.
    pub fn pause_reading(&self) {
        self.stdout.pause();
    }

    /// Reads on.
    pub fn resume_reading(&self) {
        self.stdout.resume();
    }

    /// Its exit code, once it has ended.
    pub fn wait(&mut self) -> Option<i32> {
        code(self.process.wait())
    }

    /// Ends it in order: exit code 0, the line `end` last, every line as the schema says, their numbers without a
    /// gap, and no event left that the test has not taken. Returns all that it has told.
    pub fn stop(mut self) -> Vec<Line> {
        self.end();
        self.assert_all_taken();
        self.told
    }

    /// Ends it as [`Collector::stop`] does, where the test looks at all that it has told by itself.
    pub fn end_of_all(mut self) -> Vec<Line> {
        self.end();
        self.told
    }

    fn end(&mut self) {
        self.process.signal(Signal::TERM);
        self.says("end");
        if self.next_line(Limit::soon()) {
            self.fail("writes on after its end");
        }
        let code = self.wait();
        if code != Some(0) {
            self.fail(format_args!("has ended with {code:?}"));
        }
        self.check_lines();
    }

    /// The line of its log that holds `part`, among those not looked at yet.
    pub fn wait_for_log(&mut self, part: &str) -> String {
        self.process.wait_for_log(part)
    }

    /// Panics with what is wrong and all that the collector has told.
    pub fn fail(&mut self, problem: impl Display) -> ! {
        let told: Vec<_> = self.told.iter().map(ToString::to_string).collect();
        self.process
            .fail(format_args!("{problem}; it has told:\n  {}\n", told.join("\n  ")))
    }

    fn check_lines(&mut self) {
        let in_order = (1..).zip(&self.told).find(|(id, line)| line.number("id") != *id);
        let problem = match in_order {
            Some((id, line)) => Some(format!("has number {id} on another line than {line}")),
            None => self
                .told
                .iter()
                .find_map(|line| Schema::of_collector().check(line).err()),
        };
        if let Some(problem) = problem {
            self.fail(problem);
        }
    }

    fn assert_all_taken(&mut self) {
        let is_taken = |at: usize, label: &str| self.read.get(label).is_some_and(|&read| at < read);
        let mut told = self.told.iter().enumerate();
        let left = told
            .find(|(at, line)| line.is_edge() && line.source().is_some_and(|label| !is_taken(*at, label)));
        if let Some((_, line)) = left {
            let what = format!("has told unasked {} of {:?}", line.what(), line.source());
            self.fail(what);
        }
    }

    /// The next line for the reader called `reader`, told already or to be waited for.
    fn take(&mut self, reader: &str, is_wanted: impl Fn(&Line) -> bool) -> Option<Line> {
        let limit = Limit::soon();
        let mut at = self.read.get(reader).copied().unwrap_or_default();
        loop {
            while let Some(line) = self.told.get(at) {
                at += 1;
                if is_wanted(line) {
                    self.read.insert(reader.to_owned(), at);
                    return Some(line.clone());
                }
            }
            if !self.next_line(limit) {
                return None;
            }
        }
    }

    fn next_line(&mut self, limit: Limit) -> bool {
        let line = self.stdout.next(limit).map(Line::parse);
        let is_there = line.is_some();
        self.told.extend(line);
        is_there
    }
}
