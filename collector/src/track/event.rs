//! What the tracker tells: one event for each edge, and nothing between (docs/events.md).

mod vocabulary;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use beacon_common::{Health, Label, Moment, Seq, Session};

pub use self::vocabulary::{Cause, Happening, State};
use super::meter::Measured;
use super::reject::Rejected;

/// Something that happened at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When it was seen or decided.
    pub at: Moment,
    /// What it is about.
    pub what: What,
}

/// An event about one source, or about the collector as a whole.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// About one source.
    Source(SourceEvent),
    /// The collector begins to listen.
    Start {
        /// The addresses that it listens on.
        listen: Vec<SocketAddr>,
        /// Datagrams that sockets which were open before had no room for until now.
        socket_drops: u64,
    },
    /// The regular sign of the collector's own life.
    Tick(Tick),
    /// The reader of the events was too slow.
    Gap {
        /// How many lines it missed.
        dropped: u64,
    },
    /// The collector itself could not listen.
    Blind {
        /// For how long; every deadline is put off by that time.
        blind: Duration,
        /// Why.
        cause: Cause,
    },
    /// Half or more of the live sources went late within one interval.
    MassLoss(Mass),
    /// Fewer than half of them are silent now.
    MassOver(Mass),
    /// The collector ends in order, and has counted this in all.
    End(Tick),
}

/// How many of how many sources are silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mass {
    /// The silent ones.
    pub count: u64,
    /// The live ones, silent or not.
    pub total: u64,
}

/// A source's number at this collector: the handle by which its `state` line can be asked for.
/// It is used again for another source once this one is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub(crate) u32);

impl SourceId {
    /// The first number that a collector gives out.
    pub const FIRST: Self = Self(0);
}

/// What an event line about a source says.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceEvent {
    /// What happened.
    pub happening: Happening,
    /// The handle of the source at this collector.
    pub id: SourceId,
    /// Whom it happened to.
    pub label: Label,
    /// Where its newest beat came from; `None` where none ever came.
    pub addr: Option<SocketAddr>,
    /// The state from now on.
    pub state: State,
    /// The state until now; the same one where the event changed none.
    pub was: State,
    /// Whether nothing was known of it until now, not even that it is expected. No line says so.
    pub is_new: bool,
    /// Why; `None` for events that have no cause.
    pub cause: Option<Cause>,
    /// The current session; `None` where it was never heard.
    pub session: Option<Session>,
    /// The highest sequence number seen in it.
    pub seq: Seq,
    /// The interval that its newest beat states, in milliseconds.
    pub interval_ms: u32,
    /// The health that its newest beat states.
    pub status: Health,
    /// How long it had been in the state that it `was` in.
    pub since: Duration,
    /// How long ago its newest beat came.
    pub silent: Duration,
    /// The time from the arrival of the newest beat to the down deadline; `None` where silence does not lead
    /// to `down`.
    pub bound: Option<Duration>,
    /// Beats and byes, each counted once; since the last report in a report, else since the source is known.
    pub received: u64,
    /// Slots that no beat has filled in time. In a report negative where more losses were taken back than new
    /// ones counted.
    pub lost: i64,
    /// Slots filled again (RFC 5560).
    pub duplicate: u64,
    /// Beats below the highest sequence number seen before them (RFC 4737).
    pub reordered: u64,
    /// What only this kind of event tells.
    pub detail: Detail,
    /// What is remarkable about it.
    pub marks: Marks,
    /// Its group in the inventory.
    pub group: Option<Arc<str>>,
}

/// What an event line says only where it is so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The source is known to be alive because it answered a probe.
    pub by_reply: bool,
    /// It happened during a mass loss.
    pub mass: bool,
    /// The bound is a safe one, because the source's history is too short to choose by.
    pub learning: bool,
    /// The operator has silenced the source.
    pub silenced: bool,
    /// The source flaps: its falls are held back.
    pub flapping: bool,
}

/// What only some events tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// Nothing more.
    None,
    /// `asleep`: how long it says it will sleep; zero for no announced end.
    Sleep {
        /// The announced sleep.
        wake: Duration,
    },
    /// `moved`: where from, where to.
    Moved {
        /// The address until now.
        from: SocketAddr,
        /// The address from now on.
        to: SocketAddr,
    },
    /// `status`: what it was, what it is.
    Status {
        /// The health until now.
        from: Health,
        /// The health from now on.
        to: Health,
    },
    /// `duplicate_label`: where the two senders are.
    Twins {
        /// The current session's address, and the other's.
        addrs: [SocketAddr; 2],
    },
    /// `report`: the rest of the counters since the last one.
    Report {
        /// Beats that came when their slot was off the wheel.
        old: u64,
        /// Interarrival jitter now, in microseconds (RFC 3550, A.8).
        jitter_us: u64,
        /// Beats that the sender's numbers and schedule gave reason to expect.
        expected: i64,
        /// How it lost, reordered and delayed.
        measured: Measured,
    },
}

/// The regular sign of the collector's own life: what it has counted since it began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tick {
    /// Sources in each state, in the order of [`State::ALL`].
    pub sources: [u64; State::ALL.len()],
    /// Datagrams received.
    pub received: u64,
    /// Datagrams dropped, by reason.
    pub rejected: Rejected,
    /// Datagrams that the collector's own sockets had no room for.
    pub socket_drops: u64,
    /// Event lines that the reader was too slow for.
    pub events_dropped: u64,
    /// How often the state file could not be saved.
    pub state_failures: u64,
    /// Events that no hook was run for because too many waited.
    pub hooks_dropped: u64,
}

impl Tick {
    /// Adds what is counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        let sources = self.sources.iter_mut().zip(other.sources);
        sources.for_each(|(own, other)| *own += other);
        self.received += other.received;
        self.rejected.add(&other.rejected);
        self.socket_drops += other.socket_drops;
        self.events_dropped += other.events_dropped;
        self.state_failures += other.state_failures;
        self.hooks_dropped += other.hooks_dropped;
    }
}
