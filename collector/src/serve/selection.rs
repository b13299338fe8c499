//! Which sources a client wants to see, in which order: read from the query of its request.

use std::cmp::Reverse;
use std::fmt::Write;

use beacon_common::{Health, Label};

use super::request::Request;
use crate::track::event::{Cause, State};
use crate::track::survey::Row;

/// A choice among all sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    /// Part of the label, address or group, in lower case.
    pub(super) search: String,
    /// In this state alone.
    pub(super) state: Option<State>,
    /// In this group of the inventory alone.
    pub(super) group: Option<String>,
    /// This source alone.
    pub(super) source: Option<Label>,
    pub(super) sort: Sort,
    /// The other way round than the column begins.
    pub(super) is_reversed: bool,
    /// How many sources are passed over.
    pub(super) from: usize,
}

/// Sources that were chosen.
pub(super) struct Chosen<'a> {
    pub(super) rows: Vec<&'a Row>,
    /// How many are chosen in all.
    pub(super) total: usize,
    /// How many there would be in each state.
    pub(super) found: Census,
    /// Whether any source has a group, chosen or not.
    pub(super) has_groups: bool,
}

/// How many sources there are in each state, in the order of [`State::ALL`].
#[derive(Clone, Debug, Default)]
pub(super) struct Census {
    pub(super) sources: [u64; State::ALL.len()],
    /// How many of them the operator has silenced.
    pub(super) silenced: [u64; State::ALL.len()],
    /// How many are up and say that they are critical, and are not silenced.
    pub(super) critical: u64,
}

impl Census {
    /// Counts `row` in.
    pub(super) fn count(&mut self, row: &Row) {
        let is_silenced = row.silence.is_some();
        if let Some(place) = State::ALL.iter().position(|&state| state == row.state) {
            self.sources[place] += 1;
            self.silenced[place] += u64::from(is_silenced);
        }
        let is_critical = row.state == State::Up && row.health == Health::Critical;
        self.critical += u64::from(is_critical && !is_silenced);
    }
}

/// What sources are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// What needs a look comes first.
    #[default]
    Worst,
    Source,
    Group,
    State,
    Cause,
    Since,
    Seen,
    Due,
    Interval,
    Loss,
    Reordered,
    Jitter,
    Address,
    Health,
    Restarts,
}

impl Sort {
    pub(super) const ALL: [Self; 15] = [
        Self::Worst,
        Self::Source,
        Self::Group,
        Self::State,
        Self::Cause,
        Self::Since,
        Self::Seen,
        Self::Due,
        Self::Interval,
        Self::Loss,
        Self::Reordered,
        Self::Jitter,
        Self::Address,
        Self::Health,
        Self::Restarts,
    ];

    /// The name in a query.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Worst => "worst",
            Self::Source => "source",
            Self::Group => "group",
            Self::State => "state",
            Self::Cause => "cause",
            Self::Since => "since",
            Self::Seen => "seen",
            Self::Due => "due",
            Self::Interval => "interval",
            Self::Loss => "loss",
            Self::Reordered => "reordered",
            Self::Jitter => "jitter",
            Self::Address => "address",
            Self::Health => "health",
            Self::Restarts => "restarts",
        }
    }

    /// Whether the greatest comes first, unless it is asked for otherwise.
    const fn begins_with_greatest(self) -> bool {
        matches!(self, Self::Loss | Self::Reordered | Self::Jitter | Self::Restarts)
    }
}

impl Selection {
    /// What `request` asks for.
    pub(super) fn of(request: &Request) -> Result<Self, String> {
        let asks = |name| request.asks(name).filter(|value| !value.is_empty());
        let refuse = |name: &str, value: &str, wanted: &str| format!("{name}: '{value}' is not {wanted}");
        let state = asks("state").map(|name| {
            let named = State::ALL.into_iter().find(|state| state.name() == name);
            named.ok_or_else(|| refuse("state", name, "a state"))
        });
        let source =
            asks("source").map(|text| Label::new(text).map_err(|_| refuse("source", text, "a label")));
        let sort = asks("sort").map(|name| {
            let named = Sort::ALL.into_iter().find(|sort| sort.name() == name);
            named.ok_or_else(|| refuse("sort", name, "a column"))
        });
        let sort = sort.transpose()?.unwrap_or_default();
        let is_reversed = match asks("order") {
            None => false,
            Some("asc") => sort.begins_with_greatest(),
            Some("desc") => !sort.begins_with_greatest(),
            Some(other) => return Err(refuse("order", other, "asc or desc")),
        };
        let from = asks("from").map(|text| text.parse().map_err(|_| refuse("from", text, "a number")));
        Ok(Self {
            search: asks("q").unwrap_or_default().trim().to_lowercase(),
            state: state.transpose()?,
            group: asks("group").map(str::to_owned),
            source: source.transpose()?,
            sort,
            is_reversed,
            from: from.transpose()?.unwrap_or_default(),
        })
    }

    /// Whether the greatest comes first.
    pub(super) const fn is_descending(&self) -> bool {
        self.sort.begins_with_greatest() != self.is_reversed
    }

