//! Kills a real collector time and again amid sources that come and go, and compares what it ends up with to one that
//! nobody killed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use beacon_common::{FRAME_LEN, Frame, Health, Kind, Reason, Seq, Session};
use rustix::process::Signal;

use super::collector::Collector;
use super::limit::{Limit, now};
use super::line::Line;
use super::sender::first_beat;
use crate::random::Random;

/// Whom to kill amid what.
#[derive(Clone, Debug)]
pub struct Killing {
    /// How many sources come and go.
    pub sources: u32,
    /// How often each of them beats.
    pub interval: Duration,
    /// How often the collector is killed.
    pub kills: u32,
    /// How long it lives between two kills, at most.
    pub life: Duration,
    /// How long it is dead, at most.
    pub death: Duration,
    /// What was told so long before it is killed is on the disk.
    pub saved_within: Duration,
    /// What all chance follows from.
    pub seed: u64,
    /// The collector's further arguments.
    pub arguments: Vec<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Survived {
    /// The last state of each source: that of the killed one, and that of the other.
    pub states: BTreeMap<String, [String; 2]>,
    /// What the killed one said of each source that was alive all along, and had been heard in the same life.
    pub false_downs: Vec<Line>,
    /// Lines that call a source late or down which had said goodbye, after the killed one had told so.
    pub forgotten_goodbyes: Vec<Line>,
    /// Sources that were told as new more than once.
    pub twice_new: Vec<String>,
    /// How often it was killed, or ended in order.
    pub restarts: u32,
    /// How many lines the killed one told with each cause of blindness.
    pub blind: u32,
    /// How many `down` lines it told in all.
    pub downs: usize,
    /// How long it took at most from its start until it listened.
    pub longest_start: Duration,
}

/// What the fleet is told.
#[derive(Default)]
struct Whistle {
    /// Nobody comes or goes any more.
    nobody_turns: AtomicBool,
    is_over: AtomicBool,
}

/// A source that comes and goes.
struct Source {
    frame: Frame,
    random: Random,
    /// When the present life began, while there is one.
    born: Option<Instant>,
    /// When it ends or the next one begins.
    turns: Instant,
    next: Instant,
    /// Its lives, each from its first beat to its last.
    lives: Vec<[SystemTime; 2]>,
}

/// When the killed collector listened.
type Windows = Vec<[SystemTime; 2]>;

impl Killing {
    /// Runs it. `state` is where the state file goes.
    ///
    /// # Panics
    /// Where a collector does not do what it must.
    #[must_use]
    pub fn run(&self, state: &Path) -> Survived {
        let state = state.to_str().expect("a test's path is text");
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let undisturbed = Collector::start("127.0.0.1:0", &arguments);
        let killed_arguments = [&["--state", state], &arguments[..]].concat();
        let mut killed = Collector::start("127.0.0.1:0", &killed_arguments);
        let address = killed.address();
        let whistle = Arc::new(Whistle::default());
        let fleet = thread::spawn({
            let (killing, whistle) = (self.clone(), Arc::clone(&whistle));
            let to = [address, undisturbed.address()];
            move || killing.live(to, &whistle)
        });

        let mut random = Random::new(self.seed);
        let mut told = Vec::new();
        let mut windows = Windows::new();
        let mut longest_start = Duration::ZERO;
        let of =
            |random: &mut Random, most: Duration| Duration::from_nanos(random.below(most.as_nanos() as u64));
        for kill in 0..self.kills {
            let began = wall();
            Limit::after(of(&mut random, self.life)).pass();
            windows.push([began, wall()]);
            // One in ten ends in order.
            told.extend(if kill % 10 == 9 {
                killed.end_of_all()
            } else {
                killed.kill()
            });
            Limit::after(of(&mut random, self.death)).pass();
            let start = now();
            killed = Collector::start(&address.to_string(), &killed_arguments);
            longest_start = longest_start.max(start.elapsed());
        }
        let began = wall();
        whistle.nobody_turns.store(true, Ordering::Relaxed);
        // Until whoever is dead is known to be.
        Limit::after(self.interval * 8 + Duration::from_secs(1)).pass();
        let states = [&mut killed, &mut { undisturbed }].map(|collector| self.states(collector));
        windows.push([began, wall()]);
        whistle.is_over.store(true, Ordering::Relaxed);
        let sources = fleet.join().expect("the fleet does not panic");
        told.extend(killed.end_of_all());
        self.survived(&states, &told, (&sources, &windows), longest_start)
    }

