//! What the tracker is told to do: the part of the collector's options that judgement needs.

use std::num::NonZeroU32;
use std::time::Duration;

use super::auth::Masters;
use super::patience::Allowance;

/// The safety margin added to each deadline (docs/protocol.md, section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Margin {
    /// Follows the observed spread of a source's arrivals.
    Auto,
    /// Always this long.
    Fixed(Duration),
}

/// Which sources are asked for a sign of life before their silence is judged (docs/protocol.md, section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Those whose frames have asked for acks: there is a way back to them.
    Auto,
    /// All of them.
    Always,
    /// None.
    Never,
}

/// How to judge.
#[derive(Clone, Debug)]
pub struct Config {
    /// The detect multiplier of sources whose frames leave it to the collector; at least 1.
    pub misses: u8,
    /// A detect multiplier that beats the frames' own; at least 1.
    pub misses_override: Option<u8>,
    /// The false alarms that are allowed; with them each source's detect multiplier follows from its history.
    pub false_alarms: Option<Allowance>,
    /// The safety margin.
    pub margin: Margin,
    /// How many intervals the wheel turns past an empty slot before its beat counts as lost (RFC 2680's
    /// waiting time).
    pub reorder_wait: u32,
    /// How long a source is kept that is down or stopped.
    pub forget: Duration,
    /// How many sources are kept at most.
    pub max_sources: u32,
    /// How many sources a second may be new, after a burst of ten times as many; `None` for any.
    pub admit_rate: Option<NonZeroU32>,
    /// How long a source of the inventory may stay unheard until it is down.
    pub settle: Duration,
    /// Whether only the sources of the inventory are let in.
    pub inventory_only: bool,
    /// How often each source's counters are reported; `None` for never.
    pub report: Option<Duration>,
    /// Which sources are probed when they turn late.
    pub probe: Probe,
    /// How many probes are sent within a second at most, for whatever reason.
    pub probe_rate: u32,
    /// The master keys; where there are any, every frame must be made with one of them.
    pub keys: Masters,
    /// With keys, takes sessions without proof that they are the present one, because there is no way back to ask.
    pub one_way: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            misses: 3,
            misses_override: None,
            false_alarms: None,
            margin: Margin::Auto,
            reorder_wait: 2,
            forget: Duration::from_hours(24),
            max_sources: 1_000_000,
            admit_rate: NonZeroU32::new(1_000),
            settle: Duration::from_mins(2),
            inventory_only: false,
            report: None,
            probe: Probe::Auto,
            probe_rate: 1_000,
            keys: Masters::default(),
            one_way: false,
        }
    }
}
