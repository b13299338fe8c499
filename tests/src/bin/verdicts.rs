//! Says line by line what this implementation makes of what a second one asks (tests/second):
//!
//! - `frame HEX`: why a collector with these keys drops the datagram; or `ok` and the frame as it is written again.
//!   What only a collector with a memory can judge, such as an older session, is `ok`;
//! - `agent HEX`: `ok` where the form is right of what a collector sends, and the frame as it is written again;
//! - `label TEXT`: the default label of a host of that name, given in hex, or `none`.

#![forbid(unsafe_code)]

use std::io::{self, BufRead as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use beacon_collector::input::Reading;
use beacon_collector::keys::read_masters;
use beacon_collector::track::config::Config;
use beacon_collector::track::reject::Reject;
use beacon_collector::track::tracker::Tracker;
use beacon_collector::track::transmit::Peer;
use beacon_common::{FRAME_LEN, Kind, Label, MasterKey, Moment, View, WireError};
use clap::Parser;

/// Reads questions, one a line, and answers each with a line.
#[derive(Parser)]
struct Options {
    /// The collector's master keys
    #[arg(long)]
    keys: Option<PathBuf>,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let keys = options
        .keys
        .map_or(Ok(Vec::new()), |path| read_masters(&path, Reading::First));
    let mut judge = Judge::new(keys.map_err(|failure| io::Error::other(failure.to_string()))?);
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (question, hex) = line.split_once(' ').unwrap_or((&line, ""));
        let bytes = bytes_of(hex).ok_or_else(|| io::Error::other(format!("'{hex}' is no hex")))?;
        let answer = match question {
            "frame" => judge.frame(&bytes),
            "agent" => agent(&bytes),
            "label" => label(&bytes),
            _ => return Err(io::Error::other(format!("'{question}' is no question"))),
        };
        writeln!(out, "{answer}")?;
    }
    out.flush()
}

/// A collector that has met nobody yet whenever it is asked.
struct Judge {
    config: Config,
}

impl Judge {
    fn new(keys: Vec<MasterKey>) -> Self {
        let config = Config {
            keys: keys.into(),
            ..Config::default()
        };
        Self { config }
    }

    fn frame(&mut self, datagram: &[u8]) -> String {
        let mut tracker = Tracker::new(self.config.clone());
        let peer = Peer {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 5_000)),
            socket: 0,
            local: None,
        };
        tracker.on_datagram(Moment::from_nanos(1), peer, datagram);
        let counts = tracker.tick().rejected;
        let reason = counts.iter().find(|&(_, count)| count > 0);
        match reason {
            Some((reason, _)) if reason != Reject::Session => reason.name().to_owned(),
            _ => self.written_again(datagram),
        }
    }

    fn written_again(&self, datagram: &[u8]) -> String {
        match View::parse(datagram) {
            Ok(view) => {
                let master = self
                    .config
                    .keys
                    .iter()
                    .find(|master| Some(master.id()) == view.key_id());
                let key = master.map(|master| master.device_key(&view.label()));
                let mut written = [0; FRAME_LEN];
                view.frame().emit(key.as_ref(), &mut written);
                ok(&written)
            }
            Err(error) => format!("taken, although its {} is wrong", error.name()),
        }
    }
}

/// What an agent without a key makes of a datagram: its form alone.
fn agent(datagram: &[u8]) -> String {
    let reason = match View::parse(datagram) {
        Ok(view) if matches!(view.kind(), Kind::Ack | Kind::Probe) => {
            let mut written = [0; FRAME_LEN];
            view.frame().emit(None, &mut written);
            return ok(&written);
        }
        Ok(_) => WireError::Kind,
        Err(error) => error,
    };
    reason.name().to_owned()
}

fn label(host_name: &[u8]) -> String {
    let name = str::from_utf8(host_name).ok();
    let label = name.and_then(|name| Label::from_host_name(name).ok());
    label.map_or_else(|| "none".to_owned(), |label| label.to_string())
}

fn ok(frame: &[u8]) -> String {
    let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("ok {hex}")
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        Some((digit(0)? << 4 | digit(1)?) as u8)
    };
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}
