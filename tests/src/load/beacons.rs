//! A fleet of agents.

use std::time::{Duration, SystemTime};

use beacon_common::wire::{MAX_INTERVAL_MS, MIN_INTERVAL_MS};
use beacon_common::{DeviceKey, FRAME_LEN, Flags, Frame, Health, Kind, Label, MasterKey, Seq, Session, View};

use super::fleet::{Fleet, Turn};

/// Agents called `PREFIX-0`, `PREFIX-1` and so on, whose frames are as docs/protocol.md has them.
pub struct Beacons {
    labels: Vec<Label>,
    keys: Vec<DeviceKey>,
    session: Session,
    interval_ms: u32,
    want_ack: bool,
}

impl Beacons {
    /// So many agents that state `interval`. Their session began now, so that a collector takes it for newer than
    /// that of a run before.
    ///
    /// # Errors
    /// A sentence where the last label is no label, or the interval is none that a frame can state.
    pub fn new(prefix: &str, sources: u32, interval: Duration, random: u32) -> Result<Self, String> {
        let label = |number: u32| {
            let text = format!("{prefix}-{number}");
            Label::new(&text)
                .map_err(|_| format!("'{text}' is no label: a shorter prefix of A-Z a-z 0-9 . _ - is"))
        };
        let interval_ms = u32::try_from((interval.as_nanos() + 500_000) / 1_000_000).unwrap_or(u32::MAX);
        if !(MIN_INTERVAL_MS..=MAX_INTERVAL_MS).contains(&interval_ms) {
            let limits = format!("{MIN_INTERVAL_MS} to {MAX_INTERVAL_MS} ms");
            return Err(format!(
                "each source would speak every {interval:?}; a frame states {limits}"
            ));
        }
        Ok(Self {
            labels: (0..sources).map(label).collect::<Result<_, _>>()?,
            keys: Vec::new(),
            session: Session::new(unix_seconds(), random),
            interval_ms,
            want_ack: false,
        })
    }

    /// The same agents, each with its device key under `master`.
    #[must_use]
    pub fn with_keys(mut self, master: &MasterKey) -> Self {
        self.keys = self.labels.iter().map(|label| master.device_key(label)).collect();
        self
    }

    /// The same agents, which ask for an ack with every beat.
    #[must_use]
    pub const fn with_acks(mut self) -> Self {
        self.want_ack = true;
        self
    }
}

impl Fleet for Beacons {
    fn datagram_len(&self) -> usize {
        FRAME_LEN
    }

    fn write(&self, turn: Turn, out: &mut [u8]) {
        let frame = Frame {
            kind: Kind::Beat(Health::Ok),
            flags: Flags {
                want_ack: self.want_ack,
                skipped: false,
            },
            misses: 0,
            label: self.labels[turn.source as usize],
            session: self.session,
            sent_us: u64::try_from(turn.at.as_micros()).unwrap_or(u64::MAX),
            seq: Seq::new(turn.round.saturating_add(1)),
            interval_ms: self.interval_ms,
            next_ms: u32::try_from((turn.next_in.as_nanos() + 500_000) / 1_000_000).unwrap_or(u32::MAX),
            uptime_s: u32::try_from(turn.at.as_secs()).unwrap_or(u32::MAX),
        };
        let out = out.try_into().expect("the datagrams are FRAME_LEN long");
        frame.emit(self.keys.get(turn.source as usize), out);
    }

    fn is_answer(&self, datagram: &[u8]) -> bool {
        View::parse(datagram).is_ok_and(|frame| frame.kind() == Kind::Ack)
    }
}

#[expect(clippy::disallowed_methods, reason = "it only goes into the session's number")]
fn unix_seconds() -> u32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u32::try_from(since.as_secs()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use beacon_common::KeyId;

    const TURN: Turn = Turn {
        source: 7,
        round: 41,
        at: Duration::from_micros(3_000_017),
        next_in: Duration::from_micros(499_600),
    };

    fn beacons() -> Beacons {
        Beacons::new("load", 10, Duration::from_millis(500), 1).unwrap()
    }

    #[test]
    fn a_turn_becomes_the_frame_of_an_agent() {
        let mut bytes = [0xff; FRAME_LEN];
        beacons().with_acks().write(TURN, &mut bytes);
        let frame = View::parse(&bytes).unwrap().frame();
        assert_eq!(frame.label, Label::new("load-7").unwrap());
        assert_eq!((frame.seq, frame.sent_us), (Seq::new(42), 3_000_017));
        assert_eq!((frame.interval_ms, frame.next_ms), (500, 500));
        assert!(frame.flags.want_ack);
        assert!(!beacons().is_answer(&bytes));
        frame.ack().emit(None, &mut bytes);
        assert!(beacons().is_answer(&bytes));
    }

    #[test]
    fn with_keys_every_device_has_its_own() {
        let master = MasterKey::new(KeyId::new(3).unwrap(), [5; 16]);
        let mut bytes = [0; FRAME_LEN];
        beacons().with_keys(&master).write(TURN, &mut bytes);
        let view = View::parse(&bytes).unwrap();
        assert!(view.is_tagged_by(&master.device_key(&Label::new("load-7").unwrap())));
        assert!(!view.is_tagged_by(&master.device_key(&Label::new("load-8").unwrap())));
    }

    #[test]
    fn what_no_frame_can_say_is_refused() {
        assert!(Beacons::new("load", 10, Duration::from_millis(9), 1).is_err());
        assert!(Beacons::new("far-too-long-a-p", 10, Duration::from_secs(1), 1).is_err());
        assert!(Beacons::new("load", 10, Duration::from_secs(1 << 32), 1).is_err());
    }
}
