//! The way in: an address that is listened on before anything else runs, and the thread that serves there.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use mio::net::TcpListener;
use mio::{Interest, Poll, Waker};

use super::Settings;
use super::connection::Client;
use super::feed::Feed;
use super::routes::Site;
use super::server::{self, Guest, Server};
use crate::background;
use crate::event_counts::EventCounts;
use crate::failure::{Exit, Failure};
use crate::handle::Handle;
use crate::hooks;
use crate::losses::Losses;
use crate::outages::Outages;
use crate::output::pipe::Depth;
use crate::store::keeper::Failures;

/// How much less than the others the serving thread gets of a processor that is scarce.
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
#[derive(Clone)]
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
    /// What befalls all sources, whether lines tell of it or not.
    pub outages: Outages,
    /// How often each event has happened.
    pub events: EventCounts,
    /// What has become of the events that hooks are for.
    pub hooks: hooks::Counts,
    /// How often the state could not be saved.
    pub unsaved: Failures,
    /// When the collector began, in microseconds since the Unix epoch.
    pub started_us: u64,
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
            let what_to_do = match error.kind() {
                ErrorKind::AddrInUse => format!("; `ss -tlnp sport = :{}` tells by whom", address.port()),
                _ => String::new(),
            };
            Failure::new(
                Exit::System,
                format_args!("--http: cannot listen on {address}: {error}{what_to_do}"),
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

    /// Keeps the lines that are written.
    #[must_use]
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// Serves, in a thread of its own, what is `watched`.
    ///
    /// # Errors
    /// The system's, where it has no thread to give.
    pub fn serve(self, watched: Watched) -> io::Result<Service> {
        let is_over = Arc::new(AtomicBool::new(false));
        let site = Site {
            per_source: self.settings.metrics_per_source,
            is_loopback: self.settings.listen.ip().to_canonical().is_loopback(),
            ..Site::new(watched, &self.waker, self.feed)
        };
        let server = Server::<Client>::new(self.poll, self.listener, site, Arc::clone(&is_over));
        Service::begin("http", server, is_over, self.waker)
    }
}

impl Service {
    /// Runs `server`, in a thread of this `name`, until `is_over`.
    pub(super) fn begin<G>(
        name: &'static str,
        server: Server<G>,
        is_over: Arc<AtomicBool>,
        waker: Arc<Waker>,
    ) -> io::Result<Self>
    where
        G: Guest + Send + 'static,
        G::Listener: Send,
        G::World: Send,
    {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            background::step_back(&format!("serves {}", G::NAME), NICENESS);
            if let Err(error) = server.run() {
                log::error!("{} is not served any more: {error}", G::NAME);
            }
        })?;
        Ok(Self {
            thread,
            is_over,
            waker,
        })
    }

    /// Hands the clients what they take at once of the last lines, and closes.
    pub fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Err(error) = self.waker.wake() {
            log::error!("a serving thread cannot be woken: {error}");
            return;
        }
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}
