//! One event of each kind, for the tests of the formats.

use std::net::SocketAddr;
use std::time::Duration;

use beacon_common::wire::FRAME_LEN;
use beacon_common::{Flags, Frame, Health, Kind, Label, Moment, Seq, Session};

use crate::track::config::Config;
use crate::track::event::{Cause, Detail, Happening, Marks, Mass, SourceEvent, State, Tick, What};
use crate::track::meter::Measured;
use crate::track::reject::{Reject, Rejected};
use crate::track::tracker::Tracker;
use crate::track::transmit::Peer;

/// 2026-11-21T01:30:00.123456Z
pub(super) const TIME_US: u64 = 1_795_224_600_123_456;

/// The first sign of a source, as the tracker tells it: only the tracker gives sources their handles.
pub(super) fn up() -> SourceEvent {
    let frame = Frame {
        kind: Kind::Beat(Health::Ok),
        flags: Flags::default(),
        misses: 3,
        label: Label::new("fridge-7").unwrap(),
        session: Session::from_u64(0x691f_3c2e_5b0a_9d11),
        sent_us: 0,
        seq: Seq::new(1841),
        interval_ms: 10_000,
        next_ms: 10_000,
        uptime_s: 86_461,
    };
    let mut bytes = [0; FRAME_LEN];
    frame.emit(None, &mut bytes);
    let peer = Peer {
        addr: address("10.0.0.7:40112"),
        socket: 0,
        local: None,
    };
    let mut tracker = Tracker::new(Config::default());
    tracker.on_datagram(Moment::from_micros(1), peer, &bytes);
    let Some(What::Source(told)) = tracker.poll_event().map(|event| event.what) else {
        panic!("the tracker tells a new source");
    };
    SourceEvent {
        happening: Happening::Up,
        id: told.id,
        label: frame.label,
        addr: Some(peer.addr),
        state: State::Up,
        was: State::Unknown,
        is_new: true,
        cause: Some(Cause::New),
        session: Some(frame.session),
        seq: frame.seq,
        interval_ms: frame.interval_ms,
        status: Health::Ok,
        since: Duration::ZERO,
        silent: Duration::ZERO,
        bound: Some(Duration::from_micros(25_000_999)),
        received: 1,
        lost: 0,
        duplicate: 0,
        reordered: 0,
        detail: Detail::None,
        marks: Marks::default(),
        group: None,
    }
}

/// The same source when something happened to it.
pub(super) fn happened(happening: Happening, state: State, was: State, cause: Option<Cause>) -> SourceEvent {
    SourceEvent {
        happening,
        state,
        was,
        cause,
        since: Duration::from_micros(3_725_000_999),
        silent: Duration::from_millis(25_003),
        received: 1_841,
        lost: 3,
        duplicate: 1,
        reordered: 2,
        ..up()
    }
}

/// One event of each kind, in the order of docs/events.md.
pub(super) fn one_of_each() -> Vec<What> {
    let detailed = |happening, detail| SourceEvent {
        detail,
        ..happened(happening, State::Up, State::Up, None)
    };
    let moved = Detail::Moved {
        from: address("10.0.0.7:40112"),
        to: address("[2001:db8::7]:40113"),
    };
    let sources = [
        up(),
        happened(Happening::Late, State::Late, State::Up, Some(Cause::Silent)),
        happened(Happening::Down, State::Down, State::Late, Some(Cause::Overslept)),
        SourceEvent {
            bound: None,
            ..happened(
                Happening::Stopped,
                State::Stopped,
                State::Up,
                Some(Cause::Upgrade),
            )
        },
        SourceEvent {
            detail: Detail::Sleep {
                wake: Duration::from_hours(8),
            },
            ..happened(Happening::Asleep, State::Asleep, State::Up, Some(Cause::Sleep))
        },
        happened(Happening::Restarted, State::Up, State::Up, Some(Cause::Process)),
        SourceEvent {
            addr: Some(address("[2001:db8::7]:40113")),
            ..detailed(Happening::Moved, moved)
        },
        SourceEvent {
            status: Health::Critical,
            ..detailed(
                Happening::Status,
                Detail::Status {
                    from: Health::Ok,
                    to: Health::Critical,
                },
            )
        },
        detailed(
            Happening::DuplicateLabel,
            Detail::Twins {
                addrs: [address("10.0.0.7:40112"), address("10.0.0.9:51000")],
            },
        ),
        happened(Happening::Flapping, State::Late, State::Late, Some(Cause::Silent)),
        happened(Happening::Steady, State::Up, State::Up, Some(Cause::Back)),
        SourceEvent {
            bound: None,
            ..happened(Happening::Forgotten, State::Down, State::Down, None)
        },
        SourceEvent {
            lost: -2,
            ..detailed(
                Happening::Report,
                Detail::Report {
                    old: 4,
                    jitter_us: 812,
                    expected: -1,
                    measured: Measured {
                        loss_run_max: 19,
                        loss_runs: [6, 5, 4, 3, 2, 1],
                        reorder_extent_max: 3,
                        delays_us: Some([255, 71_000]),
                    },
                },
            )
        },
        happened(Happening::State, State::Late, State::Late, Some(Cause::Silent)),
    ];
    let collector = [
        What::Start {
            listen: vec![address("[::]:7878"), address("239.0.0.7:7878")],
            socket_drops: 4,
        },
        What::Tick(tick()),
        What::Gap { dropped: 17 },
        What::Blind {
            blind: Duration::from_millis(30_012),
            cause: Cause::Stalled,
        },
        What::MassLoss(Mass { count: 6, total: 11 }),
        What::MassOver(Mass { count: 5, total: 11 }),
        What::End(tick()),
    ];
    sources.map(What::Source).into_iter().chain(collector).collect()
}

fn tick() -> Tick {
    let mut rejected = Rejected::default();
    rejected.count(Reject::Tag);
    Tick {
        sources: [5, 0, 1, 0, 2, 0],
        received: 1_234,
        rejected,
        socket_drops: 6,
        events_dropped: 7,
        state_failures: 8,
        hooks_dropped: 9,
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}
