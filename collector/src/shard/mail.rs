//! What other threads ask of a shard: it is read between two drains, and answered from what was judged last.

use crate::clock;
use crate::handle::{Message, Operation, Request, Shown, Stray};
use crate::store::bell::{self, Handed};
use crate::teller::Queue;
use crate::track::event::{SourceId, Tick};
use crate::track::tracker::Outcome;

use super::Shard;

/// How many messages of other threads are read before time is judged again: they may come as fast as they are read.
const MESSAGES_A_CYCLE: usize = 64;

impl<Q: Queue> Shard<Q> {
    /// Reads what other threads have sent, within bounds.
    pub(super) fn read_mail(&mut self) {
        for _ in 0..MESSAGES_A_CYCLE {
            if !self.has_mail {
                return;
            }
            let Some(message) = self.mail.read() else {
                self.has_mail = false;
                return;
            };
            match message {
                Message::Strays(strays) => self.take_strays(&strays),
                Message::States => self.tracker.ask_all_states(),
                // Who asked may have given up waiting.
                Message::Tick(to) => drop(to.send(self.tick())),
                Message::Keys(masters) => self.tracker.set_keys(masters),
                Message::Expect(expected) => self.tracker.expect(expected, self.judged),
                Message::Show(request) => self.show(request),
                Message::Operate(operation) => self.operate(operation),
                Message::Portion(request) => self.hand_out(request),
                // Who asked waits for nothing else.
                Message::Changes(claim) => {
                    drop(claim.to.send(self.tracker.take_changes(claim.room, self.judged)));
                }
                Message::End(ending) => self.ending = Some(ending),
            }
        }
    }

    /// Shows a piece of what this shard knows, as of when time was last judged.
    fn show(&mut self, request: Request) {
        let is_first = request.from == SourceId::FIRST;
        let shown = Shown {
            piece: self.tracker.survey(request.from, request.with_rows, self.judged),
            tick: if is_first { self.tick() } else { Tick::default() },
            lag: self.lag,
        };
        (request.answer.0)(shown);
    }

    /// Does what the operator wants.
    fn operate(&mut self, operation: Operation) {
        let Operation {
            label,
            instruction,
            answer,
        } = operation;
        let outcome = self.tracker.operate(&label, instruction, self.judged);
        if matches!(outcome, Outcome::Silenced(_)) {
            self.relay.silence(label, &mut self.tracker, &clock::read());
        }
        (answer.0)(outcome);
    }

    /// Hands out a portion of what it knows, to be saved. Whoever asked may have given up.
    fn hand_out(&self, request: bell::Request) {
        let _ = request.to.send(Handed {
            portion: self.tracker.portion(request.from, request.room),
            heard_until: self.judged,
        });
    }

    fn take_strays(&mut self, strays: &[Stray]) {
        let judged = self.judged;
        let batch = strays
            .iter()
            .map(|stray| (stray.arrival.max(judged), stray.peer, &stray.frame[..]));
        self.tracker.on_datagrams(batch);
        self.post();
    }
}
