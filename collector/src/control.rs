//! The control socket as both of its ends know it (docs/control.md): where it stands, and what can be asked there.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use beacon_common::Label;
use serde_json::{Value, json};

use crate::failure::Exit;
use crate::track::silences::Reason;
use crate::track::tracker::Instruction;

/// How long a request may be, its newline included.
pub const MAX_REQUEST: usize = 4_096;

/// How many of the worst sources may be asked for at once.
pub const MAX_WORST: u64 = 1_000;

/// The longest silence.
pub const LONGEST_SILENCE: Duration = Duration::from_hours(24 * 3_660);

/// Where the socket stands under systemd's `RuntimeDirectory=beacon-collector`.
const SERVICE_DIRECTORY: &str = "/run/beacon-collector";

/// What the `--control` option says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// There.
    At(PathBuf),
    /// Where it stands unless something is said.
    Default,
    /// Nowhere.
    Off,
}

impl Place {
    /// What the option means: a path, or nowhere where it is `none` or an empty text.
    #[must_use]
    pub fn of(option: Option<&OsStr>) -> Self {
        match option {
            None => Self::Default,
            Some(text) if text.is_empty() || text == "none" => Self::Off,
            Some(path) => Self::At(path.into()),
        }
    }
}

/// Where the socket may stand by default, the first choice first: the service manager's directory for this service, that
/// of the packaged service, that of the user.
#[must_use]
pub fn default_paths() -> Vec<PathBuf> {
    let directory = |variable: &str| env::var_os(variable).filter(|value| !value.is_empty());
    // systemd separates several by colons (systemd.exec(5)).
    let first = |list: OsString| env::split_paths(&list).next().unwrap_or_default();
    let service = directory("RUNTIME_DIRECTORY").map(first);
    let service = service.unwrap_or_else(|| SERVICE_DIRECTORY.into());
    let user = directory("XDG_RUNTIME_DIR").map(|path| PathBuf::from(path).join("beacon-collector.control"));
    [service.join("control")].into_iter().chain(user).collect()
}

/// What is asked in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The document of `/status.json`.
    Status {
        /// Of this group of the inventory alone.
        group: Option<String>,
        /// With so many of the worst sources, the worst first, instead of all.
        worst: Option<u64>,
    },
    /// One source in detail.
    Source(Label),
    /// Something is to be done about one source.
    Operate(Label, Instruction),
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request cannot be understood.
    Request,
    /// There is no such source.
    Unknown,
    /// As many sources are silenced as may be.
    Full,
    /// The workers have not answered in time.
    Timeout,
}

impl Refusal {
    const ALL: [Self; 4] = [Self::Request, Self::Unknown, Self::Full, Self::Timeout];

    /// The value of the key `refused`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Unknown => "unknown",
            Self::Full => "full",
            Self::Timeout => "timeout",
        }
    }

    /// The refusal that is called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.name() == name)
    }

    /// How a command ends that is refused so.
    #[must_use]
    pub const fn exit(self) -> Exit {
        match self {
            Self::Request => Exit::Usage,
            Self::Unknown => Exit::NoInput,
            Self::Full => Exit::InUse,
            Self::Timeout => Exit::Unreachable,
        }
    }
}

