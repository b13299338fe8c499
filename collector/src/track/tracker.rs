//! The tracker: one façade over the table, the slots, the estimates and the deadlines.
//!
//! One cycle is: every datagram at hand through [`Tracker::on_datagram`], then [`Tracker::on_time`], then
//! [`Tracker::poll_event`] and [`Tracker::poll_transmit`] until nothing is left.

mod ask;
mod begin;
mod blind;
mod edges;
mod expect;
mod operate;
mod prove;
mod routine;
mod show;
mod silence;
mod survival;
mod unsteady;

use std::collections::VecDeque;

use beacon_common::{DeviceKey, Form, Frame, Kind, Moment, View};

use super::auth::{Authority, Masters};
use super::blindness::Blindness;
use super::changes::Changes;
use super::commons::Commons;
use super::config::Config;
use super::deadlines::Deadlines;
use super::duplicates::Duplicates;
use super::event::{Cause, Detail, Event, Happening, SourceId, State};
use super::flapping::Flapping;
use super::hash::LabelHash;
use super::inventory::Inventory;
use super::mass::{Change, Falls};
use super::nonces::Nonces;
use super::origin::Origin;
use super::pasts::Pasts;
use super::patience::Patiences;
use super::proof::Claims;
use super::refused::Refusals;
use super::reject::Reject;
use super::restarts::Restarts;
use super::rules::Rules;
use super::silences::Silences;
use super::slots::Filled;
use super::snapshots::Snapshots;
use super::source::{Source, offset_us};
use super::table::Table;
use super::tally::Tally;
use super::tell::{self, Before};
use super::transmit::{Peer, Transmit};
use super::twins::Twins;
use super::ways::{Way, Ways};

pub use operate::{Instruction, Outcome};
pub use survival::{Changed, Portion};

/// How many datagrams are looked up at once.
const LOOKED_UP_AT_ONCE: usize = 32;

const FOUND: &str = "a source id is used only while its source is in the table";

/// A datagram that says that it is a frame, and what is needed to find its source.
struct Located<'a> {
    now: Moment,
    peer: Peer,
    form: Form<'a>,
    hash: LabelHash,
    guess: Option<SourceId>,
}

/// A frame, when it came and by which way.
struct Heard<'a> {
    now: Moment,
    peer: &'a Peer,
    view: View<'a>,
}

impl Heard<'_> {
    /// Where it came from.
    const fn origin(&self) -> Origin {
        Origin::of(self.peer.addr)
    }

    /// The way by which it came.
    const fn way(&self) -> Way {
        Way::of(self.peer, self.view.key_id(), self.view.wants_ack())
    }
}

/// A frame that is believed.
struct Sign<'a> {
    frame: &'a Frame,
    origin: Origin,
    way: Way,
    /// When it came.
    at: Moment,
    /// The proof that its session is the present one, where it had to wait for that.
    reply: Option<&'a Frame>,
}

impl Sign<'_> {
    /// Lets the proof count as a sign of life too: it is newer than the frame. After a goodbye nothing is promised.
    fn prove(&self, source: &mut Source, now: Moment) {
        if let (Some(reply), Kind::Beat(_)) = (self.reply, self.frame.kind) {
            source.take_reply(reply, now);
        }
    }
}

/// Judges sources by their beats and their silence.
pub struct Tracker {
    config: Config,
    authority: Authority,
    table: Table,
    commons: Commons,
    inventory: Inventory,
    blindness: Blindness,
    falls: Falls,
    ways: Ways,
    nonces: Nonces,
    claims: Claims,
    pasts: Pasts,
    deadlines: Deadlines,
    /// Sources in each state, indexed by the state.
    states: [u64; State::ALL.len()],
    received: u64,
    refusals: Refusals,
    events: VecDeque<Event>,
    transmits: VecDeque<Transmit>,
    snapshots: Snapshots,
    twins: Twins,
    flapping: Flapping,
    silences: Silences,
    patiences: Option<Patiences>,
    duplicates: Duplicates,
    restarts: Restarts,
    /// The counters of the sources that are no longer kept.
    departed: Tally,
    /// The sources that have entered a state, begun a session, or were silenced.
    changes: Changes,
}

