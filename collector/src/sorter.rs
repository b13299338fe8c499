//! Whose a datagram is that came to a shard's socket.
//!
//! The kernel has steered nearly all of them right. The others are found here, because a source that two shards
//! knew would be told of twice.

use std::mem;

use beacon_common::{FRAME_LEN, Moment};

use crate::handle::{Handle, Stray};
use crate::net::{Datagram, Steering};
use crate::track::inventory::Expected;
use crate::track::transmit::Peer;

/// The expected sources of each of so many shards; without steering there is one.
#[must_use]
pub fn divide(expected: Vec<Expected>, steering: Option<&Steering>, shards: usize) -> Vec<Vec<Expected>> {
    let Some(steering) = steering else {
        return vec![expected];
    };
    let mut shares = vec![Vec::new(); shards];
    for expected in expected {
        shares[steering.owner_by_label(&expected.label)].push(expected);
    }
    shares
}

/// Sorts what one of several shards receives.
pub struct Sorter {
    steering: Steering,
    /// The number of this shard.
    own: usize,
    shards: Vec<Handle>,
    /// What is to be handed over, by shard.
    strays: Vec<Vec<Stray>>,
}

impl Sorter {
    /// For the shard with the number `own` among `shards`.
    #[must_use]
    pub fn new(steering: Steering, own: usize, shards: Vec<Handle>) -> Self {
        let strays = shards.iter().map(|_| Vec::new()).collect();
        Self {
            steering,
            own,
            shards,
            strays,
        }
    }

    /// Whether this shard takes the datagram. One that another shard has to take is laid out for it, unless that
    /// has received the same.
    pub fn is_own(&mut self, datagram: &Datagram<'_>, arrival: Moment, peer: Peer) -> bool {
        let Ok(frame) = <&[u8; FRAME_LEN]>::try_from(datagram.bytes) else {
            // Whoever receives it counts it, once.
            return !datagram.to_many || self.own == 0;
        };
        let owner = self.steering.owner(frame);
        if owner != self.own && !datagram.to_many {
            let frame = *frame;
            self.strays[owner].push(Stray { arrival, peer, frame });
        }
        owner == self.own
    }

    /// Hands over what was laid out.
    pub fn hand_over(&mut self) {
        for (shard, strays) in self.shards.iter().zip(&mut self.strays) {
            if !strays.is_empty() {
                shard.hand_over(mem::take(strays));
            }
        }
    }
}
