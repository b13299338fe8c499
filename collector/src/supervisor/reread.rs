//! Reads files again on request, without a moment in which nobody could speak.

use std::path::{Path, PathBuf};

use super::Supervisor;
use crate::clock;
use crate::handle::Message;
use crate::input::Reading;
use crate::inventory::read_inventory;
use crate::keys::read_masters;
use crate::net::Steering;
use crate::sorter;
use crate::teller::Queue;
use crate::track::auth::Masters;

/// What it takes to read the expected sources again.
#[derive(Debug)]
pub struct Roster {
    /// Their file.
    pub file: PathBuf,
    /// How many there may be.
    pub max_sources: u32,
    /// Which shard each belongs to, where there are several.
    pub steering: Option<Steering>,
}

impl<Q: Queue> Supervisor<Q> {
    pub(super) fn read_again(&mut self) {
        if let Some(notifier) = &self.notifier {
            notifier.reloading(clock::monotonic_micros());
        }
        if self.keys.is_none() && self.roster.is_none() {
            log::info!("there is no --keys and no --inventory to read again");
        }
        if let Some(file) = &self.keys {
            self.read_keys_again(file);
        }
        if let Some(roster) = &self.roster {
            self.read_inventory_again(roster);
        }
        if let Some(notifier) = &mut self.notifier {
            notifier.ready(clock::now());
        }
    }

    /// A bad file changes nothing: whoever could speak until now still can.
    fn read_keys_again(&self, file: &Path) {
        match read_masters(file, Reading::Again) {
            Ok(masters) => {
                let ids = masters.iter().map(|master| master.id().to_string());
                log::info!("--keys: read again: ids {}", ids.collect::<Vec<_>>().join(", "));
                let masters = Masters::from(masters);
                self.workers
                    .iter()
                    .for_each(|worker| worker.handle.send(Message::Keys(Masters::clone(&masters))));
            }
            Err(failure) => log::error!("{failure}; the keys that were read before stay in force"),
        }
    }

    /// A bad file changes nothing: whoever was expected until now still is.
    fn read_inventory_again(&self, roster: &Roster) {
        match read_inventory(&roster.file, roster.max_sources, Reading::Again) {
            Ok(expected) => {
                log::info!("--inventory: read again: {} sources", expected.len());
                let shares = sorter::divide(expected, roster.steering.as_ref(), self.workers.len());
                for (worker, expected) in self.workers.iter().zip(shares) {
                    worker.handle.send(Message::Expect(expected));
                }
            }
            Err(failure) => log::error!("{failure}; the sources that were expected before still are"),
        }
    }
}