impl Tracker {
    /// A tracker that knows no source yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let commons = Commons::new(&config);
        Self::sharing(config, commons)
    }

    /// A tracker that knows no source yet and has `commons` together with others.
    #[must_use]
    pub fn sharing(mut config: Config, commons: Commons) -> Self {
        Self {
            authority: Authority::new(std::mem::take(&mut config.keys)),
            table: Table::default(),
            falls: Falls::new(commons.fleet.clone()),
            silences: Silences::sharing(commons.silenced.clone()),
            commons,
            inventory: Inventory::default(),
            blindness: Blindness::default(),
            ways: Ways::default(),
            nonces: Nonces::default(),
            claims: Claims::within(config.probe_rate),
            pasts: Pasts::default(),
            deadlines: Deadlines::default(),
            states: [0; State::ALL.len()],
            received: 0,
            refusals: Refusals::default(),
            events: VecDeque::new(),
            transmits: VecDeque::new(),
            snapshots: Snapshots::new(config.report),
            twins: Twins::default(),
            flapping: Flapping::default(),
            patiences: Patiences::new(&config),
            duplicates: Duplicates::default(),
            restarts: Restarts::default(),
            departed: Tally::default(),
            changes: Changes::default(),
            config,
        }
    }

    /// Checks frames by these masters from now on. What their sources were is kept.
    pub fn set_keys(&mut self, masters: Masters) {
        self.authority = Authority::new(masters);
    }

    /// Takes a datagram that came from `peer` at `now`.
    pub fn on_datagram(&mut self, now: Moment, peer: Peer, bytes: &[u8]) {
        self.on_datagrams(std::iter::once((now, peer, bytes)));
    }

    /// Takes datagrams in the order in which they came: each with its moment, its peer and its bytes.
    ///
    /// At a million sources a beat costs what it waits for memory. So the datagrams of a batch are looked up in
    /// three passes, in each of which no one waits for another.
    pub fn on_datagrams<'a>(&mut self, batch: impl IntoIterator<Item = (Moment, Peer, &'a [u8])>) {
        let mut batch = batch.into_iter();
        let mut located = [const { None }; LOOKED_UP_AT_ONCE];
        loop {
            let (mut taken, mut count) = (0, 0);
            for (now, peer, bytes) in batch.by_ref().take(LOOKED_UP_AT_ONCE) {
                taken += 1;
                match Form::parse(bytes) {
                    Ok(form) => {
                        located[count] = Some(Located {
                            now,
                            peer,
                            form,
                            hash: self.table.hash_padded(form.padded_label()),
                            guess: None,
                        });
                        count += 1;
                    }
                    Err(reason) => self.refusals.count(reason.into()),
                }
            }
            if taken == 0 {
                return;
            }
            self.received += taken;
            let located = &mut located[..count];
            for located in located.iter_mut().flatten() {
                located.guess = self.table.guess(located.hash);
            }
            let guesses = located.iter().flatten().filter_map(|located| located.guess);
            guesses.for_each(|id| {
                self.table.fetch(id);
                self.deadlines.fetch(id.0);
            });
            for located in located.iter().flatten() {
                if !self.take_routine(located)
                    && let Err(reason) = self.take(located)
                {
                    self.refusals
                        .count_frame(reason, &located.form, located.peer.addr);
                }
            }
        }
    }

    /// The whole way of a datagram: source, key, answer.
    fn take(&mut self, located: &Located<'_>) -> Result<(), Reject> {
        let Located { now, peer, .. } = located;
        let view = located.form.view()?;
        let known = self.table.find(&view.label(), located.hash);
        if matches!(view.kind(), Kind::Ack | Kind::Probe) {
            return Err(Reject::Kind);
        }
        let key = self.authority.check(&view)?;
        if view.kind() == Kind::Reply {
            return self.hear_reply(&view.frame(), known, key.as_ref(), *now);
        }
        let heard = Heard {
            now: *now,
            peer,
            view,
        };
        match known {
            Some(id) if self.table[id].session == view.session() => self.hear_on(id, &heard),
            _ => self.hear_other(known, &view.frame(), (*peer, heard.way()), *now)?,
        }
        if view.wants_ack() {
            self.answer(&view.frame(), key.as_ref(), peer);
        }
        Ok(())
    }

    fn answer(&mut self, frame: &Frame, key: Option<&DeviceKey>, peer: &Peer) {
        self.send(&frame.ack(), key, *peer);
    }

    /// A frame of the current session.
    fn hear_on(&mut self, id: SourceId, heard: &Heard<'_>) {
        let (frame, now) = (heard.view.frame(), heard.now);
        let (source, history) = self.table.record_mut(id).expect(FOUND);
        if let Some(meter) = self.snapshots.meter(id) {
            meter.take(&source.slots, frame.seq, offset_us(&frame, now));
        }
        let filled = source.fill(&frame, now);
        history.count(filled);
        match filled {
            Filled::Newest(_) => self.hear_newest(id, heard),
            Filled::Duplicate => self
                .duplicates
                .note(id, (source.session, &source.slots), frame.seq),
            Filled::Reordered | Filled::Unexpected | Filled::Old => {}
        }
    }

    /// The newest frame of the current session.
    fn hear_newest(&mut self, id: SourceId, heard: &Heard<'_>) {
        let (frame, origin, now) = (heard.view.frame(), heard.origin(), heard.now);
        let rules = Rules {
            config: &self.config,
            blindness: &self.blindness,
        };
        let (source, history) = self.table.record_mut(id).expect(FOUND);
        let before = Before::of((source, history), now);
        let known_origin = source.origin;
        take_newest((id, source), (&frame, origin), now, rules, &mut self.patiences);
        source.way = self.ways.follow(source.way, heard.way());
        self.begin_address(id, known_origin);
        self.settle(id, &frame, now, &before, None);
        self.rearm(id);
    }

    fn enter(&mut self, id: SourceId, state: State, cause: Cause, now: Moment) {
        let (source, history) = self.table.record_mut(id).expect(FOUND);
        history.is_noted = history.is_noted || self.changes.note(source.label);
        self.states[source.state as usize] -= 1;
        self.states[state as usize] += 1;
        let change = Change {
            was: source.state,
            is: state,
            interval_ms: source.interval_ms,
        };
        (source.state, history.cause) = (state, cause);
        if change.was != state {
            history.since = now;
            self.snapshots.change(id, (change.was, state));
            if !self.flapping.is_flapping(id) {
                self.weigh(id, change, now);
            }
        }
    }

    fn tell(
        &mut self,
        id: SourceId,
        now: Moment,
        before: &Before,
        what: (Happening, Option<Cause>),
        detail: Detail,
    ) {
        if !self.flapping.holds_back(id, what.0) {
            let event = self.event(id, now, before, what, detail);
            self.events.push_back(event);
        }
    }

    fn event(
        &mut self,
        id: SourceId,
        now: Moment,
        before: &Before,
        what: (Happening, Option<Cause>),
        detail: Detail,
    ) -> Event {
        let record = (&self.table[id], self.table.history(id));
        let tally = tell::tally(record, now, self.rules());
        let event = tell::event(
            (&self.table, id),
            (now, self.rules()),
            before,
            what,
            &tally,
            detail,
        );
        self.marked(event)
    }

    /// When [`Tracker::on_time`] has something to do next; a moment in the past where it has more to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Moment> {
        self.deadlines
            .next()
            .into_iter()
            .chain(self.snapshots.next_report())
            .chain(self.falls.next())
            .chain(self.flapping.next())
            .chain(self.silences.next())
            .chain(self.inventory.next(self.rules()))
            .min()
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }
}

/// Has the source take its newest beat, and learn by it where there is a budget of false alarms.
fn take_newest(
    (id, source): (SourceId, &mut Source),
    (frame, origin): (&Frame, Origin),
    now: Moment,
    rules: Rules<'_>,
    patiences: &mut Option<Patiences>,
) {
    match patiences {
        None => source.take_newest(frame, origin, now, rules),
        Some(patiences) => patiences.take_newest((id, source), (frame, origin), now, rules),
    }
}
