//! Options that were given and have no effect: to be told, because whoever gave them wanted something.

use clap::ArgMatches;
use clap::parser::ValueSource;

/// Options that mean something with another one alone.
pub(super) const NEEDS: [(&str, &str); 7] = [
    ("settle", "inventory"),
    ("misses_max", "false_alarms"),
    ("metrics_per_source", "http"),
    ("on_events", "on_event"),
    ("on_event_parallel", "on_event"),
    ("on_event_timeout", "on_event"),
    ("one_way", "keys"),
];

/// An option that was given and has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idle {
    /// That option.
    pub option: String,
    /// The one that it means something with.
    pub needs: String,
}

/// Those of the command line and of the environment.
pub(super) fn idle(matches: &ArgMatches) -> Vec<Idle> {
    let is_given = |option: &str| {
        let is_off = matches!(matches.try_get_one::<bool>(option), Ok(Some(false)));
        let source = matches.value_source(option);
        !is_off && source.is_some_and(|source| source != ValueSource::DefaultValue)
    };
    let written = |option: &str| format!("--{}", option.replace('_', "-"));
    let in_vain = NEEDS
        .into_iter()
        .filter(|&(option, needs)| is_given(option) && !is_given(needs));
    in_vain
        .map(|(option, needs)| Idle {
            option: written(option),
            needs: written(needs),
        })
        .collect()
}
