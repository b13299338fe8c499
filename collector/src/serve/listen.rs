//! The way in: an address that is listened on before anything else runs, and the thread that serves there.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use mio::net::TcpListener;
use mio::{Interest, Poll, Waker};

use super::Settings;
use super::feed::Feed;
use super::metrics::Told;
use super::picture::Looker;
use super::routes::Site;
use super::server::{self, Server};
use crate::failure::{Exit, Failure};
use crate::handle::Handle;
use crate::hooks;
use crate::output::pipe::Depth;
use crate::output::tap::Tap;
use crate::teller::Losses;

/// How much less than the others the serving thread gets of a processor that is scarce (see `nice`).
const NICENESS: i32 = 10;

/// A bound address, and what is needed to serve there.
pub struct Door {
    settings: Settings,
    poll: Poll,
    waker: Arc<Waker>,
    listener: TcpListener,
    feed: Feed,
}

/// What is shown.
pub struct Watched {
    /// The shards, who know the sources.
    pub shards: Vec<Handle>,
    /// The collector's name.
    pub collector: String,
    /// How many intervals a missing beat may still come late.
    pub reorder_wait: u32,
    /// How full the output queue is.
    pub depth: Depth,
    /// What the reader of the output was too slow for.
    pub losses: Losses,
    /// What has become of the events that hooks are for.
    pub hooks: hooks::Counts,
}

/// The serving thread.
pub struct Service {
    thread: JoinHandle<()>,
    is_over: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Door {
    /// Listens where `settings` say.
    ///
    /// # Errors
    /// [`Exit::System`] where the address cannot be listened on.
    pub fn open(settings: Settings) -> Result<Self, Failure> {
        Self::try_open(settings).map_err(|error| {
            let address = settings.listen;
            Failure::new(
                Exit::System,
                format_args!("--http: cannot listen on {address}: {error}"),
            )
        })
    }

    fn try_open(settings: Settings) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), server::WAKER)?);
        let mut listener = TcpListener::bind(settings.listen)?;
        poll.registry()
            .register(&mut listener, server::LISTENER, Interest::READABLE)?;
        log::info!("serving http://{}/", listener.local_addr()?);
        let feed = Feed::new(Arc::clone(&waker));
        Ok(Self {
            settings,
            poll,
            waker,
            listener,
            feed,
        })
    }

    /// Takes the lines that are written.
    #[must_use]
    pub fn tap(&self) -> Tap {
        let feed = self.feed.clone();
        Tap(Box::new(move |told| feed.take(told)))
    }

    /// Serves, in a thread of its own, what is `watched`.
    ///
    /// # Errors
    /// The system's, where it has no thread to give.
    pub fn serve(self, watched: Watched) -> io::Result<Service> {
        let is_over = Arc::new(AtomicBool::new(false));
        let looker = Looker::new(watched.shards, Arc::clone(&self.waker), self.feed.edges());
        let site = Site {
            collector: watched.collector,
            reorder_wait: watched.reorder_wait,
            per_source: self.settings.metrics_per_source,
            depth: watched.depth,
            losses: watched.losses,
            hooks: watched.hooks,
            looker,
            feed: self.feed,
            told: Told::default(),
            cached: None,
            followers: 0,
        };
        let server = Server::new(self.poll, self.listener, site, Arc::clone(&is_over));
        let thread = thread::Builder::new().name("http".to_owned()).spawn(move || {
            // On Linux this is about the calling thread alone.
            if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
                log::debug!("the HTTP thread keeps its priority: {error}");
            }
            if let Err(error) = server.run() {
                log::error!("nothing is served over HTTP any more: {error}");
            }
        })?;
        Ok(Service {
            thread,
            is_over,
            waker: self.waker,
        })
    }
}

impl Service {
    /// Hands the clients what they take at once of the last lines, and closes.
    pub fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Err(error) = self.waker.wake() {
            log::error!("the HTTP thread cannot be woken: {error}");
            return;
        }
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}
