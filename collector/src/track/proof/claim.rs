//! One session that waits for its proof, and whom it was asked of.

use std::time::Duration;

use beacon_common::{Frame, Moment};

use crate::track::transmit::Peer;
use crate::track::ways::Way;

/// How long an answer may take. Also how long what was held is worth anything.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// One address is asked at most this often for a session.
pub(super) const ADDRESS_EVERY: Duration = Duration::from_secs(1);

/// How many addresses from which a session's newest frame came are asked; and how often a session is asked a second,
/// wherever its frames come from.
pub(super) const ADDRESSES: usize = 4;

/// A session that was asked everywhere so long ago gives up its place to another, where there is none.
const CHANCE: Duration = Duration::from_secs(2);

/// The newest frame of a session that is not proven, and where it came from. Its tag was valid.
#[derive(Debug)]
pub(super) struct Claim {
    /// Which one it is, in the order in which they came to be held.
    pub(super) number: u64,
    pub(super) frame: Frame,
    pub(super) at: Moment,
    /// Whether nobody else of its label is live.
    pub(super) is_in_vain: bool,
    /// In the order in which it came from them.
    pub(super) senders: Vec<Sender>,
    /// When it was asked lately, longest ago first.
    pub(super) asked: [Option<Moment>; ADDRESSES],
}

/// An address from which a frame came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender {
    pub(super) peer: Peer,
    pub(super) way: Way,
    pub(super) asked: Option<Asked>,
}

/// When somebody was asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) first: Moment,
    pub(super) last: Moment,
}

impl Claim {
    pub(super) fn new(number: u64, frame: &Frame, (peer, way): (Peer, Way), now: Moment) -> Self {
        let asked = None;
        Self {
            number,
            frame: *frame,
            at: now,
            is_in_vain: false,
            senders: vec![Sender { peer, way, asked }],
            asked: [None; ADDRESSES],
        }
    }

    /// Another frame of this session. A newer one cannot be a recording of what came before: only where it came from
    /// is asked from now on. The same one may have overtaken itself by somebody else's hand.
    pub(super) fn follow(&mut self, frame: &Frame, (peer, way): (Peer, Way), now: Moment) {
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
    pub(super) fn due(&self, now: Moment) -> Option<usize> {
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
    pub(super) fn has_had_its_chance(&self, now: Moment) -> bool {
        let mut asked = self.senders.iter().map(|sender| sender.asked);
        asked.all(|asked| asked.is_some_and(|asked| now.since(asked.first) >= CHANCE))
    }

    /// Whether an answer is still to be waited for.
    pub(super) fn is_of_worth(&self, now: Moment) -> bool {
        let is_near = |at: Moment| now.since(at) < ANSWERED_WITHIN;
        let waits = |sender: &Sender| sender.asked.is_none_or(|asked| is_near(asked.first));
        is_near(self.at) && self.senders.iter().any(waits)
    }

    /// Who was asked long enough ago to have answered, and has not.
    pub(super) fn silent(&self, now: Moment) -> Option<Peer> {
        let is_silent = |asked: Asked| now.since(asked.first) >= ANSWERED_WITHIN;
        let mut senders = self.senders.iter();
        let silent = senders.find(|sender| sender.asked.is_some_and(is_silent))?;
        Some(silent.peer)
    }
}