impl Ask {
    /// What `line` asks for.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let takes = "it takes one object in JSON on one line, like {\"do\":\"status\"}";
        let request: Value = serde_json::from_slice(line).map_err(|_| format!("this is no JSON; {takes}"))?;
        let text = |key: &str| request[key].as_str();
        let label = || {
            let label = text("source").and_then(|text| Label::new(text).ok());
            label.ok_or_else(|| "source: missing, or not a label".to_owned())
        };
        match text("do") {
            Some("status") => status(&request),
            Some("source") => Ok(Self::Source(label()?)),
            Some("silence") => Ok(Self::Operate(label()?, silence(&request)?)),
            Some("unsilence") => Ok(Self::Operate(label()?, Instruction::Unsilence)),
            Some("forget") => Ok(Self::Operate(label()?, Instruction::Forget)),
            _ => Err("do: it takes status, source, silence, unsilence or forget".to_owned()),
        }
    }

    /// The line that asks for it, with its end.
    #[must_use]
    pub fn line(&self) -> String {
        let request = match self {
            Self::Status { group, worst } => {
                let mut request = json!({"do": "status"});
                let group = group.as_deref().map(|group| ("group", group.into()));
                let worst = worst.map(|count| ("worst", count.into()));
                for (key, value) in group.into_iter().chain(worst) {
                    request[key] = value;
                }
                request
            }
            Self::Source(label) => json!({"do": "source", "source": label.as_str()}),
            Self::Operate(label, instruction) => {
                let source = label.as_str();
                match instruction {
                    Instruction::Silence { lasts, reason } => {
                        let for_ms = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
                        let reason = reason.as_str();
                        json!({"do": "silence", "source": source, "for_ms": for_ms, "reason": reason})
                    }
                    Instruction::Unsilence => json!({"do": "unsilence", "source": source}),
                    Instruction::Forget => json!({"do": "forget", "source": source}),
                }
            }
        };
        format!("{request}\n")
    }
}

fn status(request: &Value) -> Result<Ask, String> {
    let group = match &request["group"] {
        Value::Null => None,
        group => Some(
            group
                .as_str()
                .ok_or("group: it takes the name of a group")?
                .to_owned(),
        ),
    };
    let worst = match &request["worst"] {
        Value::Null => None,
        count => {
            let count = count.as_u64().filter(|count| *count <= MAX_WORST);
            Some(count.ok_or_else(|| format!("worst: it takes a number up to {MAX_WORST}"))?)
        }
    };
    Ok(Ask::Status { group, worst })
}

