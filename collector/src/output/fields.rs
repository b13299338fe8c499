//! The one table of keys: each key of every event line once, with its type and its meaning.
//!
//! A key is never renamed and never changes its type; keys are only ever added.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use beacon_common::Session;

use crate::track::event::State;
use crate::track::loss_runs::CLASS_NAMES;
use crate::track::reject::Rejected;

/// What a key's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// The number 1.
    One,
    /// True, where the key is there at all.
    True,
    /// An integer from 0.
    Count,
    /// An integer that may be negative.
    Integer,
    /// Whole milliseconds, rounded down.
    Milliseconds,
    /// A moment in UTC as RFC 3339 writes it, to the microsecond.
    Time,
    /// Any text.
    Text,
    /// An address and a port, `10.0.0.7:40112` or `[fe80::7]:40112`.
    Address,
    /// A list of addresses and ports.
    Addresses,
    /// Sixteen hex digits.
    Session,
    /// The name of an event.
    Event,
    /// The name of a state.
    State,
    /// The name of a cause.
    Cause,
    /// The name of a health.
    Health,
    /// A number for each state.
    CountByState,
    /// A number for each reason to drop a datagram.
    CountByReason,
    /// A number for each class of length of a loss run.
    CountByRun,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The key.
    pub key: &'static str,
    /// What its value is.
    pub kind: Type,
    /// Whether the value may be null.
    pub nullable: bool,
    /// What it means, in one line.
    pub meaning: &'static str,
}

macro_rules! table {
    ($($field:ident $key:literal $kind:ident $($nullable:ident)? $meaning:literal)*) => {
        /// A key of the event lines.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Field {
            $(#[doc = concat!("`", $key, "`: ", $meaning, ".")] $field,)*
        }

        impl Field {
            /// Every key.
            pub const ALL: [Self; [$($key),*].len()] = [$(Self::$field),*];

            const ROWS: [Row; Self::ALL.len()] = [$(Row {
                key: $key,
                kind: Type::$kind,
                nullable: false $(|| stringify!($nullable).len() > 0)?,
                meaning: $meaning,
            }),*];
        }
    };
}

table! {
    V "v" One "version of these lines"
    Id "id" Count "number of the line in this run of the collector, from 1, each one more than the last"
    Time "time" Time "when it was seen or decided, by the collector's wall clock"
    Event "event" Event "what happened"
    Collector "collector" Text "name of the collector"
    Source "source" Text "label of the source"
    Addr "addr" Address nullable "where the newest beat came from; null where none ever came"
    State "state" State "state from now on"
    Was "was" State "state until now; the same as `state` where it did not change"
    Cause "cause" Cause nullable "why; null where there is no cause"
    Session "session" Session nullable "life of the agent process; null where it was never heard"
    Seq "seq" Count "highest sequence number seen in this session"
    IntervalMs "interval_ms" Milliseconds "interval that the newest beat or reply states"
    Status "status" Health "health that the newest beat states"
    SinceMs "since_ms" Milliseconds "time in the state that it `was` in"
    SilentMs "silent_ms" Milliseconds "time since the newest beat or reply came"
    BoundMs "bound_ms" Milliseconds nullable
        "time from the newest arrival, of a beat or a reply, to the down deadline; null where silence does not lead to `down`"
    Received "received" Count
        "about a source: beats and goodbyes, each once (in a report since the last one); in a tick: datagrams"
    Lost "lost" Integer
        "slots that no beat has filled in time; negative in a report that takes more losses back than it adds"
    Duplicate "duplicate" Count "slots filled again"
    Reordered "reordered" Count "beats below the highest sequence number seen before them"
    WakeMs "wake_ms" Milliseconds "how long it says it will sleep; 0 where it does not say"
    From "from" Text "`moved`: address until now; `status`: health until now"
    To "to" Text "`moved`: address from now on; `status`: health from now on"
    Addrs "addrs" Addresses "addresses of the two senders, that of the current session first"
    Old "old" Count "beats that came when their slot was no longer kept"
    JitterUs "jitter_us" Count "interarrival jitter now, in microseconds (RFC 3550, A.8)"
    Expected "expected" Integer "beats that the source's numbers and schedule gave reason to expect"
    LossRunMax "loss_run_max" Count "the longest run of lost beats that ended (RFC 3357)"
    LossRuns "loss_runs" CountByRun "runs of lost beats that ended, by how many were lost"
    ReorderExtentMax "reorder_extent_max" Count
        "greatest extent of reordering: beats since the first to overtake one that came late (RFC 4737, section 4.2)"
    DelayP50Us "delay_p50_us" Count nullable
        "median of the delay above the least one, in microseconds (RFC 5481); null where no beat came"
    DelayP99Us "delay_p99_us" Count nullable "the same, 99th percentile"
    Version "version" Text "version of the collector"
    Listen "listen" Addresses "addresses that it listens on"
    Pid "pid" Count "its process id"
    Sources "sources" CountByState "sources in each state"
    Rejected "rejected" CountByReason "datagrams dropped, by reason"
    SocketDrops "socket_drops" Count
        "datagrams that the collector's own sockets had no room for: in a start before this run, in a tick during it"
    EventsDropped "events_dropped" Count "lines that the reader was too slow for"
    StateFailures "state_failures" Count "how often the state file could not be saved"
    HooksDropped "hooks_dropped" Count "events that no hook was run for, because too many waited"
    Dropped "dropped" Count "lines that the reader was too slow for, and missed here"
    BlindMs "blind_ms" Milliseconds "how long the collector could not listen; every deadline is put off by it"
    Count "count" Count "live sources that are silent"
    Total "total" Count "live sources, silent or not"
    By "by" Text "`reply`: it is known to be alive because it answered a probe"
    Mass "mass" True "it happened during a mass loss"
    Learning "learning" True "the bound is a safe one, because the source's history is too short to choose by"
    Silenced "silenced" True "the operator has silenced the source"
    Flapping "flapping" True "the source flaps: its falls are held back"
    Group "group" Text "the source's group in the inventory"
}

