//! Sessions that have to prove that they are the present one (docs/protocol.md, section 4): what they have sent is held
//! until they do.
//!
//! Whoever has recorded a device's datagrams can send them again, tags and all. Only who holds the device's key can
//! answer a question that was never asked before. But whoever plays a recording all the time must not get all the
//! questions either: what a recording cannot have is the newest beat, so that is where they go. Nor must whoever has
//! recorded a whole fleet take all the places: where none is left, one more that is asked takes what was held longest.

mod claim;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use beacon_common::{Frame, Label, Moment, Session};

use super::refused::Refused;
use super::transmit::Peer;
use super::ways::Way;
use claim::{ADDRESS_EVERY, ADDRESSES, Asked, Claim, Sender};

/// How many sessions of one label are held: a device without a clock needs a place beside what was recorded of its lives.
const SESSIONS: usize = 16;

/// One label is asked so many times a second at most, once for each of its sessions,
const LABEL_AT_MOST: u32 = SESSIONS as u32;

/// and takes one part in so many of the probes that there are: whoever holds one key holds up nobody else.
const LABEL_PART: u32 = 16;

/// How many sessions are held at most: about ten megabytes where each came from as many addresses as are asked. Whoever
/// takes the place of another is asked for it, so a place is kept for as many seconds as this is probes a second: 16 unless
/// told otherwise.
const HELD_AT_MOST: usize = 16_384;

/// Who is to be asked for proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The session.
    pub session: Session,
    /// Where to.
    pub peer: Peer,
    /// The way there.
    pub way: Way,
    /// When it was asked for the first time: what the nonce is made of.
    pub first_asked: Moment,
}

/// The newest frame of a session that has been proven.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// What it says.
    pub frame: Frame,
    /// Where it came from.
    pub peer: Peer,
    /// The way back.
    pub way: Way,
    /// When it came.
    pub at: Moment,
}

/// The sessions that are held.
pub struct Claims {
    held: BTreeMap<(Label, Session), Claim>,
    /// The same, longest held first.
    eldest: BTreeMap<u64, (Label, Session)>,
    /// How many were ever held.
    taken: u64,
    /// How many were asked in vain since somebody wanted to know, and the last of them.
    unanswered: Option<(u64, Refused)>,
    swept: Moment,
    label_at_most: u32,
    /// How often each label was asked in the second that counts.
    spent: HashMap<Label, u32>,
    second: u64,
}

impl Claims {
    /// None yet, for whoever sends so many probes a second at most.
    #[must_use]
    pub fn within(probe_rate: u32) -> Self {
        Self {
            held: BTreeMap::new(),
            eldest: BTreeMap::new(),
            taken: 0,
            unanswered: None,
            swept: Moment::ORIGIN,
            label_at_most: (probe_rate / LABEL_PART).clamp(1, LABEL_AT_MOST),
            spent: HashMap::new(),
            second: 0,
        }
    }

    /// Takes a frame whose session is not proven, and returns who is to be asked for it: one sender of its label at most,
    /// if `may_ask`, which is told whether nothing is held of that label. What nobody can be asked for takes no memory, unless
    /// others of its label have theirs already, and never the place of another label.
    pub fn keep(
        &mut self,
        frame: &Frame,
        from: (Peer, Way),
        now: Moment,
        may_ask: impl FnOnce(bool) -> bool,
    ) -> Option<Question> {
        let label = frame.label;
        self.sweep(label, now);
        let is_first = self.of(label).next().is_none();
        let costs_a_probe = is_first || self.displaces(label, frame.session);
        if !costs_a_probe {
            self.put(frame, from, now);
        }
        let is_due = costs_a_probe || self.due(label, now).is_some();
        if !(is_due && self.has_share(label, now) && may_ask(is_first)) {
            return None;
        }
        if costs_a_probe {
            self.put(frame, from, now);
        }
        self.ask(label, now)
    }

    /// Takes out the session that has answered a question for which `is_answered` holds, by when it was asked first.
    pub fn take(
        &mut self,
        (label, session): (Label, Session),
        now: Moment,
        is_answered: impl Fn(Moment) -> bool,
    ) -> Option<Held> {
        let claim = self.held.get(&(label, session))?;
        let has_answered = |sender: &&Sender| sender.asked.is_some_and(|asked| is_answered(asked.first));
        let sender = *claim.senders.iter().find(has_answered)?;
        let claim = self.remove(label, session)?;
        for (_, other) in self.held.range_mut(all_of(label)) {
            other.is_in_vain = false;
        }
        let held = Held {
            frame: claim.frame,
            peer: sender.peer,
            way: sender.way,
            at: claim.at,
        };
        claim.is_of_worth(now).then_some(held)
    }

    /// Whether the frame that was kept last of this session is of a label of which nothing is live: whoever sends it then
    /// beats in vain until it is proven.
    pub fn is_in_vain(&mut self, (label, session): (Label, Session), is_in_vain: bool) {
        if let Some(claim) = self.held.get_mut(&(label, session)) {
            claim.is_in_vain = is_in_vain;
        }
    }

    /// How many sessions beat in vain and have not answered until they were given up, since this was asked last, and where
    /// the last of them was asked.
    pub const fn take_unanswered(&mut self) -> Option<(u64, Refused)> {
        self.unanswered.take()
    }

