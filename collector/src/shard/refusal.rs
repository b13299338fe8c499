//! Says who is refused: a device whose key is wrong beats in vain, and a counter does not tell which one that is.

use beacon_common::{Limit, Moment};

use crate::track::refused::Refused;
use crate::track::reject::Reject;
use crate::track::tracker::Tracker;

/// What somebody can mend, at the device or here.
const TOLD: [Reject; 6] = [
    Reject::Key,
    Reject::Tag,
    Reject::Unkeyed,
    Reject::Session,
    Reject::Full,
    Reject::Rate,
];

/// What was said of those who were refused. Whoever sends forged frames makes it say no more than a line a minute for
/// each reason, of each worker.
#[derive(Debug, Default)]
pub(super) struct Refusal([Limit; TOLD.len()]);

impl Refusal {
    /// Says what is new. Returns how many lines that took.
    pub(super) fn tell(&mut self, tracker: &Tracker, now: Moment) -> usize {
        let refusals = tracker.refusals();
        let mut told = 0;
        for (reason, limit) in TOLD.into_iter().zip(&mut self.0) {
            let new = refusals.complaints(reason) - limit.total();
            let Some(Refused { label, from }) = refusals.last(reason).filter(|_| new > 0) else {
                continue;
            };
            let Some(more) = limit.count_all(now, new) else {
                continue;
            };
            told += 1;
            match reason {
                Reject::Key if !tracker.needs_keys() => log::warn!(
                    "a frame of {label} from {from} is dropped: it is made with a key, and there is no --keys to check it by{more}"
                ),
                Reject::Key => log::warn!(
                    "a frame of {label} from {from} is dropped: its key has an id that --keys does not have{more}"
                ),
                Reject::Tag => log::warn!(
                    "a frame of {label} from {from} is dropped: it is made with another key than device-key prints for that label{more}"
                ),
                Reject::Unkeyed => log::warn!(
                    "a frame of {label} from {from} is dropped: it is made without a key, and --keys asks for one{more}"
                ),
                Reject::Session => log::warn!(
                    "a frame of {label} from {from} is dropped: it may be a recording, and nobody there has answered the probe for its proof; where there is no way back to devices, --one-way asks for none{more}"
                ),
                Reject::Full => log::warn!(
                    "a frame of {label} from {from} is dropped: --inventory-only does not expect it, or --max-sources has no room{more}"
                ),
                _ => log::warn!(
                    "a frame of {label} from {from} is dropped: more new sources came at once than --admit-rate lets in{more}"
                ),
            }
        }
        told
    }
}
