//! One run of the collector, from its sockets to its last line.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use crate::clock;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::net;
use crate::output::Settings;
use crate::output::pipe::{Notice, Pipe, Stdout};
use crate::relay::{self, Relay};
use crate::shard::{Ended, Shard};
use crate::signals;
use crate::track::tracker::Tracker;

/// How long a reader that is too slow is waited for at the end.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Listens, judges and tells until it is told to end or nobody reads its lines any more.
///
/// # Errors
/// [`Exit::System`] where an address cannot be listened on, or the system refuses what every process needs.
pub fn run(config: Config) -> Result<(), Failure> {
    let has_keys = !config.track.keys.is_empty();
    let sockets = net::open(&config.listen)?;
    if !has_keys {
        log::warn!("without --keys, anyone who can reach this collector can speak for any source");
    }
    let (orders, obedience) = signals::orders().map_err(|error| refused("wait for orders", &error))?;
    orders
        .give_by_signals()
        .map_err(|error| refused("handle signals", &error))?;

    let output = Settings {
        events: relay::told(config.output.events),
        ..config.output
    };
    let notify = move |notice| match notice {
        Notice::ReaderGone => orders.reader_is_gone(),
        Notice::Room | Notice::Failing | Notice::Working => orders.wake(),
    };
    let stdout = Stdout::open().map_err(|error| refused("open the output", &error))?;
    let pipe = Pipe::open(stdout, &output, notify).map_err(|error| refused("start a thread", &error))?;

    let relay = Relay::new(&pipe, output.queue, output.events);
    let shard = Shard::new(sockets, Tracker::new(config.track), relay, obedience, config.tick);
    let shard = shard.map_err(|error| refused("wait for datagrams", &error))?;
    let mut shard = shard.watching_reader(io::stdout().as_raw_fd());
    if !has_keys {
        shard = shard.warning_of_keys();
    }
    let ended = shard
        .run()
        .map_err(|error| refused("wait for datagrams", &error))?;
    let give_up_at = clock::now() + END_WITHIN;
    if ended == Ended::InOrder {
        shard
            .close(give_up_at)
            .map_err(|error| refused("wait for the output", &error))?;
    }
    drop(shard);
    pipe.finish(give_up_at.since(clock::now()));
    Ok(())
}

fn refused(what: &str, error: &io::Error) -> Failure {
    Failure::new(Exit::System, format_args!("cannot {what}: {error}"))
}
