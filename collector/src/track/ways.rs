//! The ways back to the sources: by which socket, from which address and with which key something for them is sent.
//!
//! A fleet comes by a handful of ways, so that each source keeps the number of its own, which is one byte.

use std::net::IpAddr;

use beacon_common::KeyId;

use super::transmit::Peer;

/// How many ways are told apart. Sources beyond are not probed.
const MOST: usize = u8::MAX as usize;

/// The number of a way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WayId(u8);

impl WayId {
    /// Of a source that cannot be asked anything.
    pub const NONE: Self = Self(0);

    const fn index(self) -> Option<usize> {
        (self.0 as usize).checked_sub(1)
    }
}

/// How a frame came, and how something for its sender goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// The number of the collector's socket.
    pub socket: u8,
    /// The collector's own address at this end, where the socket has more than one.
    pub local: Option<IpAddr>,
    /// The key that the frame was made with.
    pub key: Option<KeyId>,
    /// Whether acks are asked for, which says that there is a way back.
    pub asks: bool,
}

impl Way {
    /// The way of a frame from `peer`.
    #[must_use]
    pub const fn of(peer: &Peer, key: Option<KeyId>, asks: bool) -> Self {
        Self {
            socket: peer.socket,
            local: peer.local,
            key,
            asks,
        }
    }
}

/// The ways that are in use, each by so many sources.
#[derive(Default)]
pub struct Ways(Vec<(Way, u32)>);

impl Ways {
    /// The way with this number.
    #[must_use]
    pub fn get(&self, id: WayId) -> Option<&Way> {
        Some(&self.0.get(id.index()?)?.0)
    }

    /// Whether a source that has come by the way `id` comes by it still. One that has asked for acks need not ask each
    /// time.
    #[must_use]
    pub fn is_still(&self, id: WayId, way: &Way) -> bool {
        self.get(id).is_some_and(|known| {
            known.socket == way.socket
                && known.local == way.local
                && known.key == way.key
                && known.asks >= way.asks
        })
    }

    /// The number of `way` for one source more; [`WayId::NONE`] where there are too many others.
    pub fn take(&mut self, way: Way) -> WayId {
        let known = self.0.iter().position(|&(other, _)| other == way);
        let unused = || self.0.iter().position(|&(_, sources)| sources == 0);
        let index = match known.or_else(unused) {
            Some(index) => index,
            None if self.0.len() < MOST => {
                self.0.push((way, 0));
                self.0.len() - 1
            }
            None => return WayId::NONE,
        };
        let (kept, sources) = &mut self.0[index];
        *kept = way;
        *sources += 1;
        WayId(index as u8 + 1)
    }

    /// A source has left this way.
    pub fn leave(&mut self, id: WayId) {
        if let Some((_, sources)) = id.index().and_then(|index| self.0.get_mut(index)) {
            *sources -= 1;
        }
    }

    /// A source that came by the way `id` comes by `way` now, in the same session: that it has asked for acks stays true.
    #[must_use]
    pub fn follow(&mut self, id: WayId, way: Way) -> WayId {
        if self.is_still(id, &way) {
            return id;
        }
        let asks = way.asks || self.get(id).is_some_and(|known| known.asks);
        self.change(id, Way { asks, ..way })
    }

    /// A source that came by the way `id` comes by `way` from now on.
    pub fn change(&mut self, id: WayId, way: Way) -> WayId {
        self.leave(id);
        self.take(way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn way(number: u32) -> Way {
        Way {
            socket: 0,
            local: Some(Ipv4Addr::from_bits(number).into()),
            key: None,
            asks: false,
        }
    }

    #[test]
    fn sources_share_a_way_until_the_last_has_left() {
        let mut ways = Ways::default();
        let first = ways.take(way(1));
        assert_eq!(ways.take(way(1)), first);
        ways.leave(first);
        let second = ways.take(way(2));
        assert_ne!(second, first, "one source is on it yet");
        assert_eq!(ways.get(first), Some(&way(1)));
        ways.leave(first);
        assert_eq!(ways.take(way(3)), first);
        assert_eq!(ways.get(second), Some(&way(2)));
    }

    #[test]
    fn who_is_one_too_many_has_no_way_until_one_is_free() {
        let mut ways = Ways::default();
        let ids: Vec<WayId> = (0..255).map(|number| ways.take(way(number))).collect();
        assert!(!ids.contains(&WayId::NONE));
        let late = ways.take(way(255));
        assert_eq!((late, ways.get(late)), (WayId::NONE, None));
        ways.leave(late);
        ways.leave(ids[7]);
        assert_eq!(ways.change(late, way(255)), ids[7]);
    }

    #[test]
    fn who_has_asked_for_acks_need_not_ask_again() {
        let mut ways = Ways::default();
        let asking = Way { asks: true, ..way(1) };
        let id = ways.take(way(1));
        assert!(ways.is_still(id, &way(1)) && !ways.is_still(id, &asking));
        let id = ways.change(id, asking);
        assert!(ways.is_still(id, &way(1)) && ways.is_still(id, &asking));
        assert!(!ways.is_still(id, &way(2)));
        let keyed = Way {
            key: KeyId::new(1),
            ..asking
        };
        assert!(!ways.is_still(id, &keyed));
        assert!(!ways.is_still(WayId::NONE, &way(1)));
    }
}
