//! The names of the event lines, what each of them means, and sets of them.

use super::fields::Field;
use crate::track::event::{Cause, Happening, What};

/// The name of an event line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventName {
    /// A line about one source.
    Source(Happening),
    /// The collector begins to listen.
    Start,
    /// The regular sign of the collector's own life.
    Tick,
    /// The reader of the events was too slow.
    Gap,
    /// The collector itself could not listen.
    Blind,
    /// Half or more of the live sources went late within one interval.
    MassLoss,
    /// The mass loss is over.
    MassOver,
    /// The collector ends in order.
    End,
}

impl EventName {
    /// Every event, in the order of docs/events.md.
    pub const ALL: [Self; Happening::ALL.len() + 7] = {
        let mut all = [Self::End; Happening::ALL.len() + 7];
        let mut at = 0;
        while at < Happening::ALL.len() {
            all[at] = Self::Source(Happening::ALL[at]);
            at += 1;
        }
        all[at] = Self::Start;
        all[at + 1] = Self::Tick;
        all[at + 2] = Self::Gap;
        all[at + 3] = Self::Blind;
        all[at + 4] = Self::MassLoss;
        all[at + 5] = Self::MassOver;
        all
    };

    /// The name of the line that tells this.
    #[must_use]
    pub const fn of(what: &What) -> Self {
        match what {
            What::Source(source) => Self::Source(source.happening),
            What::Start { .. } => Self::Start,
            What::Tick(_) => Self::Tick,
            What::Gap { .. } => Self::Gap,
            What::Blind { .. } => Self::Blind,
            What::MassLoss(_) => Self::MassLoss,
            What::MassOver(_) => Self::MassOver,
            What::End(_) => Self::End,
        }
    }

    /// The event that is called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }

    /// The value of the key `event`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source(happening) => happening.name(),
            Self::Start => "start",
            Self::Tick => "tick",
            Self::Gap => "gap",
            Self::Blind => "blind",
            Self::MassLoss => "mass_loss",
            Self::MassOver => "mass_over",
            Self::End => "end",
        }
    }

    /// What the line means, in one line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Source(Happening::Up) => "the source is up, and was not",
            Self::Source(Happening::Late) => "no beat came by the late deadline",
            Self::Source(Happening::Down) => "no beat came by the down deadline",
            Self::Source(Happening::Stopped) => "the source said goodbye",
            Self::Source(Happening::Asleep) => "the source said that it sleeps",
            Self::Source(Happening::Restarted) => "a new session began while the source was up or late",
            Self::Source(Happening::Moved) => "the beats come from another address",
            Self::Source(Happening::Status) => "the health has changed",
            Self::Source(Happening::DuplicateLabel) => "two live senders use one label",
            Self::Source(Happening::Flapping) => "more than 5 falls in 10 minutes: its falls are held back",
            Self::Source(Happening::Steady) => "the source flaps no longer: this is its state",
            Self::Source(Happening::Forgotten) => {
                "the source is no longer kept: it was down or stopped for long, or the operator said so"
            }
            Self::Source(Happening::Report) => "the counters since the last report",
            Self::Source(Happening::State) => "a snapshot of the source: nothing happened",
            Self::Start => "the collector begins to listen",
            Self::Tick => "the regular sign of the collector's own life",
            Self::Gap => {
                "the reader was too slow; a `state` or `forgotten` line for each source concerned follows"
            }
            Self::Blind => "the collector itself could not listen: look at its machine",
            Self::MassLoss => {
                "half or more of at least 10 live sources went late within one interval: look at the collector's network"
            }
            Self::MassOver => "fewer than half of the live sources are silent now",
            Self::End => "the collector ends in order, and this is what it has counted in all",
        }
    }

    /// The causes that the line gives; empty where it tells no change of state, and `cause` may be anything.
    #[must_use]
    pub const fn causes(self) -> &'static [Cause] {
        match self {
            Self::Source(Happening::Up) => &[Cause::New, Cause::Back, Cause::Restart, Cause::Awake],
            Self::Source(Happening::Late) => &[Cause::Silent, Cause::Overslept],
            Self::Source(Happening::Down) => &[Cause::Silent, Cause::Overslept, Cause::Never],
            Self::Source(Happening::Stopped) => &[Cause::Stop, Cause::Reboot, Cause::Upgrade],
            Self::Source(Happening::Asleep) => &[Cause::Sleep],
            Self::Source(Happening::Restarted) => &[Cause::Reboot, Cause::Process, Cause::Renewed],
            Self::Blind => &[Cause::Stalled, Cause::Suspended, Cause::Restarted],
            _ => &[],
        }
    }

    /// The keys that only this event has, in the order in which they are written.
    #[must_use]
    pub const fn own_fields(self) -> &'static [Field] {
        match self {
            Self::Source(Happening::Asleep) => &[Field::WakeMs],
            Self::Source(Happening::Moved | Happening::Status) => &[Field::From, Field::To],
            Self::Source(Happening::DuplicateLabel) => &[Field::Addrs],
            Self::Source(Happening::Report) => &[
                Field::Old,
                Field::JitterUs,
                Field::Expected,
                Field::LossRunMax,
                Field::LossRuns,
                Field::ReorderExtentMax,
                Field::DelayP50Us,
                Field::DelayP99Us,
            ],
            Self::Source(_) => &[],
            Self::Start => &[Field::Version, Field::Listen, Field::Pid, Field::SocketDrops],
            Self::Tick | Self::End => &[
                Field::Sources,
                Field::Received,
                Field::Rejected,
                Field::SocketDrops,
                Field::EventsDropped,
                Field::StateFailures,
                Field::HooksDropped,
            ],
            Self::Gap => &[Field::Dropped],
            Self::Blind => &[Field::Cause, Field::BlindMs],
            Self::MassLoss | Self::MassOver => &[Field::Count, Field::Total],
        }
    }

    /// Every key that the line always has, in the order in which they are written.
    pub fn fields(self) -> impl Iterator<Item = Field> {
        let about_source: &[Field] = match self {
            Self::Source(_) => &Field::SOURCE,
            _ => &[],
        };
        let parts = [&Field::HEAD, about_source, self.own_fields()];
        parts.into_iter().flatten().copied()
    }

    /// A number from 0 on that no other event has.
    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Source(happening) => happening as usize,
            Self::Start => Happening::ALL.len(),
            Self::Tick => Happening::ALL.len() + 1,
            Self::Gap => Happening::ALL.len() + 2,
            Self::End => Happening::ALL.len() + 3,
            Self::Blind => Happening::ALL.len() + 4,
            Self::MassLoss => Happening::ALL.len() + 5,
            Self::MassOver => Happening::ALL.len() + 6,
        }
    }

    const fn bit(self) -> u32 {
        1 << self.place()
    }
}

