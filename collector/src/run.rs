//! One run of the collector, from its sockets to its last line.

use std::io;
use std::num::NonZeroU16;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use beacon_common::Label;

use crate::cli::Idle;
use crate::clock;
use crate::config::{Config, Listen};
use crate::failure::{Exit, Failure};
use crate::handle::Handle;
use crate::hooks::Hooks;
use crate::net::{self, Listening};
use crate::notify::Notifier;
use crate::output::Settings;
use crate::output::pipe::{Inlet, Notice, Pipe, Stdout};
use crate::relay::Relay;
use crate::serve::control::{self, Socket};
use crate::serve::{Door, Feed, Service, Watched};
use crate::shard::Shard;
use crate::signals::{self, Orders};
use crate::sorter::{self, Sorter};
use crate::store::Store;
use crate::store::keeper::Keeper;
use crate::supervisor::{Roster, Supervisor, Worker};
use crate::teller::{self, Teller};
use crate::track;
use crate::track::commons::Commons;
use crate::track::event::What;
use crate::track::inventory::Expected;
use crate::track::tracker::Tracker;

/// Listens, judges and tells until it is told to end or nobody reads its lines any more.
///
/// # Errors
/// [`Exit::System`] where an address cannot be listened on, or the system refuses what every process needs.
pub fn run(config: Config) -> Result<(), Failure> {
    for Idle { option, needs } in &config.idle {
        log::warn!("{option} has no effect without {needs}");
    }
    let has_keys = !config.track.keys.is_empty();
    let handed = net::handed::take()?;
    // Before any moment is taken: time goes on where it has ended.
    let mut store = config.state.map(Store::open).transpose()?;
    let opened = clock::now();
    // What waits in sockets that were open before came after the last run had ended, if that is known.
    let waited_since = store.as_ref().and_then(Store::heard_until);
    let since = waited_since.filter(|_| !handed.is_empty()).unwrap_or(opened);
    let listening = listen(handed, &config.listen, config.workers)?;
    let addresses = listening.addresses.clone();
    let socket_drops = listening.dropped_before;
    if !has_keys {
        log::warn!("without --keys, anyone who can reach this collector can speak for any source");
    }
    let door = config.http.map(Door::open).transpose()?;
    let socket = Socket::open(&config.control)?;
    let (orders, obedience) = signals::orders().map_err(|error| refused("wait for orders", &error))?;
    orders
        .give_by_signals()
        .map_err(|error| refused("handle signals", &error))?;
    let orders = Arc::new(orders);

    let output = Settings {
        events: teller::told(config.output.events),
        ..config.output
    };
    let unfollowed = || socket.as_ref().map(|_| Feed::unfollowed());
    let feed = door.as_ref().map(Door::feed).or_else(unfollowed);
    let pipe = open_pipe(&output, feed.as_ref(), &orders)?;
    let open_hooks = |settings| Hooks::open(settings, output.collector.clone());
    let hooks = config.hooks.map(open_hooks).transpose();
    let hooks = hooks.map_err(|error| refused("start a thread", &error))?;
    let mut teller =
        Teller::new(pipe.inlet(), output.queue, output.events).calling(hooks.as_ref().map(Hooks::caller));
    let (file, expected) = config.inventory.unzip();
    let steering = listening.steering.clone();
    let roster = file.map(|file| Roster {
        file,
        max_sources: config.track.max_sources,
        steering: steering.clone(),
    });
    let expected = expected.unwrap_or_default();
    let reorder_wait = config.track.reorder_wait;
    let trackers = trackers(&listening, config.track, store.as_mut(), expected)?;
    let shards: Vec<_> = shards(listening, trackers, &teller)
        .map_err(|error| refused("wait for datagrams", &error))?
        .into_iter()
        .map(|shard| {
            let bell = store.as_ref().map(Store::bell);
            shard.listening_since(since).ringing(bell)
        })
        .collect();
    let keeper = store.map(|store| store.keep(shards.iter().map(Shard::handle).collect()));
    let keeper = keeper
        .transpose()
        .map_err(|error| refused("start a thread", &error))?;
    let watched = Watched {
        shards: shards.iter().map(Shard::handle).collect(),
        collector: output.collector,
        reorder_wait,
        depth: pipe.depth(),
        losses: teller.losses(),
        outages: teller.outages(),
        events: teller.event_counts(),
        hooks: hooks.as_ref().map(Hooks::counts).unwrap_or_default(),
        unsaved: keeper.as_ref().map(Keeper::failures).cloned().unwrap_or_default(),
        started_us: clock::read().wall_micros(opened),
    };
    let control = socket.zip(feed).map(|(socket, feed)| {
        let watched = watched.clone();
        control::serve(socket, watched, feed, steering)
    });
    let services: Vec<_> = [door.map(|door| door.serve(watched)), control]
        .into_iter()
        .flatten()
        .collect::<Result<_, _>>()
        .map_err(|error| refused("start a thread", &error))?;
    let start = What::Start {
        listen: addresses,
        socket_drops,
    };
    teller.tell(start, &clock::read());
    let supervisor = Supervisor::new(obedience, teller, config.tick)
        .map_err(|error| refused("wait for orders", &error))?
        .watching_reader(io::stdout().as_raw_fd())
        .reading_keys(config.keys)
        .reading_inventory(roster)
        .saving_by(keeper)
        .notifying(Notifier::from_environment(clock::now()));
    let workers = spawn(shards, &orders).map_err(|error| refused("start a thread", &error))?;
    let over = supervisor
        .run(workers)
        .map_err(|error| refused("wait for datagrams", &error))?;
    pipe.finish(over.give_up_at.since(clock::now()));
    // After the last line is written, so that those who follow the lines get it too.
    services.into_iter().for_each(Service::end);
    hooks.into_iter().for_each(|hooks| hooks.finish(over.began_at));
    over.saved
}

