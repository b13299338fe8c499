//! The help, as clap makes it of [`super::Options`]: the agent brings the text and leaves out what makes it, which is 23 KB
//! of a static binary.

use std::env;
use std::ffi::OsString;

/// What `--help` says.
const LONG: &str = include_str!("help.txt");
/// What `-h` says: an option a line.
const SHORT: &str = include_str!("help_short.txt");
/// What a variable's name follows, and its value.
const VARIABLE: &str = "[env: ";

/// The help that these arguments have asked for, with the variables' present values.
pub(super) fn text(arguments: &[OsString]) -> String {
    let is_long = arguments.iter().any(|argument| argument == "--help");
    let mut parts = if is_long { LONG } else { SHORT }.split(VARIABLE);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(']').unwrap_or((part, ""));
        let value = env::var_os(name).unwrap_or_default();
        for piece in [VARIABLE, name, "=", &value.to_string_lossy(), "]", rest] {
            text.push_str(piece);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::*;
    use clap::CommandFactory as _;
    use std::fs;
    use std::path::Path;

    /// Without the variables' values, and the spaces that clap leaves at the ends of lines.
    fn rendered(is_long: bool) -> String {
        let mut definition = Options::command().mut_args(|argument| argument.hide_env_values(true));
        let text = if is_long {
            definition.render_long_help()
        } else {
            definition.render_help()
        };
        let text = text.to_string();
        text.lines()
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect()
    }

    /// With `BEACON_SAVE_HELP` it makes them so.
    #[test]
    fn the_texts_are_what_clap_makes_of_the_options() {
        for (file, text, is_long) in [("help.txt", LONG, true), ("help_short.txt", SHORT, false)] {
            let rendered = rendered(is_long);
            if env::var_os("BEACON_SAVE_HELP").is_some() {
                let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
                fs::write(directory.join(file), rendered).unwrap();
            } else {
                assert!(
                    text == rendered,
                    "agent/src/cli/{file} is not up to date: BEACON_SAVE_HELP=1 cargo test -p beacon-agent help"
                );
            }
        }
    }

    #[test]
    fn each_flag_has_its_text() {
        let ask = |flag: &str| text(&["beacon-agent".into(), flag.into()]);
        assert!(ask("--help").contains("[env: BEACON_TO="));
        assert!(ask("-h").contains("[env: BEACON_TO="));
        assert!(ask("-h").lines().count() < ask("--help").lines().count() / 2);
    }
}