/// A set of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventSet(u32);

impl EventSet {
    /// Every event.
    pub const ALL: Self = Self((1 << EventName::ALL.len()) - 1);

    /// Whether the set holds this event.
    #[must_use]
    pub const fn contains(self, event: EventName) -> bool {
        self.0 & event.bit() != 0
    }

    /// The set with this event in it.
    #[must_use]
    pub const fn with(self, event: EventName) -> Self {
        Self(self.0 | event.bit())
    }

    /// What is told to those who ask for this set. `steady` tells which of the states that were held back while a source
    /// flapped is the present one (docs/protocol.md, section 9), so who asks for one of these is told that too.
    #[must_use]
    pub fn with_steady(self) -> Self {
        let held_back = [Happening::Up, Happening::Late, Happening::Down].map(EventName::Source);
        if held_back.into_iter().any(|event| self.contains(event)) {
            self.with(EventName::Source(Happening::Steady))
        } else {
            self
        }
    }
}

impl FromIterator<EventName> for EventSet {
    fn from_iter<I: IntoIterator<Item = EventName>>(events: I) -> Self {
        events.into_iter().fold(Self(0), Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_a_name_and_a_place_of_its_own() {
        for event in EventName::ALL {
            assert_eq!(EventName::from_name(event.name()), Some(event));
            let alone: EventSet = [event].into_iter().collect();
            for other in EventName::ALL {
                assert_eq!(alone.contains(other), other == event);
            }
        }
        assert_eq!(EventName::ALL.into_iter().collect::<EventSet>(), EventSet::ALL);
        assert_eq!(EventName::from_name("Up"), None);
    }

    #[test]
    fn each_state_that_flapping_holds_back_brings_steady_along_and_nothing_else_does() {
        let steady = EventName::Source(Happening::Steady);
        for event in EventName::ALL {
            let alone: EventSet = [event].into_iter().collect();
            let expected = match event.name() {
                "up" | "late" | "down" => alone.with(steady),
                _ => alone,
            };
            assert_eq!(alone.with_steady(), expected, "{}", event.name());
        }
        let both: EventSet = ["down", "up"]
            .into_iter()
            .filter_map(EventName::from_name)
            .collect();
        assert_eq!(both.with_steady(), both.with(steady));
        assert_ne!(both.with_steady(), both);
    }
}
