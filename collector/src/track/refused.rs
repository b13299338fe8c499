//! Who was refused last, for each reason: so that a device with a wrong key can be found by more than a counter.

use std::net::SocketAddr;

use beacon_common::{Form, Label};

use super::reject::{Reject, Rejected};

/// A frame that was dropped although its form is right. Anybody may have written it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The source that it names.
    pub label: Label,
    /// Where it came from.
    pub from: SocketAddr,
}

/// What was dropped: how much for each reason, and the last frame of it that names a source.
#[derive(Debug, Default)]
pub struct Refusals {
    rejected: Rejected,
    last: [Option<Refused>; Reject::ALL.len()],
    /// How many sessions were asked in vain for proof.
    unanswered: u64,
}

impl Refusals {
    /// Counts what is no frame.
    pub fn count(&mut self, reason: Reject) {
        self.rejected.count(reason);
    }

    /// Counts a frame, and keeps whom it names. Not for its session: each one that has to be proven is dropped until it is.
    pub fn count_frame(&mut self, reason: Reject, form: &Form<'_>, from: SocketAddr) {
        self.rejected.count(reason);
        if let (false, Ok(view)) = (reason == Reject::Session, form.view()) {
            let label = view.label();
            self.last[reason as usize] = Some(Refused { label, from });
        }
    }

    /// So many sessions that beat in vain were asked for proof and have not answered, this one last.
    pub const fn count_unanswered(&mut self, times: u64, last: Refused) {
        self.unanswered += times;
        self.last[Reject::Session as usize] = Some(last);
    }

    /// How often there was something that somebody can mend: frames that were dropped for this reason, or sessions that have
    /// not answered.
    #[must_use]
    pub const fn complaints(&self, reason: Reject) -> u64 {
        match reason {
            Reject::Session => self.unanswered,
            _ => self.rejected.get(reason),
        }
    }

    /// How much was dropped for each reason.
    #[must_use]
    pub const fn counts(&self) -> &Rejected {
        &self.rejected
    }

    /// Whom the last frame names that was dropped for this reason, or who has not answered last; `None` where there is none
    /// that names anybody.
    #[must_use]
    pub const fn last(&self, reason: Reject) -> Option<Refused> {
        self.last[reason as usize]
    }
}
