//! The hooks' thread: takes events, begins hooks while there is room, ends those whose time is up.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use beacon_common::{Label, Limit, Moment};
use rustix::process::Signal;

use super::counts::{Counts, Outcome};
use super::process::{Hook, Shell};
use super::queue::{Call, Queue, Subject, subject};
use super::watch::Watch;
use super::{AT_THE_END, Caller, Settings};
use crate::clock;
use crate::output::environment;
use crate::output::events::EventName;
use crate::output::json;
use crate::output::line::Line;
use crate::track::event::Event;

/// How many messages are taken before hooks that have ended make room for others.
const MESSAGES_A_TURN: usize = 1_024;

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Message {
    /// Something has happened, at this wall time.
    Event(Box<Event>, u64),
    /// The hook in this place has ended.
    Ended(usize),
    /// This source is silenced from now on.
    Silence(Label),
    /// The collector begins to end: no more hooks begin, and those that run are to end.
    End,
    /// Nobody tells anything any more.
    Close,
}

/// A hook in its place.
#[derive(Debug)]
struct Run {
    name: Name,
    hook: Hook,
    watch: Watch,
}

/// What a hook is called in the log.
#[derive(Clone, Copy, Debug)]
struct Name {
    subject: Subject,
    event: EventName,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject {
            Subject::Collector => write!(f, "{}", self.event.name()),
            Subject::Source(label) => write!(f, "{label} {}", self.event.name()),
        }
    }
}

/// The thread's own.
pub(super) struct Dispatcher {
    collector: String,
    shell: Shell,
    timeout: Duration,
    messages: Receiver<Message>,
    /// For the hooks that end.
    own: Sender<Message>,
    /// Events on their way here.
    sent: Arc<AtomicUsize>,
    counts: Counts,
    /// How many events have come.
    events: u64,
    queue: Queue,
    runs: Vec<Option<Run>>,
    is_ending: bool,
    is_closed: bool,
    failures: Limit,
    timeouts: Limit,
    drops: Limit,
}

impl Dispatcher {
    pub(super) fn new(
        settings: Settings,
        collector: String,
        queue: Queue,
        messages: Receiver<Message>,
        caller: &Caller,
    ) -> Self {
        let places = usize::from(settings.parallel.get());
        Self {
            collector,
            shell: Shell::new(settings.command),
            timeout: settings.timeout,
            messages,
            own: caller.messages.clone(),
            sent: Arc::clone(&caller.sent),
            counts: caller.counts.clone(),
            events: 0,
            queue,
            runs: std::iter::repeat_with(|| None).take(places).collect(),
            is_ending: false,
            is_closed: false,
            failures: Limit::default(),
            timeouts: Limit::default(),
            drops: Limit::default(),
        }
    }

    /// Runs hooks until the collector has ended, and none runs any more.
    pub(super) fn run(mut self) {
        while !self.is_closed || self.runs.iter().any(Option::is_some) {
            let next = self.runs.iter().flatten().map(|run| run.watch.next()).min();
            let patience = next.unwrap_or(Moment::NEVER).since(clock::now());
            if let Ok(message) = self.messages.recv_timeout(patience) {
                self.take(message);
                for _ in 1..MESSAGES_A_TURN {
                    let Ok(message) = self.messages.try_recv() else {
                        break;
                    };
                    self.take(message);
                }
            }
            self.attend(clock::now());
            self.begin(clock::now());
            self.tell_drops(clock::now());
            self.counts.set_waiting(self.queue.len());
        }
        // What has happened while the collector ended.
        self.drop_waiting(clock::now());
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Event(event, time_us) => {
                self.sent.fetch_sub(1, Ordering::SeqCst);
                self.events += 1;
                let id = self.events;
                self.queue.offer(Call { id, time_us, event });
            }
            Message::Ended(place) => self.end(place),
            Message::Silence(label) => self.queue.silence(label),
            Message::End => self.begin_to_end(clock::now()),
            Message::Close => {
                self.begin_to_end(clock::now());
                self.is_closed = true;
            }
        }
    }

    /// Begins what waits while there is a place for it.
    fn begin(&mut self, now: Moment) {
        while !self.is_ending
            && let Some(place) = self.runs.iter().position(Option::is_none)
            && let Some(call) = self.queue.next()
        {
            self.begin_in(place, &call, now);
        }
    }

    fn begin_in(&mut self, place: usize, call: &Call, now: Moment) {
        let line = Line {
            id: call.id,
            time_us: call.time_us,
            collector: &self.collector,
            what: &call.event.what,
        };
        let name = Name {
            subject: subject(line.what),
            event: line.event(),
        };
        let mut input = String::new();
        json::render(&line, &mut input).expect("a String takes whatever is written to it");
        input.push('\n');
        let own = self.own.clone();
        // It fails only where the thread is gone, and then nobody waits for it.
        let ended = move || own.send(Message::Ended(place)).unwrap_or_default();
        match self.shell.begin(environment::variables(&line), input, ended) {
            Ok(hook) => {
                let watch = Watch::new(now, self.timeout);
                self.runs[place] = Some(Run { name, hook, watch });
            }
            Err(error) => {
                self.count_failure(name, &format_args!("cannot be run: {error}"));
                self.queue.done(name.subject);
            }
        }
    }

    /// Signals those whose time is up.
    fn attend(&mut self, now: Moment) {
        for run in self.runs.iter_mut().flatten() {
            let Some(signal) = run.watch.signal(now) else {
                continue;
            };
            run.hook.signal(signal);
            if signal == Signal::TERM
                && let Some(more) = self.timeouts.count(now)
            {
                log::warn!("--on-event: {}: its time is up: told to end{more}", run.name);
            }
        }
    }

    fn end(&mut self, place: usize) {
        let Some(Run { name, hook, watch }) = self.runs[place].take() else {
            return;
        };
        self.queue.done(name.subject);
        match hook.reap() {
            _ if watch.is_over() => self.counts.add(Outcome::Timeout, 1),
            Ok(status) if status.success() => {
                self.counts.add(Outcome::Done, 1);
                log::debug!("--on-event: {name}: done");
            }
            Ok(status) => self.count_failure(name, &status),
            Err(error) => self.count_failure(name, &error),
        }
    }

    fn count_failure(&mut self, name: Name, problem: &dyn fmt::Display) {
        self.counts.add(Outcome::Failed, 1);
        if let Some(more) = self.failures.count(clock::now()) {
            log::warn!("--on-event: {name}: {problem}{more}");
        }
    }

    fn tell_drops(&mut self, now: Moment) {
        let untold = self.counts.of(Outcome::Dropped) - self.drops.total();
        if untold > 0
            && let Some(more) = self.drops.count_all(now, untold)
        {
            log::warn!("--on-event: {untold} events are dropped: too many wait for their hook{more}");
        }
    }

    fn begin_to_end(&mut self, now: Moment) {
        self.is_ending = true;
        self.drop_waiting(now);
        let running = self.runs.iter_mut().flatten();
        running.for_each(|run| run.watch.shorten(now + AT_THE_END));
    }

    fn drop_waiting(&mut self, now: Moment) {
        let waiting = self.queue.clear() as u64;
        self.counts.add(Outcome::Dropped, waiting);
        if waiting > 0 {
            // It is told here, once.
            self.drops.count_all(now, waiting);
            log::warn!(
                "--on-event: {waiting} events that waited for their hook are dropped: the collector ends"
            );
        }
    }
}
