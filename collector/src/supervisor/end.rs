//! The end in order: of the workers, of the state that is saved, and of the lines.

use std::io;
use std::time::Duration;

use beacon_common::Moment;

use super::Supervisor;
use super::worker::Worker;
use crate::clock;
use crate::failure::Failure;
use crate::handle::{Ending, Message};
use crate::store::keeper::Keeper;
use crate::teller::Queue;
use crate::track::event::Tick;

/// How long a reader that is too slow is waited for at the end.
const END_WITHIN: Duration = Duration::from_secs(2);

/// How it has ended.
#[derive(Debug)]
pub struct Over {
    /// When it began to end.
    pub began_at: Moment,
    /// Until when what is told may still be written.
    pub give_up_at: Moment,
    /// Whether the state could be saved, where it is.
    pub saved: Result<(), Failure>,
}

impl<Q: Queue> Supervisor<Q> {
    /// Ends the shards, and tells the end when they have told all they had to.
    pub(super) fn end(mut self) -> io::Result<Over> {
        if let Some(notifier) = &self.notifier {
            notifier.stopping();
        }
        self.teller.end_hooks();
        let began_at = clock::now();
        let give_up_at = began_at + END_WITHIN;
        let mut ending = self.ending(give_up_at);
        self.tell_workers(ending);
        while !self.workers.iter().all(Worker::has_ended) {
            self.wait(None)?;
            if ending != self.ending(give_up_at) {
                ending = Ending::ReaderGone;
                self.tell_workers(ending);
            }
        }
        let ended = self.join_workers();
        let state_failures = self.state_failures();
        let saved = self.keeper.take().map_or(Ok(()), Keeper::finish);
        let in_all = Tick {
            state_failures: state_failures + u64::from(saved.is_err()),
            ..ended?
        };
        // Saving has taken what it has taken.
        let give_up_at = give_up_at.max(clock::now() + END_WITHIN / 2);
        while !self.orders.reader_gone() && !self.teller.end(&in_all, &clock::read()) {
            let rest = give_up_at.since(clock::now());
            if rest.is_zero() {
                log::warn!("the reader of the events was too slow: the end is not told");
                break;
            }
            self.wait(Some(rest))?;
        }
        Ok(Over {
            began_at,
            give_up_at,
            saved,
        })
    }

    /// How the workers have ended: as the first one that failed, if one did, else with what all of them have counted.
    fn join_workers(&mut self) -> io::Result<Tick> {
        let join = |worker: Worker| match worker.thread.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let ended: Vec<_> = self.workers.drain(..).map(join).collect();
        ended.into_iter().try_fold(Tick::default(), |mut sum, ended| {
            sum.add(&ended?);
            Ok(sum)
        })
    }

    fn ending(&self, give_up_at: Moment) -> Ending {
        match self.orders.reader_gone() {
            true => Ending::ReaderGone,
            false => Ending::InOrder(give_up_at),
        }
    }

    fn tell_workers(&self, ending: Ending) {
        self.workers
            .iter()
            .for_each(|worker| worker.handle.send(Message::End(ending)));
    }
}