    /// Whether `row` is chosen. `address` is room for its address as text.
    pub(super) fn takes(&self, row: &Row, address: &mut String) -> bool {
        self.takes_state(row) && self.finds(row, address)
    }

    fn takes_state(&self, row: &Row) -> bool {
        self.state.is_none_or(|state| state == row.state)
    }

    /// Whether `row` is in the group that is chosen, if one is.
    pub(super) fn takes_group(&self, row: &Row) -> bool {
        self.group.is_none() || self.group.as_deref() == row.group.as_deref()
    }

    /// Whether `row` is chosen, whatever its state.
    fn finds(&self, row: &Row, address: &mut String) -> bool {
        if !self.takes_group(row) || self.source.is_some_and(|label| label != row.label) {
            return false;
        }
        let label = row.label.as_str();
        if self.search.is_empty() || label.to_ascii_lowercase().contains(&self.search) {
            return true;
        }
        let group = row.group.as_deref().unwrap_or_default();
        if group.to_lowercase().contains(&self.search) {
            return true;
        }
        let Some(origin) = row.origin else { return false };
        address.clear();
        write!(address, "{}", origin.addr()).expect("a String takes whatever is written to it");
        address.contains(&self.search)
    }

    /// The chosen rows `from` on, at most `count` of them, in order.
    pub(super) fn choose<'a>(&self, rows: impl Iterator<Item = &'a Row>, count: usize) -> Chosen<'a> {
        let (mut address, mut found, mut has_groups) = (String::new(), Census::default(), false);
        let mut chosen: Vec<_> = rows
            .inspect(|row| has_groups |= row.group.is_some())
            .filter(|row| self.finds(row, &mut address))
            .inspect(|row| found.count(row))
            .filter(|row| self.takes_state(row))
            .map(|row| (self.key(row), row))
            .collect();
        let total = chosen.len();
        let from = self.from.min(total);
        let end = from.saturating_add(count).min(total);
        let order = |a: &(Key<'_>, &Row), b: &(Key<'_>, &Row)| {
            let by_key = if self.is_reversed {
                b.0.cmp(&a.0)
            } else {
                a.0.cmp(&b.0)
            };
            by_key.then_with(|| a.1.label.cmp(&b.1.label))
        };
        if end < total {
            chosen.select_nth_unstable_by(end, order);
            chosen.truncate(end);
        }
        chosen.sort_unstable_by(order);
        let rows = chosen.drain(from..).map(|(_, row)| row).collect();
        Chosen {
            rows,
            total,
            found,
            has_groups,
        }
    }

    /// What `row` is sorted by, smaller first.
    fn key<'a>(&self, row: &'a Row) -> Key<'a> {
        let first = |number: u64| Key::Number(number, Reverse(0));
        let most = |number: u64| Key::Number(0, Reverse(number));
        match self.sort {
            Sort::Worst => Key::Number(badness(row), Reverse(row.since.as_nanos())),
            Sort::Source => Key::Text(row.label.as_str()),
            Sort::Group => row.group.as_deref().map_or(first(u64::MAX), Key::Text),
            Sort::State => first(row.state.rank().into()),
            Sort::Cause => Key::Text(row.cause.map_or("", Cause::name)),
            Sort::Since => most(row.since.as_nanos()),
            Sort::Seen => most(if row.is_heard() { row.arrived.as_nanos() } else { 0 }),
            Sort::Due => first(row.promise.map_or(u64::MAX, |promise| promise.due.as_nanos())),
            Sort::Interval if !row.is_heard() => first(u64::MAX),
            Sort::Interval => first(row.interval_ms.into()),
            Sort::Loss => most(per_million(row.tally.lost, row.tally.expected)),
            Sort::Reordered => most(row.tally.reordered),
            Sort::Jitter => most(row.jitter_us.into()),
            Sort::Address => Key::Address(row.origin.map_or([0; 18], |origin| origin.order())),
            Sort::Health => first(u64::from(u8::MAX - health(row.health))),
            Sort::Restarts => most(row.restarts.into()),
        }
    }
}

/// What a row is sorted by; the least comes first. Who has no group has a number instead, and comes behind all texts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Text(&'a str),
    Address([u8; 18]),
    Number(u64, Reverse<u64>),
}

/// How soon somebody has to look, smaller first: by state, but who is up and not well stands right behind who is late, by
/// health.
fn badness(row: &Row) -> u64 {
    // Four apart, with room for the three healths between.
    let place = |state: State| 4 * u64::from(state.rank());
    match row.state {
        State::Up if row.health != Health::Ok => place(State::Late) + 4 - u64::from(health(row.health)),
        state => place(state),
    }
}

/// Healths from best to worst.
const fn health(health: Health) -> u8 {
    match health {
        Health::Ok => 0,
        Health::Unknown => 1,
        Health::Warning => 2,
        Health::Critical => 3,
    }
}

/// How many of a million, to the nearest.
pub(super) fn per_million(part: i64, whole: i64) -> u64 {
    let (part, whole) = (part.max(0).unsigned_abs(), whole.max(1).unsigned_abs());
    (part.saturating_mul(1_000_000).saturating_add(whole / 2)) / whole
}

#[cfg(test)]
mod tests;
