//! The health that beats carry: the worst that the checks and the status file say.

use beacon_common::{Health, Moment};
use log::{Level, log};
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::helper::Helpers;
use crate::shell::{Purpose, Run};
use crate::status_file::StatusFile;

/// Where the health comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Shell commands whose exit code is a health.
    pub checks: Vec<String>,
    /// How often each is run.
    pub interval: Duration,
    /// How long each may take.
    pub timeout: Duration,
    /// A file that says it.
    pub status_file: Option<PathBuf>,
}

/// What the sources say. Without any, the health is ok: the beat itself is the good news.
#[derive(Debug)]
pub struct Monitor {
    checks: Vec<Check>,
    interval: Duration,
    timeout: Duration,
    status_file: Option<StatusFile>,
    /// The worst of the checks.
    worst: Health,
}

#[derive(Debug)]
struct Check {
    line: String,
    due: Moment,
    run: Option<Run>,
    /// `None` before the first run has ended: that counts as unknown, but is nothing to tell.
    health: Option<Health>,
}

impl Monitor {
    /// A monitor that runs each check for the first time now.
    #[must_use]
    pub fn new(sources: Sources, now: Moment) -> Self {
        let check = |line| Check {
            line,
            due: now,
            run: None,
            health: None,
        };
        let mut monitor = Self {
            checks: sources.checks.into_iter().map(check).collect(),
            interval: sources.interval,
            timeout: sources.timeout,
            status_file: sources.status_file.map(StatusFile::new),
            worst: Health::Ok,
        };
        monitor.sum_up();
        monitor
    }

    /// The health at this moment. It never waits, but for a file.
    pub fn health(&mut self) -> Health {
        match &mut self.status_file {
            Some(file) => worse(self.worst, file.read()),
            None => self.worst,
        }
    }

    /// Tells what [`Monitor::health`] has found to be new.
    pub fn tell(&mut self) {
        if let Some(file) = &mut self.status_file
            && let Some((health, news)) = file.take_news()
        {
            log!(level(health), "{news}");
        }
    }

    /// Whether a check has not said anything yet.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.checks.iter().any(|check| check.health.is_none())
    }

    /// When [`Monitor::attend`] has something to do.
    #[must_use]
    pub fn due(&self) -> Moment {
        let due = |check: &Check| match &check.run {
            Some(run) => run.kill_at(),
            None => check.due,
        };
        self.checks.iter().map(due).min().unwrap_or(Moment::NEVER)
    }

    /// Runs what is due, and kills what has had its time.
    pub fn attend(&mut self, helpers: &Helpers, now: Moment) {
        let mut is_overdue = false;
        for (place, check) in self.checks.iter_mut().enumerate() {
            if let Some(run) = &mut check.run {
                if run.kill_if_overdue(now) {
                    let why = format!("no result after {} ms, killed", self.timeout.as_millis());
                    check.found(Health::Unknown, &why);
                    is_overdue = true;
                }
            } else if check.due <= now {
                check.due = next_due(check.due, self.interval, now);
                let limit = (now, self.timeout);
                let run = Run::begin(&check.line, &[], Purpose::Check(place), limit, helpers);
                check.run = Some(run);
            }
        }
        if is_overdue {
            self.sum_up();
        }
    }

    /// Takes the result of the check at `place`.
    pub fn ended(&mut self, place: usize, outcome: io::Result<ExitStatus>, now: Moment) {
        let Some(check) = self.checks.get_mut(place) else {
            return;
        };
        // What was killed has been judged already.
        if check.run.take().is_some_and(|run| !run.is_killed()) {
            match outcome {
                Ok(status) => check.found(health_of(status), &status.to_string()),
                Err(error) => check.found(Health::Unknown, &error.to_string()),
            }
            self.sum_up();
        }
        // A run that took longer than the interval is not made up for.
        let check = &mut self.checks[place];
        if check.due <= now {
            check.due = next_due(check.due, self.interval, now);
        }
    }

    /// Ends all checks, for good.
    pub fn stop(&mut self) {
        let runs = self.checks.drain(..).filter_map(|check| check.run);
        runs.for_each(Run::stop);
    }

    fn sum_up(&mut self) {
        let healths = self
            .checks
            .iter()
            .map(|check| check.health.unwrap_or(Health::Unknown));
        self.worst = healths.fold(Health::Ok, worse);
    }
}

impl Check {
    fn found(&mut self, health: Health, why: &str) {
        if self.health.replace(health) != Some(health) {
            // A script of several lines is told on one.
            let line = self.line.replace(char::is_control, " ");
            log!(level(health), "check '{line}': {} ({why})", health.name());
        }
    }
}

/// The first moment after `now` on the grid of `due`, which has come.
fn next_due(due: Moment, interval: Duration, now: Moment) -> Moment {
    let into_ns = now.since(due).as_nanos() % interval.as_nanos().max(1);
    now + interval.saturating_sub(Duration::from_nanos(into_ns as u64))
}

fn health_of(status: ExitStatus) -> Health {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(Health::Unknown, Health::from_code)
}

/// A check that cannot tell may hide anything, which is worse than a warning; but what is known to be
/// critical counts before it.
fn worse(one: Health, other: Health) -> Health {
    let severity = |health| match health {
        Health::Ok => 0,
        Health::Warning => 1,
        Health::Unknown => 2,
        Health::Critical => 3,
    };
    if severity(one) >= severity(other) {
        one
    } else {
        other
    }
}

