//! What a received datagram means to this agent, if anything (docs/protocol.md, sections 7 and 8).

use beacon_common::{DeviceKey, Kind, Label, Seq, Session, View};

/// A datagram that concerns this agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbound {
    /// A beat or bye of this session has arrived.
    Ack {
        /// Its number.
        seq: Seq,
        /// When it was sent.
        sent_us: u64,
    },
    /// A collector wants to know who is there.
    Probe {
        /// What proves that the reply is to this probe.
        nonce: u64,
    },
}

/// Reads a datagram. With a key, what is not tagged by it is nothing.
#[must_use]
pub fn read(bytes: &[u8], label: Label, session: Session, key: Option<&DeviceKey>) -> Option<Inbound> {
    let view = View::parse(bytes).ok()?;
    if view.label() != label || !key.is_none_or(|key| is_made_with(&view, key)) {
        return None;
    }
    let frame = view.frame();
    match frame.kind {
        Kind::Ack if frame.session == session => Some(Inbound::Ack {
            seq: frame.seq,
            sent_us: frame.sent_us,
        }),
        Kind::Probe => Some(Inbound::Probe { nonce: frame.sent_us }),
        _ => None,
    }
}

fn is_made_with(view: &View<'_>, key: &DeviceKey) -> bool {
    view.key_id() == Some(key.id()) && view.is_tagged_by(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use beacon_common::{FRAME_LEN, Flags, Frame, Health, KeyId, Reason};

    const SESSION: Session = Session::new(1, 2);

    fn label() -> Label {
        Label::new("fridge-7").unwrap()
    }

    fn key(id: u8, byte: u8) -> DeviceKey {
        DeviceKey::new(KeyId::new(id).unwrap(), [byte; 16])
    }

    fn frame(kind: Kind) -> Frame {
        Frame {
            kind,
            flags: Flags::default(),
            misses: 0,
            label: label(),
            session: SESSION,
            sent_us: 77,
            seq: Seq::new(5),
            interval_ms: 10_000,
            next_ms: 0,
            uptime_s: 0,
        }
    }

    fn bytes(frame: Frame, key: Option<&DeviceKey>) -> [u8; FRAME_LEN] {
        let mut bytes = [0; FRAME_LEN];
        frame.emit(key, &mut bytes);
        bytes
    }

    fn read_plain(frame: Frame) -> Option<Inbound> {
        read(&bytes(frame, None), label(), SESSION, None)
    }

    #[test]
    fn acks_and_probes_are_read_and_nothing_else_is() {
        let ack = Inbound::Ack {
            seq: Seq::new(5),
            sent_us: 77,
        };
        assert_eq!(read_plain(frame(Kind::Ack)), Some(ack));
        assert_eq!(read_plain(frame(Kind::Probe)), Some(Inbound::Probe { nonce: 77 }));
        for kind in [Kind::Beat(Health::Ok), Kind::Bye(Reason::Stop), Kind::Reply] {
            assert_eq!(read_plain(frame(kind)), None);
        }
        for len in [0, 63] {
            let bytes = bytes(frame(Kind::Ack), None);
            assert_eq!(read(&bytes[..len], label(), SESSION, None), None);
        }
    }

    #[test]
    fn other_labels_and_other_sessions_are_not_ours() {
        let other = Frame {
            label: Label::new("fridge-8").unwrap(),
            ..frame(Kind::Probe)
        };
        assert_eq!(read_plain(other), None);
        let older = Frame {
            session: Session::new(1, 1),
            ..frame(Kind::Ack)
        };
        assert_eq!(read_plain(older), None);
        let probe_without_session = Frame {
            session: Session::default(),
            ..frame(Kind::Probe)
        };
        assert!(read_plain(probe_without_session).is_some());
    }

    #[test]
    fn with_a_key_only_its_own_id_and_tag_count() {
        let ours = key(7, 1);
        for kind in [Kind::Ack, Kind::Probe] {
            let read_with = |made_with: Option<&DeviceKey>| {
                read(&bytes(frame(kind), made_with), label(), SESSION, Some(&ours))
            };
            assert!(read_with(Some(&ours)).is_some());
            assert_eq!(read_with(None), None);
            assert_eq!(read_with(Some(&key(7, 2))), None);
            assert_eq!(read_with(Some(&key(8, 1))), None);
            let mut flipped = bytes(frame(kind), Some(&ours));
            flipped[63] ^= 1;
            assert_eq!(read(&flipped, label(), SESSION, Some(&ours)), None);
        }
    }
}
