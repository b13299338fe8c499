//! Sessions that have to prove that they are the present one (docs/protocol.md, section 4): what they have sent is held
//! until they do.
//!
//! Whoever has recorded a device's datagrams can send them again, tags and all. Only who holds the device's key can
//! answer a question that was never asked before. But whoever plays a recording all the time must not get all the
//! questions either: what a recording cannot have is the newest beat, so that is where they go. Nor must whoever has
//! recorded a whole fleet take all the places: where none is left, one more that is asked takes what was held longest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use beacon_common::{Frame, Label, Moment, Session};

use super::transmit::Peer;
use super::ways::Way;

/// How long an answer may take. Also how long what was held is worth anything.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// One address is asked at most this often for a session.
const ADDRESS_EVERY: Duration = Duration::from_secs(1);

/// How many addresses from which a session's newest frame came are asked; and how often a session is asked a second,
/// wherever its frames come from.
const ADDRESSES: usize = 4;

/// How many sessions of one label are held: a device without a clock needs a place beside what was recorded of its lives.
const SESSIONS: usize = 16;

/// A session that was asked everywhere so long ago gives up its place to another, where there is none.
const CHANCE: Duration = Duration::from_secs(2);

/// One label is asked so many times a second at most, once for each of its sessions,
const LABEL_AT_MOST: u32 = SESSIONS as u32;

/// and takes one part in so many of the probes that there are: whoever holds one key holds up nobody else.
const LABEL_PART: u32 = 16;

/// How many sessions are held at most: about ten megabytes where each came from as many addresses as are asked. Whoever
/// takes the place of another is asked for it, so a place is kept for as many seconds as this is probes a second: 16 unless
/// told otherwise.
const HELD_AT_MOST: usize = 16_384;

/// The newest frame of a session that is not proven, and where it came from. Its tag was valid.
#[derive(Debug)]
struct Claim {
    /// Which one it is, in the order in which they came to be held.
    number: u64,
    frame: Frame,
    at: Moment,
    /// In the order in which it came from them.
    senders: Vec<Sender>,
    /// When it was asked lately, longest ago first.
    asked: [Option<Moment>; ADDRESSES],
}

/// An address from which a frame came.
#[derive(Clone, Copy, Debug)]
struct Sender {
    peer: Peer,
    way: Way,
    asked: Option<Asked>,
}

/// When somebody was asked.
#[derive(Clone, Copy, Debug)]
struct Asked {
    first: Moment,
    last: Moment,
}

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
        let held = Held {
            frame: claim.frame,
            peer: sender.peer,
            way: sender.way,
            at: claim.at,
        };
        claim.is_of_worth(now).then_some(held)
    }

    /// What is held of a label, oldest session first.
    fn of(&self, label: Label) -> impl DoubleEndedIterator<Item = (Session, &Claim)> {
        let all = (label, Session::from_u64(0))..=(label, Session::from_u64(u64::MAX));
        self.held
            .range(all)
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
            self.remove(label, session);
        }
        if now.since(self.swept) >= ADDRESS_EVERY {
            let Self { held, eldest, .. } = self;
            held.retain(|_, claim| {
                let is_of_worth = claim.is_of_worth(now);
                if !is_of_worth {
                    eldest.remove(&claim.number);
                }
                is_of_worth
            });
            self.swept = now;
        }
    }
}

impl Claim {
    fn new(number: u64, frame: &Frame, (peer, way): (Peer, Way), now: Moment) -> Self {
        let asked = None;
        Self {
            number,
            frame: *frame,
            at: now,
            senders: vec![Sender { peer, way, asked }],
            asked: [None; ADDRESSES],
        }
    }

    /// Another frame of this session. A newer one cannot be a recording of what came before: only where it came from
    /// is asked from now on. The same one may have overtaken itself by somebody else's hand.
    fn follow(&mut self, frame: &Frame, (peer, way): (Peer, Way), now: Moment) {
        let known = self.senders.iter().find(|sender| sender.peer == peer);
        let asked = known.and_then(|sender| sender.asked);
        let is_new = known.is_none();
        if frame.seq > self.frame.seq {
            (self.frame, self.at) = (*frame, now);
            self.senders.clear();
            self.senders.push(Sender { peer, way, asked });
        } else if frame.seq == self.frame.seq && is_new && self.senders.len() < ADDRESSES {
            self.senders.push(Sender { peer, way, asked });
        }
    }

    /// Which of the addresses is asked next: one that never was, then the one that was longest ago.
    fn due(&self, now: Moment) -> Option<usize> {
        let is_over = |last: Option<Moment>| last.is_none_or(|last| now.since(last) >= ADDRESS_EVERY);
        if !is_over(self.asked[0]) {
            return None;
        }
        let last = self
            .senders
            .iter()
            .map(|sender| sender.asked.map(|asked| asked.last));
        let due = last.zip(0..).filter(|&(last, _)| is_over(last));
        due.min().map(|(_, index)| index)
    }

    /// Whether everybody from whom its newest frame came was asked, and could have answered by now.
    fn has_had_its_chance(&self, now: Moment) -> bool {
        let mut asked = self.senders.iter().map(|sender| sender.asked);
        asked.all(|asked| asked.is_some_and(|asked| now.since(asked.first) >= CHANCE))
    }

    /// Whether an answer is still to be waited for.
    fn is_of_worth(&self, now: Moment) -> bool {
        let is_near = |at: Moment| now.since(at) < ANSWERED_WITHIN;
        let waits = |sender: &Sender| sender.asked.is_none_or(|asked| is_near(asked.first));
        is_near(self.at) && self.senders.iter().any(waits)
    }
}

#[cfg(test)]
mod tests;