fn silence(request: &Value) -> Result<Instruction, String> {
    let lasts = request["for_ms"].as_u64().map(Duration::from_millis);
    let lasts = lasts.filter(|lasts| !lasts.is_zero() && *lasts <= LONGEST_SILENCE);
    let reason = match &request["reason"] {
        Value::Null => Reason::new(""),
        reason => reason.as_str().and_then(Reason::new),
    };
    Ok(Instruction::Silence {
        lasts: lasts.ok_or("for_ms: it takes milliseconds above zero, ten years of them at most")?,
        reason: reason.ok_or("reason: it takes a line of text of at most 200 bytes")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;
    use crate::track::silences::{MAX_REASON, MAX_SILENCES};

    #[test]
    fn what_is_asked_is_understood() {
        let label = Label::new("fridge-7").unwrap();
        let silence = Instruction::Silence {
            lasts: Duration::from_hours(2),
            reason: Reason::new("\"Ann\" is at it").unwrap(),
        };
        for ask in [
            Ask::Status {
                group: None,
                worst: None,
            },
            Ask::Status {
                group: Some("k\u{fc}che=1".to_owned()),
                worst: Some(MAX_WORST),
            },
            Ask::Source(label),
            Ask::Operate(label, silence),
            Ask::Operate(label, Instruction::Unsilence),
            Ask::Operate(label, Instruction::Forget),
        ] {
            let line = ask.line();
            assert!(line.len() <= MAX_REQUEST && line.ends_with('\n'), "{line}");
            assert_eq!(Ask::parse(line.as_bytes()), Ok(ask));
        }
    }

    #[test]
    fn the_longest_request_fits_into_its_bound() {
        let instruction = Instruction::Silence {
            lasts: LONGEST_SILENCE,
            reason: Reason::new(&"\"".repeat(200)).unwrap(),
        };
        let ask = Ask::Operate(Label::new("abcdefghijklmnop").unwrap(), instruction);
        assert!(ask.line().len() <= MAX_REQUEST);
    }

    #[test]
    fn anything_else_is_refused_with_what_it_takes() {
        for (line, part) in [
            ("", "no JSON"),
            ("status", "no JSON"),
            ("[]", "do: "),
            ("{\"do\":7}", "do: "),
            ("{\"do\":\"status\",\"worst\":1001}", "worst: "),
            ("{\"do\":\"status\",\"worst\":-1}", "worst: "),
            ("{\"do\":\"status\",\"group\":7}", "group: "),
            ("{\"do\":\"forget\"}", "source: "),
            ("{\"do\":\"forget\",\"source\":\"-\"}", "source: "),
            ("{\"do\":\"silence\",\"source\":\"a\"}", "for_ms: "),
            ("{\"do\":\"silence\",\"source\":\"a\",\"for_ms\":0}", "for_ms: "),
            (
                "{\"do\":\"silence\",\"source\":\"a\",\"for_ms\":999999999999999}",
                "for_ms: ",
            ),
            (
                "{\"do\":\"silence\",\"source\":\"a\",\"for_ms\":1,\"reason\":\"a\\nb\"}",
                "reason: ",
            ),
            (
                "{\"do\":\"silence\",\"source\":\"a\",\"for_ms\":1,\"reason\":7}",
                "reason: ",
            ),
        ] {
            let refused = Ask::parse(line.as_bytes()).unwrap_err();
            assert!(
                refused.starts_with(part) || refused.contains(part),
                "{line}: {refused}"
            );
        }
        let deep = "[".repeat(MAX_REQUEST);
        assert!(Ask::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn an_option_that_names_nothing_switches_off() {
        let place = |text: &str| Place::of(Some(OsStr::new(text)));
        assert_eq!((place(""), place("none")), (Place::Off, Place::Off));
        assert_eq!(place("/run/x"), Place::At("/run/x".into()));
        assert_eq!(Place::of(None), Place::Default);
    }

    #[test]
    fn exit_codes_and_bounds_are_documented() {
        let document = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/control.md"));
        let (_, rest) = document.split_once("<!-- begin exits -->").unwrap();
        let (table, _) = rest.split_once("<!-- end exits -->").unwrap();
        let first = |line: &str| line.split('|').nth(1)?.trim().parse::<u8>().ok();
        let documented: Vec<_> = table.lines().filter_map(first).collect();
        let mut exits = vec![0, Exit::Unwell as u8];
        exits.extend(Refusal::ALL.map(|refusal| refusal.exit() as u8));
        exits.sort_unstable();
        assert_eq!(documented, exits);
        let row = |exit: Exit| {
            let begin = format!("| {} |", exit as u8);
            table.lines().find(|line| line.starts_with(&begin)).unwrap()
        };
        assert!(row(Exit::Usage).contains("not with `status --plugin`"));
        assert!(row(Exit::Unreachable).contains("with `status --plugin`"));
        let help = cli::command()
            .find_subcommand("status")
            .unwrap()
            .clone()
            .render_long_help();
        let help = help.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        for code in &documented[1..5] {
            assert!(help.contains(&format!(" {code} ")), "{code}: {help}");
        }
        for part in [
            "2 wrong arguments (3 with --plugin)",
            "(with --plugin whatever else there is no verdict for)",
        ] {
            assert!(help.contains(part), "{part:?} in {help}");
        }
        for refusal in Refusal::ALL {
            assert!(document.contains(&format!("`{}`", refusal.name())), "{refusal:?}");
        }
        for part in [
            format!("one line of at most {MAX_REQUEST} bytes"),
            "the worst first, 1,000 at most".to_owned(),
            "at most 200 bytes, without control characters".to_owned(),
            "- 4,096 are kept at most.".to_owned(),
        ] {
            assert!(document.contains(&part), "{part}");
        }
        assert_eq!((MAX_WORST, MAX_REASON, MAX_SILENCES), (1_000, 200, 4_096));
    }

    #[test]
    fn refusals_are_known_by_their_names() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::from_name(refusal.name()), Some(refusal));
        }
        assert_eq!(Refusal::from_name("else"), None);
    }
}