    /// What is held of a label, oldest session first.
    fn of(&self, label: Label) -> impl DoubleEndedIterator<Item = (Session, &Claim)> {
        self.held
            .range(all_of(label))
            .map(|(&(_, session), claim)| (session, claim))
    }

    /// Whether this session takes the place of another label's, or of one of its own as it would of any.
    fn displaces(&self, label: Label, session: Session) -> bool {
        self.held.len() >= HELD_AT_MOST
            && !self.held.contains_key(&(label, session))
            && self.of(label).count() < SESSIONS
    }

    fn put(&mut self, frame: &Frame, from: (Peer, Way), now: Moment) {
        let (label, session) = (frame.label, frame.session);
        if let Some(claim) = self.held.get_mut(&(label, session)) {
            claim.follow(frame, from, now);
            return;
        }
        if self.of(label).count() == SESSIONS {
            let Some(other) = self.gives_way(label, session, now) else {
                return;
            };
            self.remove(label, other);
        } else if self.held.len() >= HELD_AT_MOST
            && let Some((_, eldest)) = self.eldest.pop_first()
        {
            self.held.remove(&eldest);
        }
        self.eldest.insert(self.taken, (label, session));
        let claim = Claim::new(self.taken, frame, from, now);
        self.held.insert((label, session), claim);
        self.taken += 1;
    }

    fn remove(&mut self, label: Label, session: Session) -> Option<Claim> {
        let claim = self.held.remove(&(label, session))?;
        self.eldest.remove(&claim.number);
        Some(claim)
    }

    /// Which session of a label makes room for another one: one that has had its chance; else the oldest for a newer one,
    /// because what was recorded is older, but for a device without a clock.
    fn gives_way(&self, label: Label, session: Session, now: Moment) -> Option<Session> {
        let mut held = self.of(label);
        let idle = held.find(|(_, claim)| claim.has_had_its_chance(now));
        let oldest = || self.of(label).next().filter(|&(oldest, _)| oldest < session);
        idle.or_else(oldest).map(|(other, _)| other)
    }

    /// Which session of a label is asked next, and at which of its addresses: the sessions take turns, and the newest goes
    /// before others that were never asked.
    fn due(&self, label: Label, now: Moment) -> Option<(Session, usize)> {
        let due = self.of(label).filter_map(|(session, claim)| {
            let index = claim.due(now)?;
            Some((claim.asked[ADDRESSES - 1], Reverse(session), index))
        });
        let (_, Reverse(session), index) = due.min()?;
        Some((session, index))
    }

    fn ask(&mut self, label: Label, now: Moment) -> Option<Question> {
        let (session, index) = self.due(label, now)?;
        let claim = self.held.get_mut(&(label, session))?;
        claim.asked.rotate_left(1);
        claim.asked[ADDRESSES - 1] = Some(now);
        let sender = &mut claim.senders[index];
        let first = sender.asked.map_or(now, |asked| asked.first);
        sender.asked = Some(Asked { first, last: now });
        *self.spent.entry(label).or_default() += 1;
        Some(Question {
            session,
            peer: sender.peer,
            way: sender.way,
            first_asked: first,
        })
    }

    fn has_share(&mut self, label: Label, now: Moment) -> bool {
        let second = now.as_nanos() / 1_000_000_000;
        if second > self.second {
            self.spent.clear();
            self.second = second;
        }
        self.spent
            .get(&label)
            .is_none_or(|&spent| spent < self.label_at_most)
    }

    /// Takes out what is worth nothing any more: of this label at once, of the others now and then.
    fn sweep(&mut self, label: Label, now: Moment) {
        let worthless = |claims: &Self| {
            let mut held = claims.of(label);
            held.find_map(|(session, claim)| (!claim.is_of_worth(now)).then_some(session))
        };
        while let Some(session) = worthless(self) {
            if let Some(claim) = self.remove(label, session) {
                note_unanswered(&mut self.unanswered, label, &claim, now);
            }
        }
        if now.since(self.swept) >= ADDRESS_EVERY {
            let Self {
                held,
                eldest,
                unanswered,
                ..
            } = self;
            held.retain(|&(label, _), claim| {
                let is_of_worth = claim.is_of_worth(now);
                if !is_of_worth {
                    eldest.remove(&claim.number);
                    note_unanswered(unanswered, label, claim, now);
                }
                is_of_worth
            });
            self.swept = now;
        }
    }
}

/// All sessions of a label.
const fn all_of(label: Label) -> RangeInclusive<(Label, Session)> {
    (label, Session::from_u64(0))..=(label, Session::from_u64(u64::MAX))
}

/// A session is given up: where it was asked in vain, that is counted.
fn note_unanswered(unanswered: &mut Option<(u64, Refused)>, label: Label, claim: &Claim, now: Moment) {
    if let Some(peer) = claim.silent(now).filter(|_| claim.is_in_vain) {
        let before = unanswered.map_or(0, |(times, _)| times);
        let from = peer.addr;
        *unanswered = Some((before + 1, Refused { label, from }));
    }
}

#[cfg(test)]
mod tests;
