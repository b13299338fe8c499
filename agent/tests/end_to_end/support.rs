//! An agent process, and a socket in the collector's place.

use beacon_common::{DeviceKey, Flags, Frame, Kind, View};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// How long anything may take that is to happen. Only a failing test ever waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The agent with nothing inherited from whoever runs the tests.
pub(crate) fn command<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_beacon-agent"));
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A running agent; it ends with the test.
pub(crate) struct Agent {
    child: Child,
    log: Receiver<String>,
}

impl Agent {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut command(arguments))
    }

    /// An agent of `label` that beats every 50 ms to `collector`.
    pub(crate) fn beating(collector: &Collector, more: &[&str]) -> Self {
        let to = collector.address();
        let arguments = ["--to", &to, "--label", "fridge-7", "--interval", "50ms"];
        Self::start(&[&arguments, more].concat())
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, log) = channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, log }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.pid()))
            .unwrap()
            .count()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// The next log line that has `part` in it.
    pub(crate) fn log_line(&self, part: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => seen.push(line),
                Err(_) => panic!("no line with {part:?} but {seen:#?}"),
            }
        }
    }

    /// The log so far that nobody has read yet.
    pub(crate) fn log_so_far(&self) -> Vec<String> {
        self.log.try_iter().collect()
    }

    /// The exit code, and the log that nobody has read yet.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>) {
        let mut lines = Vec::new();
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the agent does not end: {lines:#?}"),
            }
        }
        (self.child.wait().unwrap().code(), lines)
    }
}

/// Asks it to end, so that its checks end with it.
impl Drop for Agent {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::TERM);
            let step = Duration::from_millis(10);
            for _ in 0..PATIENCE.as_millis() / step.as_millis() {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                thread::sleep(step);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A datagram as it came.
#[derive(Clone, Copy)]
pub(crate) struct Received {
    pub(crate) frame: Frame,
    pub(crate) bytes: [u8; 64],
    pub(crate) from: SocketAddr,
}

/// A socket in the collector's place.
pub(crate) struct Collector(UdpSocket);

impl Collector {
    pub(crate) fn new() -> Self {
        Self::at("127.0.0.1:0")
    }

    pub(crate) fn at(address: &str) -> Self {
        Self::over(UdpSocket::bind(address).unwrap())
    }

    pub(crate) fn over(socket: UdpSocket) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    pub(crate) fn receive(&self) -> Received {
        self.try_receive().expect("a datagram in time")
    }

    pub(crate) fn receive_within(&self, time: Duration) -> Option<Received> {
        self.0.set_read_timeout(Some(time)).unwrap();
        let received = self.try_receive();
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        received
    }

    fn try_receive(&self) -> Option<Received> {
        let mut buffer = [0; 65];
        let (len, from) = loop {
            match self.0.recv_from(&mut buffer) {
                // A wait with a limit is broken off where the process is stopped and continued (signal(7)).
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => break received.ok()?,
            }
        };
        let bytes: [u8; 64] = buffer[..len].try_into().expect("64 bytes");
        let frame = View::parse(&bytes).expect("a frame").frame();
        Some(Received { frame, bytes, from })
    }

    /// The next frame for which `is_it` holds.
    pub(crate) fn receive_until(&self, is_it: impl Fn(&Frame) -> bool) -> Received {
        loop {
            let received = self.receive();
            if is_it(&received.frame) {
                return received;
            }
        }
    }

    pub(crate) fn ack(&self, received: &Received) {
        self.send(&received.frame.ack(), None, received.from);
    }

    pub(crate) fn send(&self, frame: &Frame, key: Option<&DeviceKey>, to: SocketAddr) {
        let mut bytes = [0; 64];
        frame.emit(key, &mut bytes);
        self.0.send_to(&bytes, to).unwrap();
    }

    /// Probes the agent that `received` came from.
    pub(crate) fn probe(&self, received: &Received, nonce: u64, key: Option<&DeviceKey>) {
        let probe = Frame {
            kind: Kind::Probe,
            flags: Flags::default(),
            sent_us: nonce,
            ..received.frame.ack()
        };
        self.send(&probe, key, received.from);
    }

    /// Receives until nothing has come for as long as `silence`, and gives the last that came.
    pub(crate) fn receive_until_silent(&self, silence: Duration) -> Option<Received> {
        self.0.set_read_timeout(Some(silence)).unwrap();
        let last = std::iter::from_fn(|| self.try_receive()).last();
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        last
    }

    /// Whether nothing has come that was not received; only meaningful once the sender has ended.
    pub(crate) fn is_drained(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let is_drained = self.0.recv_from(&mut [0; 65]).is_err();
        self.0.set_nonblocking(false).unwrap();
        is_drained
    }
}

/// Waits until `is_so`.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let step = Duration::from_millis(5);
    let steps = PATIENCE.as_millis() / step.as_millis();
    let is_so_in_time = (0..steps).any(|_| {
        is_so() || {
            thread::sleep(step);
            false
        }
    });
    assert!(is_so_in_time, "not in time: {what}");
}

pub(crate) fn is_beat(frame: &Frame) -> bool {
    matches!(frame.kind, Kind::Beat(_))
}

pub(crate) fn is_bye(frame: &Frame) -> bool {
    matches!(frame.kind, Kind::Bye(_))
}