    /// Lets the sources live until it is over.
    fn live(&self, to: [SocketAddr; 2], whistle: &Whistle) -> BTreeMap<String, Source> {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("the loopback has ports left");
        let mut random = Random::new(!self.seed);
        let mut sources: Vec<Source> = (0..self.sources)
            .map(|number| self.source(number, random.fork()))
            .collect();
        while !whistle.is_over.load(Ordering::Relaxed) {
            let nobody_turns = whistle.nobody_turns.load(Ordering::Relaxed);
            let at = now();
            for source in sources.iter_mut().filter(|source| source.due() <= at) {
                source.act(self.interval, nobody_turns, |bytes| {
                    for address in to {
                        // A port without a listener is how it is while the collector is dead.
                        let _ = socket.send_to(bytes, address);
                    }
                });
            }
            let next = sources.iter().map(Source::due).min().unwrap_or(at);
            let most = Duration::from_millis(20);
            Limit::after(next.saturating_duration_since(now()).min(most)).pass();
        }
        let named = |source: Source| (source.frame.label.to_string(), source);
        sources.into_iter().map(named).collect()
    }

    fn source(&self, number: u32, mut random: Random) -> Source {
        let interval_ms = u32::try_from(self.interval.as_millis()).expect("a schedule in milliseconds");
        let later = Duration::from_nanos(random.below(self.interval.as_nanos() as u64));
        Source {
            frame: first_beat(&format!("s{number}"), interval_ms),
            random,
            born: None,
            turns: now() + later,
            next: now() + later,
            lives: Vec::new(),
        }
    }

    fn states(&self, collector: &mut Collector) -> BTreeMap<String, Line> {
        collector.signal(Signal::USR1);
        (0..self.sources)
            .map(|number| collector.shows(&format!("s{number}")))
            .map(|line| (line.text("source").to_owned(), line))
            .collect()
    }

    fn survived(
        &self,
        states: &[BTreeMap<String, Line>; 2],
        told: &[Line],
        (sources, windows): (&BTreeMap<String, Source>, &Windows),
        longest_start: Duration,
    ) -> Survived {
        let is = |event: &'static str| move |line: &&Line| line.event() == event;
        let is_new = |line: &&Line| line.what() == "up new";
        let mut new: BTreeMap<&str, u32> = BTreeMap::new();
        told.iter()
            .filter(is_new)
            .filter_map(Line::source)
            .for_each(|label| *new.entry(label).or_default() += 1);
        let is_false = |line: &&Line| {
            let source = line.source().and_then(|label| sources.get(label));
            source.is_some_and(|source| self.is_alive_and_heard(source, time_of(line), windows))
        };
        let both = |(label, source): (&String, &Source)| {
            let is_last_heard = self.is_last_heard(source, windows);
            let known = states.each_ref().map(|all| known(&all[label], is_last_heard));
            (label.clone(), known)
        };
        Survived {
            states: sources.iter().map(both).collect(),
            false_downs: told.iter().filter(is("down")).filter(is_false).cloned().collect(),
            forgotten_goodbyes: self.forgotten_goodbyes(told, windows),
            twice_new: new
                .into_iter()
                .filter(|(_, times)| *times > 1)
                .map(|(label, _)| label.to_owned())
                .collect(),
            restarts: self.kills,
            blind: told.iter().filter(is("blind")).count() as u32,
            downs: told.iter().filter(is("down")).count(),
            longest_start,
        }
    }

    /// A session that has said goodbye is over: whatever its source does next, it does in another one.
    fn forgotten_goodbyes(&self, told: &[Line], windows: &Windows) -> Vec<Line> {
        let mut over = BTreeSet::new();
        let mut forgotten = Vec::new();
        for line in told {
            let Some(source) = line.source() else { continue };
            match line.event() {
                "stopped" if self.is_saved(time_of(line), windows) => {
                    over.insert((source, line.text("session")));
                }
                "late" | "down" if over.contains(&(source, line.text("session"))) => {
                    forgotten.push(line.clone());
                }
                _ => {}
            }
        }
        forgotten
    }

