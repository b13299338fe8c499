//! The words that event lines and the state file are written in: states, happenings and causes, each with its name and its
//! number.

use crate::track::stored::numbered;

/// The states of a source (docs/protocol.md, section 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// Never heard.
    #[default]
    Unknown,
    /// Beats come as promised.
    Up,
    /// The late deadline has passed, the down deadline has not.
    Late,
    /// The down deadline has passed.
    Down,
    /// Said goodbye: it stops, reboots or is upgraded.
    Stopped,
    /// Said goodbye: it sleeps.
    Asleep,
}

impl State {
    /// Every state, in the order in which a tick counts them.
    pub const ALL: [Self; 6] = [
        Self::Up,
        Self::Late,
        Self::Down,
        Self::Stopped,
        Self::Asleep,
        Self::Unknown,
    ];

    /// Every state, from worst to best: what needs a look first.
    pub const WORST_FIRST: [Self; 6] = [
        Self::Down,
        Self::Late,
        Self::Unknown,
        Self::Asleep,
        Self::Stopped,
        Self::Up,
    ];

    /// The place among all states from worst to best, from 0.
    #[must_use]
    pub const fn rank(self) -> u8 {
        let mut rank = 0;
        while Self::WORST_FIRST[rank as usize] as u8 != self as u8 {
            rank += 1;
        }
        rank
    }

    /// The name in event lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Late => "late",
            Self::Down => "down",
            Self::Stopped => "stopped",
            Self::Asleep => "asleep",
        }
    }
}

numbered!(State {
    Unknown = 0,
    Up = 1,
    Late = 2,
    Down = 3,
    Stopped = 4,
    Asleep = 5,
});

/// What happened to a source: the names of the event lines about sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// It is up, and was not.
    Up,
    /// Its late deadline has passed.
    Late,
    /// Its down deadline has passed.
    Down,
    /// It said goodbye.
    Stopped,
    /// It said that it sleeps.
    Asleep,
    /// It began a new session while it was up or late.
    Restarted,
    /// Its beats come from another address.
    Moved,
    /// Its health has changed.
    Status,
    /// Two live senders use its label.
    DuplicateLabel,
    /// It falls and comes back too often: its falls are held back.
    Flapping,
    /// It does so no longer.
    Steady,
    /// It is no longer kept: it was down or stopped for long, or the operator said so.
    Forgotten,
    /// Its counters since the last report.
    Report,
    /// A snapshot; nothing happened.
    State,
}

impl Happening {
    /// Every happening, in the order of docs/events.md.
    pub const ALL: [Self; 14] = [
        Self::Up,
        Self::Late,
        Self::Down,
        Self::Stopped,
        Self::Asleep,
        Self::Restarted,
        Self::Moved,
        Self::Status,
        Self::DuplicateLabel,
        Self::Flapping,
        Self::Steady,
        Self::Forgotten,
        Self::Report,
        Self::State,
    ];

    /// The name in event lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Late => "late",
            Self::Down => "down",
            Self::Stopped => "stopped",
            Self::Asleep => "asleep",
            Self::Restarted => "restarted",
            Self::Moved => "moved",
            Self::Status => "status",
            Self::DuplicateLabel => "duplicate_label",
            Self::Flapping => "flapping",
            Self::Steady => "steady",
            Self::Forgotten => "forgotten",
            Self::Report => "report",
            Self::State => "state",
        }
    }
}

/// Why a source is in its state, or why the collector was blind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Cause {
    /// Up: the first sign of a source that the collector did not know.
    New,
    /// Up: the same session goes on.
    Back,
    /// Up: a new session of a source that was down, stopped or unknown.
    Restart,
    /// Up: it was asleep.
    Awake,
    /// Late or down: no beat came.
    Silent,
    /// Late or down: the announced sleep is over, and no beat came.
    Overslept,
    /// Stopped: the agent was stopped.
    Stop,
    /// Stopped: the device reboots. Restarted: the device has rebooted.
    Reboot,
    /// Stopped: the device is being upgraded.
    Upgrade,
    /// Asleep.
    Sleep,
    /// Restarted: a new agent process on a device that did not reboot.
    Process,
    /// Restarted: the agent began a new session because its sequence numbers ran out.
    Renewed,
    /// Down: it is expected, and was never heard.
    Never,
    /// Blind: the collector was stopped or starved.
    Stalled,
    /// Blind: its machine was suspended.
    Suspended,
    /// Blind: it was restarted.
    Restarted,
}

impl Cause {
    /// Every cause, in the order of docs/events.md.
    pub const ALL: [Self; 16] = [
        Self::New,
        Self::Back,
        Self::Restart,
        Self::Awake,
        Self::Silent,
        Self::Overslept,
        Self::Stop,
        Self::Reboot,
        Self::Upgrade,
        Self::Sleep,
        Self::Process,
        Self::Renewed,
        Self::Never,
        Self::Stalled,
        Self::Suspended,
        Self::Restarted,
    ];

    /// The name in event lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Back => "back",
            Self::Restart => "restart",
            Self::Awake => "awake",
            Self::Silent => "silent",
            Self::Overslept => "overslept",
            Self::Stop => "stop",
            Self::Reboot => "reboot",
            Self::Upgrade => "upgrade",
            Self::Sleep => "sleep",
            Self::Process => "process",
            Self::Renewed => "renewed",
            Self::Never => "never",
            Self::Stalled => "stalled",
            Self::Suspended => "suspended",
            Self::Restarted => "restarted",
        }
    }
}

numbered!(Cause {
    New = 0,
    Back = 1,
    Restart = 2,
    Awake = 3,
    Silent = 4,
    Overslept = 5,
    Stop = 6,
    Reboot = 7,
    Upgrade = 8,
    Sleep = 9,
    Process = 10,
    Renewed = 11,
    Never = 12,
    Stalled = 13,
    Suspended = 14,
    Restarted = 15,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_place_from_worst_to_best() {
        let ranks = State::WORST_FIRST.map(State::rank);
        assert_eq!(ranks, [0, 1, 2, 3, 4, 5]);
        assert!(State::ALL.iter().all(|state| State::WORST_FIRST.contains(state)));
    }
}