/// The sockets that are handed over, or where there are none, our own.
fn listen(handed: Vec<OwnedFd>, listen: &Listen, workers: NonZeroU16) -> Result<Listening, Failure> {
    if handed.is_empty() {
        return net::open(listen, workers);
    }
    if workers.get() > 1 {
        log::info!("one worker: what a service manager hands over is not divided");
    }
    net::handed::adopt(handed, listen)
}

fn open_pipe(output: &Settings, feed: Option<&Feed>, orders: &Arc<Orders>) -> Result<Pipe, Failure> {
    let orders = Arc::clone(orders);
    let notify = move |notice| match notice {
        Notice::ReaderGone => orders.reader_is_gone(),
        Notice::Room | Notice::Failing | Notice::Working => orders.wake(),
    };
    let stdout = Stdout::open().map_err(|error| refused("open the output", &error))?;
    Pipe::open_with(stdout, output, feed.map(Feed::tap), notify)
        .map_err(|error| refused("start a thread", &error))
}

/// One tracker for each share of the sockets, which share the bounds on sources and probes, and know what is in the state file
/// and who is expected. The masters go with `config`: nobody keeps them but who checks by them.
fn trackers(
    listening: &Listening,
    config: track::config::Config,
    store: Option<&mut Store>,
    expected: Vec<Expected>,
) -> Result<Vec<Tracker>, Failure> {
    let commons = Commons::new(&config);
    let new = |_: &_| Tracker::sharing(config.clone(), commons.clone());
    let mut trackers: Vec<_> = listening.shards.iter().map(new).collect();
    if let Some(store) = store {
        let owner = |label: &Label| match &listening.steering {
            Some(steering) => steering.owner_by_label(label),
            None => 0,
        };
        store.restore(&mut trackers, owner)?;
    }
    let shares = sorter::divide(expected, listening.steering.as_ref(), trackers.len());
    for (tracker, expected) in trackers.iter_mut().zip(shares) {
        tracker.expect(expected, clock::now());
    }
    Ok(trackers)
}

/// One shard for each share of the sockets, which know each other.
fn shards(
    listening: Listening,
    trackers: Vec<Tracker>,
    teller: &Teller<Inlet>,
) -> io::Result<Vec<Shard<Inlet>>> {
    let mut shards = Vec::with_capacity(listening.shards.len());
    for (sockets, tracker) in listening.shards.into_iter().zip(trackers) {
        shards.push(Shard::new(sockets, tracker, Relay::new(teller.another()))?);
    }
    if let Some(steering) = listening.steering {
        let handles: Vec<Handle> = shards.iter().map(Shard::handle).collect();
        for (number, shard) in shards.iter_mut().enumerate() {
            shard.sort_by(Sorter::new(steering.clone(), number, handles.clone()));
        }
    }
    Ok(shards)
}

fn spawn(shards: Vec<Shard<Inlet>>, orders: &Arc<Orders>) -> io::Result<Vec<Worker>> {
    let numbered = shards.into_iter().enumerate();
    numbered
        .map(|(number, shard)| Worker::spawn(number, shard, Arc::clone(orders)))
        .collect()
}

fn refused(what: &str, error: &io::Error) -> Failure {
    Failure::new(Exit::System, format_args!("cannot {what}: {error}"))
}