impl Field {
    /// The keys that every line begins with.
    pub const HEAD: [Self; 5] = [Self::V, Self::Id, Self::Time, Self::Event, Self::Collector];

    /// The keys that follow in every line about a source.
    pub const SOURCE: [Self; 16] = [
        Self::Source,
        Self::Addr,
        Self::State,
        Self::Was,
        Self::Cause,
        Self::Session,
        Self::Seq,
        Self::IntervalMs,
        Self::Status,
        Self::SinceMs,
        Self::SilentMs,
        Self::BoundMs,
        Self::Received,
        Self::Lost,
        Self::Duplicate,
        Self::Reordered,
    ];

    /// The keys that may end a line about a source, and stand only in those that they are true of.
    pub const MARKS: [Self; 6] = [
        Self::By,
        Self::Mass,
        Self::Learning,
        Self::Silenced,
        Self::Flapping,
        Self::Group,
    ];

    /// What the table says of this key.
    #[must_use]
    pub const fn row(self) -> &'static Row {
        &Self::ROWS[self as usize]
    }

    /// The key as it is written.
    #[must_use]
    pub const fn key(self) -> &'static str {
        self.row().key
    }
}

/// A value as a format gets it.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// There is none.
    Null,
    /// An integer from 0.
    Count(u64),
    /// An integer.
    Integer(i64),
    /// Milliseconds.
    Milliseconds(u64),
    /// True.
    True,
    /// A moment.
    Time(Time),
    /// Text; only the names of the collector and of groups may hold anything but letters, digits and `._-`.
    Text(&'a str),
    /// An address and a port.
    Address(SocketAddr),
    /// A list of them.
    Addresses(Addresses<'a>),
    /// A session.
    Session(Session),
    /// Several numbers by name.
    Counts(Counts<'a>),
}

/// Microseconds since the Unix epoch, shown as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub u64);

impl Time {
    /// The last microsecond of the year 9999, where RFC 3339 ends.
    const LAST_US: u64 = 253_402_300_800_000_000 - 1;
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_epoch = Duration::from_micros(self.0.min(Self::LAST_US));
        humantime::format_rfc3339_micros(UNIX_EPOCH + since_epoch).fmt(f)
    }
}

/// Several addresses, shown with commas between.
#[derive(Clone, Copy, Debug)]
pub struct Addresses<'a>(pub &'a [SocketAddr]);

impl fmt::Display for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        self.0.iter().try_for_each(|address| {
            write!(f, "{separator}{address}")?;
            separator = ",";
            Ok(())
        })
    }
}

/// Several numbers by name.
#[derive(Clone, Copy, Debug)]
pub enum Counts<'a> {
    /// One for each state, in the order of [`State::ALL`].
    ByState(&'a [u64; State::ALL.len()]),
    /// One for each reason to drop a datagram.
    ByReason(&'a Rejected),
    /// One for each class of [`CLASS_NAMES`].
    ByRun(&'a [u32; CLASS_NAMES.len()]),
}

impl Counts<'_> {
    /// Gives each name with its number to `take`.
    ///
    /// # Errors
    /// Those of `take`.
    pub fn each(&self, mut take: impl FnMut(&'static str, u64) -> fmt::Result) -> fmt::Result {
        match self {
            Self::ByState(counts) => State::ALL
                .iter()
                .zip(*counts)
                .try_for_each(|(state, count)| take(state.name(), *count)),
            Self::ByReason(rejected) => rejected
                .iter()
                .try_for_each(|(reason, count)| take(reason.name(), count)),
            Self::ByRun(counts) => CLASS_NAMES
                .iter()
                .zip(*counts)
                .try_for_each(|(class, count)| take(class, u64::from(*count))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_key_is_there_once_and_has_its_own_row() {
        let keys: HashSet<_> = Field::ALL.iter().map(|field| field.key()).collect();
        assert_eq!(keys.len(), Field::ALL.len());
        assert_eq!(Field::Dropped.key(), "dropped");
        let nullable: Vec<_> = Field::ALL.iter().filter(|field| field.row().nullable).collect();
        assert_eq!(
            nullable,
            [
                &Field::Addr,
                &Field::Cause,
                &Field::Session,
                &Field::BoundMs,
                &Field::DelayP50Us,
                &Field::DelayP99Us
            ]
        );
    }

    #[test]
    fn time_is_rfc_3339_to_the_microsecond_however_far() {
        assert_eq!(Time(0).to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(
            Time(1_795_224_600_123_456).to_string(),
            "2026-11-21T01:30:00.123456Z"
        );
        assert_eq!(Time(u64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
    }
}
