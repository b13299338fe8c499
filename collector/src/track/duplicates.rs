//! Which slots of a wheel were filled more than once, for whoever looks at a source.
//!
//! A record has no room for it, and a beat that comes once is to cost nothing for it. So it is kept apart, for a bounded
//! number of sources: each has one place, shared by those whose numbers lie a multiple of `PLACES` apart, and the last
//! of them to be sent a duplicate has it. However many duplicates come, and whoever sends them, each costs a step, and
//! those of one source push out no more than what shares its place.

use beacon_common::{Seq, Session};

use super::event::SourceId;
use super::slots::Slots;

/// Of how many sources of one tracker it is kept at most: 384 KiB.
const PLACES: u32 = 16_384;

/// The slots that were filled more than once.
#[derive(Default)]
pub struct Duplicates(Vec<Place>);

/// What is kept of one source.
#[derive(Clone, Copy)]
struct Place {
    source: SourceId,
    session: Session,
    highest: Seq,
    /// Bit `i` is the slot of `highest - i`.
    again: u64,
}

impl Place {
    const VACANT: Self = Self {
        source: SourceId::FIRST,
        session: Session::from_u64(0),
        highest: Seq::FIRST,
        again: 0,
    };

    /// The slots on a wheel whose highest number is `highest` by now; none where that has gone back, as it does in a
    /// session that is left and begun again.
    fn turned_to(&self, highest: Seq) -> u64 {
        let steps = highest.get().checked_sub(self.highest.get());
        steps.and_then(|steps| self.again.checked_shl(steps)).unwrap_or(0)
    }
}

impl Duplicates {
    /// The slot of `seq` on the wheel of a source was filled again.
    pub fn note(&mut self, source: SourceId, (session, slots): (Session, &Slots), seq: Seq) {
        let highest = slots.highest();
        let Some(slot) = 1_u64.checked_shl(highest.get().wrapping_sub(seq.get())) else {
            return;
        };
        let again = self.of(source, (session, slots)) | slot;
        let place = place_of(source);
        if self.0.len() <= place {
            self.0.resize(place + 1, Place::VACANT);
        }
        self.0[place] = Place {
            source,
            session,
            highest,
            again,
        };
    }

    /// Which slots on the wheel of a source are known to have been filled more than once: bit `i` is that of the number
    /// `i` below the highest.
    #[must_use]
    pub fn of(&self, source: SourceId, (session, slots): (Session, &Slots)) -> u64 {
        let place = self.0.get(place_of(source));
        let own = place.filter(|place| (place.source, place.session) == (source, session));
        own.map_or(0, |place| place.turned_to(slots.highest()))
    }

    /// The source is no longer kept, and its number may become another one's.
    pub fn forget(&mut self, source: SourceId) {
        if let Some(place) = self.0.get_mut(place_of(source))
            && place.source == source
        {
            *place = Place::VACANT;
        }
    }
}

const fn place_of(source: SourceId) -> usize {
    (source.0 % PLACES) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: Session = Session::from_u64(7);

    fn wheel(highest: u32) -> Slots {
        Slots::new(Seq::new(highest), Seq::new(highest))
    }

    fn note(duplicates: &mut Duplicates, source: u32, highest: u32, seq: u32) {
        duplicates.note(SourceId(source), (SESSION, &wheel(highest)), Seq::new(seq));
    }

    fn of(duplicates: &Duplicates, source: u32, highest: u32) -> u64 {
        duplicates.of(SourceId(source), (SESSION, &wheel(highest)))
    }

    #[test]
    fn what_was_filled_again_turns_with_the_wheel_until_it_is_off_it() {
        let mut duplicates = Duplicates::default();
        note(&mut duplicates, 3, 10, 10);
        note(&mut duplicates, 3, 12, 9);
        assert_eq!(of(&duplicates, 3, 12), 0b1100);
        assert_eq!(of(&duplicates, 3, 10 + 63), 1 << 63);
        assert_eq!(of(&duplicates, 3, 10 + 64), 0);
        assert_eq!(of(&duplicates, 3, u32::MAX), 0);
        assert_eq!(of(&duplicates, 3, 11), 0);
        assert_eq!(of(&duplicates, 2, 12), 0);
        assert_eq!(of(&duplicates, 4, 12), 0);
    }

    #[test]
    fn another_session_has_a_wheel_of_its_own() {
        let mut duplicates = Duplicates::default();
        note(&mut duplicates, 3, 10, 10);
        let renewed = (Session::from_u64(8), &wheel(10));
        assert_eq!(duplicates.of(SourceId(3), renewed), 0);
        duplicates.note(SourceId(3), renewed, Seq::new(9));
        assert_eq!(duplicates.of(SourceId(3), renewed), 0b10);
        duplicates.forget(SourceId(3));
        assert_eq!(duplicates.of(SourceId(3), renewed), 0);
    }

    #[test]
    fn a_flood_takes_no_place_but_its_own() {
        let mut duplicates = Duplicates::default();
        note(&mut duplicates, 1, 10, 10);
        note(&mut duplicates, 5, 10, 10);
        for flooded in 0..1_000_000 {
            note(&mut duplicates, 1 + PLACES, 100 + flooded / 8, 100 + flooded / 8);
        }
        assert_eq!([1, 5].map(|source| of(&duplicates, source, 10)), [0, 1]);
        duplicates.forget(SourceId(1));
        assert_eq!(of(&duplicates, 1 + PLACES, 100 + 999_999 / 8), u64::MAX);
        note(&mut duplicates, u32::MAX, 1, 1);
        assert_eq!(duplicates.0.len(), PLACES as usize);
    }

    #[test]
    fn a_place_is_as_small_as_it_is_said_to_be() {
        assert_eq!(PLACES as usize * size_of::<Place>(), 384 << 10);
    }
}
