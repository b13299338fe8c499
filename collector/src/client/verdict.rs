//! Whether all is well, as an exit code and as a monitoring plugin says it.

use std::process::ExitCode;

use serde_json::Value;

use super::table::{brief, counts};
use crate::failure::Exit;
use crate::track::event::State;

/// Whether somebody has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Well,
    /// A source is late or down, and not silenced.
    Unwell,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Well => Self::SUCCESS,
            Verdict::Unwell => Exit::Unwell.into(),
        }
    }
}

impl Verdict {
    /// That on all sources, or on one where `document` is about one.
    pub(super) fn of(document: &Value) -> Self {
        let is_bad = |state: State| {
            let count = |key: &str| document[key][state.name()].as_u64().unwrap_or_default();
            let is_it = document["state"].as_str() == Some(state.name());
            count("sources") > count("silenced_sources") || (is_it && document["silenced_until"].is_null())
        };
        match [State::Late, State::Down].into_iter().any(is_bad) {
            true => Self::Unwell,
            false => Self::Well,
        }
    }

    /// The line of a monitoring plugin: the word that its exit code stands for, what there is to say, and numbers for a
    /// graph (Monitoring Plugins Development Guidelines).
    pub(super) fn line(self, document: &Value) -> String {
        let word = match self {
            Self::Well => "OK",
            Self::Unwell => "WARNING",
        };
        if let Some(label) = document["source"].as_str() {
            let state = document["state"].as_str().unwrap_or_default();
            let since = brief(&document["since_ms"]);
            let health = match document["status"].as_str() {
                None | Some("ok") => String::new(),
                Some("unknown") => ", its health unknown".to_owned(),
                Some(health) => format!(", its health {health}"),
            };
            let silenced = match document["silenced_until"].is_null() {
                true => "",
                false => ", silenced",
            };
            let numbers = numbers_of(document);
            return format!("BEACON {word}: {label} is {state} for {since}{health}{silenced}{numbers}\n");
        }
        let count = |key: &str, state: State| document[key][state.name()].as_u64().unwrap_or_default();
        let numbers = State::ALL.map(|state| format!("{}={}", state.name(), count("sources", state)));
        let silenced: u64 = State::ALL
            .map(|state| count("silenced_sources", state))
            .iter()
            .sum();
        let (counts, numbers) = (counts(document), numbers.join(" "));
        format!("BEACON {word}: {counts} | {numbers} silenced={silenced}\n")
    }
}

/// What there is to draw of a source, with the guidelines' units; nothing of one that was never heard. A loss may be taken
/// back, so it is no counter (`c`).
fn numbers_of(source: &Value) -> String {
    let number = |key: &str| source[key].as_i64().unwrap_or_default();
    if source["session"].is_null() {
        return String::new();
    }
    format!(
        " | silent={}ms received={}c lost={} jitter={}us",
        number("silent_ms"),
        number("received"),
        number("lost"),
        number("jitter_us")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn all(late: u64, down: u64, silenced_down: u64) -> Value {
        json!({
            "sources": {"up": 97, "late": late, "down": down, "stopped": 0, "asleep": 0, "unknown": 0},
            "silenced_sources": {"up": 1, "late": 0, "down": silenced_down},
            "list": [],
        })
    }

    #[test]
    fn late_and_down_count_unless_they_are_silenced() {
        for (document, verdict) in [
            (all(0, 0, 0), Verdict::Well),
            (all(1, 0, 0), Verdict::Unwell),
            (all(0, 2, 1), Verdict::Unwell),
            (all(0, 2, 2), Verdict::Well),
            (
                json!({"source": "a", "state": "up", "silenced_until": null}),
                Verdict::Well,
            ),
            (
                json!({"source": "a", "state": "late", "silenced_until": null}),
                Verdict::Unwell,
            ),
            (
                json!({"source": "a", "state": "down", "silenced_until": "2026"}),
                Verdict::Well,
            ),
        ] {
            assert_eq!(Verdict::of(&document), verdict, "{document}");
        }
    }

    #[test]
    fn a_plugin_says_it_in_one_line() {
        let line = |document: &Value| Verdict::of(document).line(document);
        assert_eq!(
            line(&all(1, 2, 1)),
            "BEACON WARNING: 2 down, 1 late, 97 up, 2 silenced | up=97 late=1 down=2 stopped=0 asleep=0 unknown=0 silenced=2\n"
        );
        let one = json!({"source": "a", "state": "up", "silenced_until": null, "since_ms": 90_000});
        assert_eq!(line(&one), "BEACON OK: a is up for 1m30s\n");
        let heard = json!({
            "source": "a", "state": "up", "silenced_until": null, "since_ms": 90_000, "session": "691f3c2e5b0a9d11",
            "silent_ms": 1_116, "received": 6, "lost": 1, "jitter_us": 212,
        });
        assert_eq!(
            line(&heard),
            "BEACON OK: a is up for 1m30s | silent=1116ms received=6c lost=1 jitter=212us\n"
        );
        let ill = json!({"source": "a", "state": "up", "status": "critical", "silenced_until": null, "since_ms": 90_000});
        assert_eq!(line(&ill), "BEACON OK: a is up for 1m30s, its health critical\n");
        let quiet = json!({"source": "a", "state": "down", "status": "ok", "silenced_until": "2026", "since_ms": 90_000});
        assert_eq!(line(&quiet), "BEACON OK: a is down for 1m30s, silenced\n");
    }
}
