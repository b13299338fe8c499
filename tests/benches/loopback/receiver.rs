//! Who receives.

use std::env;
use std::fs::{self, File};
use std::io;
use std::process::{Command, Stdio};

use beacon_common::key::KEY_LEN;
use beacon_common::{KeyId, MasterKey};
use beacon_tests::e2e::{Binary, Directory, Process};
use beacon_tests::measure::{free_port, spawn_pinned, wait_until_bound};

/// The key of the set-up with keys.
pub(crate) const MASTER: [u8; KEY_LEN] = *b"0123456789abcdef";
/// Its id.
pub(crate) const KEY_ID: KeyId = KeyId::new(1).expect("it is not 0");

/// A receiver to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// A loop that counts.
    Bare,
    /// The collector as it comes.
    Collector,
    /// The collector with keys.
    Keys,
    /// A loop that sends everything back.
    BareAnswering,
    /// The collector, asked for an ack with every beat.
    Acks,
}

impl Receiver {
    /// All of them, in the order in which they are measured.
    pub(crate) const ALL: [Self; 5] = [
        Self::Bare,
        Self::Collector,
        Self::Keys,
        Self::BareAnswering,
        Self::Acks,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "a: bare recvmmsg",
            Self::Collector => "b: collector",
            Self::Keys => "c: collector with keys",
            Self::BareAnswering => "bare recvmmsg and sendmmsg",
            Self::Acks => "d: collector with acks",
        }
    }

    pub(crate) const fn has_keys(self) -> bool {
        matches!(self, Self::Keys)
    }

    pub(crate) const fn answers(self) -> bool {
        matches!(self, Self::BareAnswering | Self::Acks)
    }

    const fn is_bare(self) -> bool {
        matches!(self, Self::Bare | Self::BareAnswering)
    }
}

/// A receiver at work.
pub(crate) struct Running {
    receiver: Receiver,
    process: Process,
    port: u16,
    directory: Directory,
}

impl Running {
    pub(crate) fn start(receiver: Receiver) -> io::Result<Self> {
        let directory = Directory::default();
        let port = free_port()?;
        let mut command = match receiver.is_bare() {
            true => bare(receiver, port)?,
            false => collector(receiver, port, &directory)?,
        };
        let mut process = spawn_pinned(receiver.name(), &mut command)?;
        wait_until_bound(&mut process, port);
        Ok(Self {
            receiver,
            process,
            port,
            directory,
        })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends it, and looks whether it has taken the load for what it was: every source up, and none down.
    pub(crate) fn end(&mut self, sources: u32) -> io::Result<Option<String>> {
        self.process.kill();
        if self.receiver.is_bare() {
            return Ok(None);
        }
        let told = fs::read_to_string(self.directory.path().join(EVENTS))?;
        let count = |what: &str| told.lines().filter(|line| line.contains(what)).count();
        let (new, down) = (count(r#""cause":"new""#), count(r#""event":"down""#));
        let is_right = new == sources as usize && down == 0;
        let complaint = || format!("{} of {sources} sources came up, {down} went down", new);
        Ok((!is_right).then(complaint))
    }
}

/// The file that takes the collector's event lines.
const EVENTS: &str = "events";

fn bare(receiver: Receiver, port: u16) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["bare", "--port", &port.to_string()]);
    if receiver.answers() {
        command.arg("--answer");
    }
    command.stdout(Stdio::null());
    Ok(command)
}

/// The collector listens as it does by default, on all addresses of both families.
fn collector(receiver: Receiver, port: u16, directory: &Directory) -> io::Result<Command> {
    let mut command = Binary::Collector.command();
    command.args(["--admit-rate", "0", "--listen", &format!("[::]:{port}")]);
    if receiver.has_keys() {
        let line = format!("{}\n", MasterKey::new(KEY_ID, MASTER).reveal());
        command.arg("--one-way").arg("--keys");
        command.arg(directory.write("keys", 0o600, &line));
    }
    command.stdout(File::create(directory.path().join(EVENTS))?);
    Ok(command)
}
