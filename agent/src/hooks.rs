//! What is run when a collector is lost or found: one command at a time for each collector.

use beacon_common::{Label, Moment};
use log::{debug, warn};
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use crate::helper::Helpers;
use crate::shell::{Purpose, Run};

/// How long a hook may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The commands to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// When a collector is lost.
    pub on_lost: Option<String>,
    /// When it is found again.
    pub on_found: Option<String>,
}

/// What has happened to a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It answers no more.
    Lost,
    /// It answers again.
    Found,
}

impl Change {
    const fn option(self) -> &'static str {
        match self {
            Self::Lost => "--on-lost",
            Self::Found => "--on-found",
        }
    }
}

/// The hooks of all collectors.
#[derive(Debug)]
pub struct Hooks {
    commands: Commands,
    label: Label,
    of_collectors: Vec<Hook>,
}

#[derive(Debug, Default)]
struct Hook {
    running: Option<(Change, Run)>,
    /// What waits for the running one to end, and how many asks had gone unanswered.
    waiting: Option<(Change, u32)>,
}

impl Hooks {
    /// Hooks of so many collectors, of which none runs yet.
    #[must_use]
    pub fn new(commands: Commands, label: Label, collectors: usize) -> Self {
        Self {
            commands,
            label,
            of_collectors: std::iter::repeat_with(Hook::default).take(collectors).collect(),
        }
    }

    /// The collector at `place`, written `name`, is lost or found after so many unanswered asks. While a hook
    /// of it still runs, this one waits; and two that wait take each other back, because lost and found take
    /// turns.
    pub fn call(
        &mut self,
        (place, name): (usize, &str),
        (change, unacked): (Change, u32),
        helpers: &Helpers,
        now: Moment,
    ) {
        let hook = &mut self.of_collectors[place];
        if hook.running.is_some() {
            hook.waiting = match hook.waiting {
                None => Some((change, unacked)),
                Some(_) => None,
            };
            return;
        }
        let command = match change {
            Change::Lost => &self.commands.on_lost,
            Change::Found => &self.commands.on_found,
        };
        let Some(command) = command else { return };
        let environment = [
            ("BEACON_COLLECTOR", name),
            ("BEACON_LABEL", self.label.as_str()),
            ("BEACON_UNACKED", &unacked.to_string()),
        ];
        let purpose = Purpose::Hook(place);
        let run = Run::begin(command, &environment, purpose, (now, TIMEOUT), helpers);
        hook.running = Some((change, run));
    }

    /// When [`Hooks::attend`] has something to do.
    #[must_use]
    pub fn due(&self) -> Moment {
        let running = self.of_collectors.iter().filter_map(|hook| hook.running.as_ref());
        let kill_at = running.map(|(_, run)| run.kill_at()).min();
        kill_at.unwrap_or(Moment::NEVER)
    }

    /// Kills what has had its time.
    pub fn attend(&mut self, now: Moment) {
        for hook in &mut self.of_collectors {
            if let Some((change, run)) = &mut hook.running
                && run.kill_if_overdue(now)
            {
                let option = change.option();
                warn!("{option}: not done after {} s, killed", TIMEOUT.as_secs());
            }
        }
    }

    /// The hook that ran for the collector at `place` has ended; the one that waits is next.
    pub fn ended(
        &mut self,
        (place, name): (usize, &str),
        outcome: io::Result<ExitStatus>,
        helpers: &Helpers,
        now: Moment,
    ) {
        let hook = &mut self.of_collectors[place];
        let Some((change, run)) = hook.running.take() else {
            return;
        };
        let option = change.option();
        match outcome {
            _ if run.is_killed() => {}
            Ok(status) if status.success() => debug!("{option}: done for {name}"),
            Ok(status) => warn!("{option}: {status} for {name}"),
            Err(error) => warn!("{option}: {error} for {name}"),
        }
        if let Some(waiting) = hook.waiting.take() {
            self.call((place, name), waiting, helpers, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::helper::Answer;
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    #[test]
    fn one_runs_at_a_time_and_what_came_to_nothing_is_not_run() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("calls");
        let write = |what: &str| {
            let path = file.display();
            Some(format!(
                "echo {what} $BEACON_COLLECTOR $BEACON_LABEL $BEACON_UNACKED >> {path}"
            ))
        };
        let commands = Commands {
            on_lost: write("lost"),
            on_found: write("found"),
        };
        let (mut awaited, wake) = UnixStream::pair().unwrap();
        let helpers = Helpers::new(wake);
        let mut hooks = Hooks::new(commands, "fridge-7".parse().unwrap(), 6);
        let now = clock::now();
        let collector = (5, "a:9");
        hooks.call(collector, (Change::Lost, 3), &helpers, now);
        assert_eq!(hooks.due(), now + TIMEOUT);
        let mut end = |hooks: &mut Hooks| {
            awaited.read_exact(&mut [0]).unwrap();
            let Some(Answer::Ended(ended)) = helpers.answer() else {
                panic!("no end");
            };
            assert_eq!(ended.purpose, Purpose::Hook(5));
            hooks.ended(collector, ended.outcome, &helpers, now);
        };
        // The answer is not taken yet, so to the hooks the first still runs.
        hooks.call(collector, (Change::Found, 4), &helpers, now);
        hooks.call(collector, (Change::Lost, 5), &helpers, now);
        end(&mut hooks);
        assert_eq!(hooks.due(), Moment::NEVER, "it is lost, as was told");
        hooks.call(collector, (Change::Found, 6), &helpers, now);
        hooks.call(collector, (Change::Lost, 7), &helpers, now);
        end(&mut hooks);
        end(&mut hooks);
        assert_eq!(hooks.due(), Moment::NEVER);
        let calls = std::fs::read_to_string(file).unwrap();
        assert_eq!(
            calls,
            "lost a:9 fridge-7 3\nfound a:9 fridge-7 6\nlost a:9 fridge-7 7\n"
        );
    }

    #[test]
    fn without_a_command_nothing_runs() {
        let (_awaited, wake) = UnixStream::pair().unwrap();
        let mut hooks = Hooks::new(Commands::default(), "a".parse().unwrap(), 1);
        let change = (Change::Lost, 3);
        hooks.call((0, "a"), change, &Helpers::new(wake), Moment::ORIGIN);
        assert_eq!(hooks.due(), Moment::NEVER);
    }
}
