//! A source made by hand: every field of its frames is the test's.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use beacon_common::{DeviceKey, FRAME_LEN, Flags, Frame, Health, Kind, Label, Reason, Seq, Session, View};

use super::limit::{Limit, now};
use super::receiver::receive;

/// The first beat of a source called `label` that sends one every `interval_ms`.
///
/// # Panics
/// Where `label` is none.
#[must_use]
pub fn first_beat(label: &str, interval_ms: u32) -> Frame {
    Frame {
        kind: Kind::Beat(Health::Ok),
        flags: Flags::default(),
        misses: 3,
        label: Label::new(label).expect("a test chooses a good label"),
        session: Session::new(1, 0),
        sent_us: 0,
        seq: Seq::FIRST,
        interval_ms,
        next_ms: interval_ms,
        uptime_s: 1,
    }
}

/// A socket that sends well-formed frames of one source.
pub struct Sender {
    socket: UdpSocket,
    began: Instant,
    key: Option<DeviceKey>,
    /// The next frame, but for its `sent_us`.
    pub frame: Frame,
}

impl Sender {
    /// A source called `label` that sends to `to`, every second unless its frames say otherwise.
    #[must_use]
    pub fn new(to: SocketAddr, label: &str) -> Self {
        let socket = connected(to);
        Self {
            socket,
            began: now(),
            key: None,
            frame: first_beat(label, 1_000),
        }
    }

    /// The same source with frames made with `key`.
    #[must_use]
    pub fn with_key(self, key: DeviceKey) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    /// Makes its frames with `key` from now on.
    pub fn set_key(&mut self, key: DeviceKey) {
        self.key = Some(key);
    }

    /// The same source with this schedule.
    #[must_use]
    pub const fn every_ms(mut self, interval_ms: u32) -> Self {
        self.frame.interval_ms = interval_ms;
        self.frame.next_ms = interval_ms;
        self
    }

    /// The address that it sends from.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket has an address")
    }

    /// Sends a beat.
    pub fn beat(&mut self) {
        self.beat_recorded();
    }

    /// Sends a beat, and returns its bytes.
    pub fn beat_recorded(&mut self) -> [u8; FRAME_LEN] {
        self.frame.kind = Kind::Beat(Health::Ok);
        self.send()
    }

    /// Says goodbye.
    pub fn bye(&mut self, reason: Reason, next_ms: u32) {
        let promised_ms = std::mem::replace(&mut self.frame.next_ms, next_ms);
        self.frame.kind = Kind::Bye(reason);
        self.send();
        self.frame.next_ms = promised_ms;
    }

    /// Sends from another port from now on.
    pub fn roam(&mut self) {
        let to = self.socket.peer_addr().expect("it is connected");
        self.socket = connected(to);
    }

    /// Begins a new session.
    pub fn restart(&mut self) {
        self.began = now();
        self.frame.session = Session::from_u64(self.frame.session.as_u64() + 1);
        self.frame.seq = Seq::FIRST;
    }

    /// Sends a beat, answers the probes that come, waits for its ack, and says how long that took. What the same source
    /// sent before it has arrived then, and has been judged.
    ///
    /// # Panics
    /// Where no ack comes.
    pub fn beat_acked(&mut self) -> Duration {
        let before = now();
        self.frame.flags.want_ack = true;
        self.beat();
        self.frame.flags.want_ack = false;
        loop {
            let frame = self.receive("ack");
            match frame.kind {
                Kind::Probe => drop(self.answer(&frame)),
                kind => {
                    assert_eq!(kind, Kind::Ack);
                    return now().duration_since(before);
                }
            }
        }
    }

    /// Waits for a probe and answers it. Returns the reply.
    ///
    /// # Panics
    /// Where no probe comes.
    pub fn answer_probe(&mut self) -> [u8; FRAME_LEN] {
        let probe = self.receive("probe");
        assert_eq!((probe.kind, probe.label), (Kind::Probe, self.frame.label));
        self.answer(&probe)
    }

    /// Answers a probe as an agent does that has sent what was sent from here.
    fn answer(&self, probe: &Frame) -> [u8; FRAME_LEN] {
        let reply = Frame {
            kind: Kind::Reply,
            sent_us: probe.sent_us,
            seq: Seq::new(self.frame.seq.get() - 1),
            ..self.frame
        };
        let bytes = self.bytes_of(&reply);
        self.send_bytes(&bytes);
        bytes
    }

    fn receive(&self, wanted: &str) -> Frame {
        let mut bytes = [0; FRAME_LEN];
        let received = receive(&self.socket, &mut bytes, Limit::soon());
        let (length, _) = received.unwrap_or_else(|| panic!("no {wanted} for {}", self.frame.label));
        let view = View::parse(&bytes[..length]);
        view.unwrap_or_else(|error| panic!("no {wanted}, no frame even: {error:?}"))
            .frame()
    }

    fn bytes_of(&self, frame: &Frame) -> [u8; FRAME_LEN] {
        let mut bytes = [0; FRAME_LEN];
        frame.emit(self.key.as_ref(), &mut bytes);
        bytes
    }

    /// Sends any bytes.
    pub fn send_bytes(&self, bytes: &[u8]) {
        self.socket
            .send(bytes)
            .expect("the loopback takes what a datagram can hold");
    }

    fn send(&mut self) -> [u8; FRAME_LEN] {
        self.frame.sent_us = u64::try_from(now().duration_since(self.began).as_micros()).unwrap_or(u64::MAX);
        let bytes = self.bytes_of(&self.frame);
        self.send_bytes(&bytes);
        self.frame.seq = self.frame.seq.next().expect("no test sends four billion frames");
        bytes
    }
}

fn connected(to: SocketAddr) -> UdpSocket {
    let any = if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(any).expect("the loopback has ports left");
    socket
        .connect(to)
        .expect("an address on the loopback is reachable");
    socket
}
