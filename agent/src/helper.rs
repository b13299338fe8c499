//! What could take time is done beside the schedule: on threads that live only as long as one piece of work.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::resolve::Resolved;
use crate::shell::Ended;

/// What a piece of work has come to.
#[derive(Debug)]
pub enum Answer {
    /// A name has been asked for.
    Resolved(Resolved),
    /// A shell command has ended.
    Ended(Ended),
}

/// Starts the threads and takes their answers.
#[derive(Debug)]
pub struct Helpers {
    answers: Arc<Answers>,
}

/// The answers that have come and are not taken yet. A channel would do, and be five times as much code.
#[derive(Debug)]
struct Answers {
    waiting: Mutex<VecDeque<Answer>>,
    wake: UnixStream,
}

impl Helpers {
    /// Helpers that write a byte to `wake` for each answer.
    #[must_use]
    pub fn new(wake: UnixStream) -> Self {
        let waiting = Mutex::default();
        Self {
            answers: Arc::new(Answers { waiting, wake }),
        }
    }

    /// Begins `work`. What it comes to is told by [`Helpers::answer`]; where there is no thread to be had, that
    /// is what `refused` makes of it.
    pub fn begin(&self, work: Box<dyn FnOnce() -> Answer + Send>, refused: impl FnOnce(io::Error) -> Answer) {
        let answers = Arc::clone(&self.answers);
        let thread = thread::Builder::new().name("helper".to_owned());
        if let Err(error) = thread.spawn(move || answers.add(work())) {
            self.answers.add(refused(error));
        }
    }

    /// An answer that has come, the oldest first.
    #[must_use]
    pub fn answer(&self) -> Option<Answer> {
        self.answers.waiting().pop_front()
    }
}

impl Answers {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Answer>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, answer: Answer) {
        self.waiting().push_back(answer);
        // This fails only where nobody waits any more: the agent has ended, or its pipe is full of wakes.
        let mut wake = &self.wake;
        let _ = wake.write(&[1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn an_answer_wakes() {
        let (mut awaited, wake) = UnixStream::pair().unwrap();
        let helpers = Helpers::new(wake);
        let answer = |collector| {
            let addresses = Ok(Vec::new());
            Answer::Resolved(Resolved { collector, addresses })
        };
        assert!(helpers.answer().is_none());
        helpers.begin(Box::new(move || answer(4)), |error| panic!("{error}"));
        awaited.read_exact(&mut [0]).unwrap();
        let Some(Answer::Resolved(resolved)) = helpers.answer() else {
            panic!("no answer");
        };
        assert_eq!(resolved.collector, 4);
        assert!(helpers.answer().is_none());
    }
}