    /// Whether what was heard or told at `at` was so early in a life of the collector that it is on the disk.
    fn is_saved(&self, at: SystemTime, windows: &Windows) -> bool {
        let is_last = |number: usize| number + 1 == windows.len();
        let mut numbered = windows.iter().enumerate();
        numbered.any(|(number, [from, until])| {
            *from <= at && (is_last(number) || at + self.saved_within <= *until)
        })
    }

    /// Whether the last frame of all was heard by a collector that lived long enough for it to be saved.
    fn is_last_heard(&self, source: &Source, windows: &Windows) -> bool {
        let last = source.lives.last();
        last.is_some_and(|&[_, last]| self.is_saved(last, windows))
    }

    /// Whether a life lasts at `at` that began so early that the collector must have heard it: in the window of this
    /// moment, or long enough before the end of an earlier one for it to be saved.
    fn is_alive_and_heard(&self, source: &Source, at: SystemTime, windows: &Windows) -> bool {
        let Some([born, last]) = source.lives.iter().rev().find(|[born, _]| *born <= at) else {
            return false;
        };
        let is_alive = at <= *last + self.interval;
        let beats_after = *born + Duration::from_millis(100);
        is_alive
            && windows.iter().any(|[from, until]| {
                let heard = beats_after.max(*from + self.interval + self.interval / 2);
                let known = if *until >= at {
                    at
                } else {
                    *until - self.saved_within
                };
                *from <= at && heard <= known
            })
    }
}

impl Survived {
    /// The sources of which the two collectors know different things.
    #[must_use]
    pub fn differences(&self) -> Vec<String> {
        let differ = |(_, [killed, other]): &(&String, &[String; 2])| killed != other;
        let tell = |(label, states): (&String, &[String; 2])| format!("{label}: {states:?}");
        self.states.iter().filter(differ).map(tell).collect()
    }
}

impl Source {
    fn due(&self) -> Instant {
        match self.born {
            Some(_) => self.next.min(self.turns),
            None => self.turns,
        }
    }

    /// Beats, dies or is born, whichever is due.
    fn act(&mut self, interval: Duration, is_to_stay: bool, send: impl Fn(&[u8])) {
        let lives_for = |random: &mut Random, most: u64| {
            Duration::from_nanos(random.below(most * interval.as_nanos() as u64)) + interval
        };
        if self.turns <= now() && is_to_stay {
            self.turns = now() + interval * 1_000;
        } else if self.turns <= now() {
            match self.born.take() {
                Some(born) => {
                    // Half of them say so.
                    if self.random.chance(500_000) {
                        self.frame.kind = Kind::Bye(Reason::Stop);
                        self.send(born, &send);
                    }
                    self.turns = now() + lives_for(&mut self.random, 20);
                }
                None => {
                    self.frame.session = Session::from_u64(self.frame.session.as_u64() + (1 << 32));
                    self.frame.seq = Seq::FIRST;
                    self.born = Some(now());
                    self.next = now();
                    self.turns = now() + lives_for(&mut self.random, 60);
                    self.lives.push([wall(); 2]);
                }
            }
        }
        if let Some(born) = self.born.filter(|_| self.next <= now()) {
            self.frame.kind = Kind::Beat(Health::Ok);
            self.send(born, &send);
            self.next += interval;
        }
    }

    fn send(&mut self, born: Instant, send: impl Fn(&[u8])) {
        self.frame.sent_us = now().duration_since(born).as_micros() as u64;
        let mut bytes = [0; FRAME_LEN];
        self.frame.emit(None, &mut bytes);
        send(&bytes);
        self.frame.seq = self.frame.seq.next().expect("no run sends four billion frames");
        if let Some([_, last]) = self.lives.last_mut() {
            *last = wall();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "lines tell the time of the wall clock")]
fn wall() -> SystemTime {
    SystemTime::now()
}

/// What a `state` line says that both must know. Nobody can know how a source has gone that went unheard.
fn known(line: &Line, is_last_heard: bool) -> String {
    match line.text("state") {
        "up" => format!("up {}", line.text("session")),
        "down" | "stopped" if !is_last_heard => "gone".to_owned(),
        state => state.to_owned(),
    }
}

/// When a line was told.
fn time_of(line: &Line) -> SystemTime {
    let time = humantime::parse_rfc3339(line.text("time"));
    time.unwrap_or(UNIX_EPOCH)
}
