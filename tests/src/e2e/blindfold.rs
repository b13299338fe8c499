//! Stops a real collector amid a live fleet, lets it go on, and looks at whom it blames.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::collector::Collector;
use super::limit::Limit;
use super::line::Line;
use super::sender::Sender;
use crate::load::{Beacons, Generator, Pace, Settings, Tally};

/// The source that is killed while the collector is stopped.
pub const VICTIM: &str = "victim";

/// Whom to blindfold amid what.
#[derive(Clone, Copy, Debug)]
pub struct Blindfold<'a> {
    /// How many sources are live.
    pub sources: u32,
    /// How often each of them beats.
    pub interval: Duration,
    /// For how long the collector is stopped.
    pub stop: Duration,
    /// The collector's further arguments.
    pub arguments: &'a [&'a str],
}

/// What came of it.
#[derive(Debug)]
pub struct Blamed {
    /// Every line that the collector has told.
    pub told: Vec<Line>,
    /// What the fleet has sent.
    pub fleet: Tally,
}

impl Blindfold<'_> {
    /// Runs it: some intervals of quiet, the stop, in the middle of which the victim dies, and time enough for everybody
    /// else to be told dead of too.
    ///
    /// # Errors
    /// The operating system's, and what a frame cannot say.
    pub fn run(&self) -> io::Result<Blamed> {
        let mut collector = Collector::start("127.0.0.1:0", self.arguments);
        let is_over = Arc::new(AtomicBool::new(false));
        let fleet = thread::spawn({
            let (settings, is_over) = (self.fleet(&collector), Arc::clone(&is_over));
            let interval = self.interval;
            move || live(&settings, interval, &is_over)
        });
        let interval_ms = u32::try_from(self.interval.as_millis()).map_err(io::Error::other)?;
        let mut victim = Sender::new(collector.address(), VICTIM).every_ms(interval_ms);
        let mut be_live = |whole: Duration| {
            let end = Limit::after(whole);
            while end.left() > self.interval / 2 {
                victim.beat();
                Limit::after(self.interval).pass();
            }
        };
        be_live(self.interval * 5);
        collector.signal(Signal::STOP);
        let stop = Limit::after(self.stop);
        be_live(self.stop / 2);
        stop.pass();
        collector.signal(Signal::CONT);

        collector.tells(VICTIM, "up new");
        collector.says("blind");
        Limit::after(self.interval * 6).pass();
        is_over.store(true, Ordering::Relaxed);
        let fleet = fleet
            .join()
            .map_err(|_| io::Error::other("the fleet has panicked"))??;
        let told = collector.end_of_all();
        Ok(Blamed { told, fleet })
    }

    fn fleet(&self, collector: &Collector) -> Settings {
        let pace = Pace::Even {
            slots: self.sources.into(),
            within: self.interval,
        };
        Settings {
            // A machine that keeps the fleet waiting must not change its phases.
            catch_up: self.interval,
            ..Settings::new(collector.address(), self.sources, pace)
        }
    }
}

/// Plays a fleet until it is over.
fn live(settings: &Settings, interval: Duration, is_over: &AtomicBool) -> io::Result<Tally> {
    let beacons = Beacons::new("s", settings.sources, interval, 1).map_err(io::Error::other)?;
    let mut generator = Generator::new(beacons, settings)?;
    let (mut tally, mut until) = (Tally::default(), interval);
    while !is_over.load(Ordering::Relaxed) {
        tally.add(generator.run_until(until));
        until += interval;
    }
    Ok(tally)
}

impl Blamed {
    /// The lines that tell `event`.
    #[must_use]
    pub fn all(&self, event: &str) -> Vec<&Line> {
        self.told.iter().filter(|line| line.event() == event).collect()
    }

    /// The lines of others than the victim that tell `event`.
    #[must_use]
    pub fn of_the_living(&self, event: &str) -> usize {
        let is_alive = |line: &&&Line| line.source() != Some(VICTIM);
        self.all(event).iter().filter(is_alive).count()
    }
}