const fn level(health: Health) -> Level {
    match health {
        Health::Ok => Level::Info,
        _ => Level::Warn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::helper::Answer;
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;
    use std::os::unix::process::ExitStatusExt as _;

    const MINUTE: Duration = Duration::from_secs(60);

    fn sources(checks: &[&str]) -> Sources {
        Sources {
            checks: checks.iter().map(ToString::to_string).collect(),
            interval: MINUTE,
            timeout: Duration::from_secs(10),
            status_file: None,
        }
    }

    /// A monitor whose runs answer through a pipe that a test can wait on.
    struct Bench {
        monitor: Monitor,
        helpers: Helpers,
        awaited: UnixStream,
        start: Moment,
    }

    impl Bench {
        fn new(checks: &[&str]) -> Self {
            let (awaited, wake) = UnixStream::pair().unwrap();
            let start = clock::now();
            Self {
                monitor: Monitor::new(sources(checks), start),
                helpers: Helpers::new(wake),
                awaited,
                start,
            }
        }

        fn attend(&mut self, after: Duration) {
            self.monitor.attend(&self.helpers, self.start + after);
        }

        /// Takes one answer, as if it came `after` the start.
        fn take(&mut self, after: Duration) {
            self.awaited.read_exact(&mut [0]).unwrap();
            let Some(Answer::Ended(ended)) = self.helpers.answer() else {
                panic!("no end");
            };
            let Purpose::Check(place) = ended.purpose else {
                panic!("{ended:?}");
            };
            self.monitor.ended(place, ended.outcome, self.start + after);
        }
    }

    #[test]
    fn the_worst_is_critical_then_unknown_then_warning() {
        let order = [Health::Ok, Health::Warning, Health::Unknown, Health::Critical];
        for (place, health) in order.into_iter().enumerate() {
            for (other_place, other) in order.into_iter().enumerate() {
                assert_eq!(worse(health, other), order[place.max(other_place)]);
            }
        }
    }

    #[test]
    fn an_exit_code_is_a_health_or_unknown() {
        let of_code = |code| health_of(ExitStatus::from_raw(code << 8));
        let healths = [0, 1, 2, 3, 4, 127, 255].map(of_code);
        assert_eq!(healths[..4], Health::ALL);
        assert_eq!(healths[4..], [Health::Unknown; 3]);
        let by_signal = ExitStatus::from_raw(9);
        assert_eq!(health_of(by_signal), Health::Unknown);
    }

    #[test]
    fn without_sources_all_is_well_and_there_is_nothing_to_do() {
        let mut monitor = Monitor::new(Sources::default(), Moment::ORIGIN);
        assert_eq!(monitor.health(), Health::Ok);
        assert_eq!(monitor.due(), Moment::NEVER);
        assert!(!monitor.is_pending());
    }

    #[test]
    fn the_worst_of_several_checks_counts_and_unknown_until_then() {
        let mut bench = Bench::new(&["exit 1", "exit 0"]);
        assert_eq!(bench.monitor.health(), Health::Unknown);
        bench.attend(Duration::ZERO);
        bench.take(Duration::ZERO);
        assert!(bench.monitor.is_pending());
        assert_eq!(bench.monitor.health(), Health::Unknown);
        bench.take(Duration::ZERO);
        assert!(!bench.monitor.is_pending());
        assert_eq!(bench.monitor.health(), Health::Warning);
    }

    #[test]
    fn the_status_file_counts_like_a_check() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("status");
        std::fs::write(&path, "critical").unwrap();
        let with_file = Sources {
            status_file: Some(path.clone()),
            ..sources(&["exit 1"])
        };
        let mut monitor = Monitor::new(with_file, Moment::ORIGIN);
        assert_eq!(monitor.health(), Health::Critical);
        std::fs::write(&path, "ok").unwrap();
        assert_eq!(monitor.health(), Health::Unknown, "the check's");
    }

    #[test]
    fn a_check_is_run_on_its_grid() {
        let mut bench = Bench::new(&["exit 2"]);
        let late = Duration::from_secs(7);
        bench.attend(late);
        bench.take(late);
        assert_eq!(bench.monitor.health(), Health::Critical);
        assert_eq!(bench.monitor.due(), bench.start + MINUTE);
    }

    #[test]
    fn a_check_that_hangs_is_unknown_at_its_timeout_and_never_runs_twice() {
        let mut bench = Bench::new(&["sleep 1000"]);
        bench.attend(Duration::ZERO);
        let timeout = Duration::from_secs(10);
        assert_eq!(bench.monitor.due(), bench.start + timeout);
        assert!(bench.monitor.is_pending());
        bench.attend(timeout);
        assert!(!bench.monitor.is_pending());
        assert_eq!(bench.monitor.health(), Health::Unknown);
        // However long it takes to die, there is no second one; killed again, since it may have just begun.
        bench.awaited.set_nonblocking(true).unwrap();
        let mut after = timeout;
        while bench.awaited.read_exact(&mut [0]).is_err() {
            after = bench.monitor.due().since(bench.start);
            bench.attend(after);
        }
        let Some(Answer::Ended(ended)) = bench.helpers.answer() else {
            panic!("no end");
        };
        let now = bench.start + after;
        bench.monitor.ended(0, ended.outcome, now);
        assert_eq!(bench.monitor.health(), Health::Unknown);
        let due = bench.monitor.due();
        assert!(due > now && due.since(bench.start).as_secs().is_multiple_of(60));
    }

    #[test]
    fn what_is_stopped_is_gone() {
        let mut bench = Bench::new(&["exit 2"]);
        bench.attend(Duration::ZERO);
        bench.monitor.stop();
        bench.take(Duration::ZERO);
        assert_eq!(bench.monitor.due(), Moment::NEVER);
    }
}
