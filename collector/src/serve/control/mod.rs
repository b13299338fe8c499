//! The control socket's end in the collector (docs/control.md): the picture that pages are made from, and what the
//! operator has to say about a source.

mod answer;
mod client;
mod socket;

pub use socket::Socket;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use beacon_common::Label;
use mio::{Interest, Poll, Waker};

use super::feed::Feed;
use super::listen::{Service, Watched};
use super::routes::Site;
use super::server::{self, Server};
use crate::handle::{Handle, Message, Operation};
use crate::net::Steering;
use client::Client;

/// What clients of the socket are served from.
pub(super) struct Desk {
    site: Site,
    shards: Vec<Handle>,
    steering: Option<Steering>,
    waker: Arc<Waker>,
}

impl AsMut<Site> for Desk {
    fn as_mut(&mut self) -> &mut Site {
        &mut self.site
    }
}

impl Desk {
    /// Has the shard that a source belongs to do something.
    fn operate(&self, operation: Operation) {
        let owner = |label: &Label| {
            let steering = self.steering.as_ref();
            steering.map_or(0, |steering| steering.owner_by_label(label))
        };
        if let Some(shard) = self.shards.get(owner(&operation.label)) {
            shard.send(Message::Operate(operation));
        }
    }
}

/// Serves at `socket`, in a thread of its own, what is `watched`; of which shard each source is, `steering` says.
///
/// # Errors
/// The system's, where it has no thread or file descriptor to give.
pub fn serve(
    socket: Socket,
    watched: Watched,
    feed: Feed,
    steering: Option<Steering>,
) -> io::Result<Service> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), server::WAKER)?);
    let mut listener = socket;
    poll.registry()
        .register(&mut listener, server::LISTENER, Interest::READABLE)?;
    let shards = watched.shards.clone();
    let desk = Desk {
        site: Site::new(watched, &waker, feed),
        shards,
        steering,
        waker: Arc::clone(&waker),
    };
    let is_over = Arc::new(AtomicBool::new(false));
    let server = Server::<Client>::new(poll, listener, desk, Arc::clone(&is_over));
    Service::begin("control", server, is_over, waker)
}
