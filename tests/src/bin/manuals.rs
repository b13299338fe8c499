//! Writes the manual pages and the shell completions of both programs, and the collector's options as variables, from
//! their definitions of the command line:
//!
//!     cargo run -p beacon-tests --bin manuals -- --date 2026-11-21 DIRECTORY
//!
//! They are made whenever a package is, so that they are always in step; and here, so that neither program carries
//! what it takes to make them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _, Parser};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// Of both programs, and so of the package that has this one.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A section of a page: its title, and each of its entries with what is to say of it.
type Section = (&'static str, &'static [(&'static str, &'static str)]);

/// What the definition of a command line does not tell.
const AGENT: &[Section] = &[
    (
        "SIGNALS",
        &[
            (
                "SIGTERM, SIGINT",
                "Says goodbye (stop, or what --bye says), again until it is acked, three times within 300 ms at most, \
                 and ends with 0. A second one ends it at once.",
            ),
            ("SIGUSR1", "Logs the statistics."),
        ],
    ),
    (
        "FILES",
        &[
            (
                "/etc/default/beacon-agent",
                "The options as variables, for the service.",
            ),
            (
                "/etc/credstore/beacon-agent.key",
                "The key of the device, for the service; mode 600.",
            ),
        ],
    ),
    (
        "EXAMPLES",
        &[
            (
                "beacon-agent --to 192.0.2.7 --interval 10s",
                "Tells the collector there every ten seconds that this device is alive.",
            ),
            (
                "beacon-agent --to collector --once",
                "Sends one beat, and ends with 0 where it is acked: for a timer or a boot script.",
            ),
            (
                "beacon-agent --to collector --sleep-for 8h",
                "Says that the device sleeps for eight hours, and is not to be missed.",
            ),
            (
                "beacon-agent --to collector --dry-run",
                "Shows the first frame, and sends nothing.",
            ),
        ],
    ),
];

const COLLECTOR: &[Section] = &[
    (
        "SIGNALS",
        &[
            (
                "SIGTERM, SIGINT",
                "Saves the state, writes the line end, and ends with 0.",
            ),
            (
                "SIGHUP",
                "Reads --keys and --inventory again. Where one cannot be used, what was read before stays in force.",
            ),
            (
                "SIGUSR1",
                "Writes a line state for every source, the worst first.",
            ),
        ],
    ),
    (
        "FILES",
        &[
            (
                "/etc/default/beacon-collector",
                "The options as variables, for the service.",
            ),
            (
                "/etc/credstore/beacon-collector.keys",
                "The master keys, for the service; mode 600.",
            ),
            (
                "/var/lib/beacon-collector/state",
                "What the service remembers of the sources.",
            ),
            (
                "/run/beacon-collector/control",
                "The socket that status and the other commands ask.",
            ),
        ],
    ),
    (
        "EXAMPLES",
        &[
            (
                "beacon-collector",
                "Listens on port 7878, and shows on the terminal what happens.",
            ),
            (
                "beacon-collector --keys keys --state state --http 8080",
                "Believes only devices that have a key, survives a restart, and serves the page to this host.",
            ),
            (
                "beacon-collector --tick 0 --events up,late,down | jq -r '\"\\(.state) \\(.source)\"'",
                "One line for each change.",
            ),
            (
                "beacon-collector status",
                "Shows what the collector that runs on this host knows.",
            ),
        ],
    ),
];

/// Writes the manual pages and shell completions of both programs, and the collector's variables.
#[derive(Parser)]
struct Options {
    /// The date in the pages, that of what they tell about
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: String,

    /// Where to write them: man/, bash/, zsh/, fish/ and default/
    directory: PathBuf,
}

fn main() -> io::Result<()> {
    let Options { date, directory } = Options::parse();
    for (command, sections, other) in [
        (beacon_agent::cli::Options::command(), AGENT, "beacon-collector"),
        (beacon_collector::cli::command(), COLLECTOR, "beacon-agent"),
    ] {
        write_pages(command.clone(), (sections, other), &date, &directory.join("man"))?;
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            write_completion(shell, command.clone(), &directory.join(shell.to_string()))?;
        }
    }
    write_variables(&beacon_collector::cli::command(), &directory.join("default"))
}

/// A page for the program, and one for each of its commands.
fn write_pages(
    mut command: Command,
    (sections, other): (&[Section], &str),
    date: &str,
    directory: &Path,
) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    command = command.version(VERSION).propagate_version(true);
    command.build();
    let name = command.get_name().to_owned();
    let mut also = Vec::new();
    for part in command.get_subcommands() {
        let title = format!("{name}-{}", part.get_name());
        write_page(part.clone(), (&[], &[&name]), date, &page_in(directory, &title))?;
        also.push(title);
    }
    let mut also: Vec<_> = also.iter().map(String::as_str).collect();
    also.push(other);
    write_page(
        command.clone(),
        (sections, &also),
        date,
        &page_in(directory, &name),
    )
}

fn page_in(directory: &Path, title: &str) -> PathBuf {
    directory.join(format!("{title}.1"))
}

fn write_page(
    mut command: Command,
    (sections, also): (&[Section], &[&str]),
    date: &str,
    path: &Path,
) -> io::Result<()> {
    let mut page = File::create(path)?;
    let usage = command.render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).to_owned();
    let mut more = Roff::new();
    if let Some(codes) = exit_codes(&command) {
        more.control("SH", ["EXIT STATUS"]);
        for (code, meaning) in codes {
            entry(&mut more, &code, &meaning);
        }
    }
    for (title, entries) in sections {
        more.control("SH", [*title]);
        entries
            .iter()
            .for_each(|(name, text)| entry(&mut more, name, text));
    }
    command = command.override_usage(usage);
    Man::new(command)
        .date(date)
        .manual("Beacon")
        .source(format!("Beacon {VERSION}"))
        .render(&mut page)?;
    let also: Vec<_> = also.iter().map(|name| format!("{name}(1)")).collect();
    more.control("SH", ["SEE ALSO"]);
    more.text([roman(also.join(", "))]);
    more.to_writer(&mut page)
}

fn entry(page: &mut Roff, name: &str, text: &str) {
    page.control("TP", []);
    page.text([bold(name)]);
    page.text([roman(text)]);
}

/// What the help says behind `Exit codes:`, each code with its meaning; 0 is told where it is special.
fn exit_codes(command: &Command) -> Option<Vec<(String, String)>> {
    let about = command.get_long_about().or(command.get_about())?.to_string();
    let (_, codes) = about.split_once("Exit codes: ")?;
    let mut entries: Vec<(String, String)> = Vec::new();
    for part in codes.trim_end_matches('.').split(", ") {
        match part.split_once(' ') {
            Some((code, meaning)) if code.bytes().all(|byte| byte.is_ascii_digit()) => {
                entries.push((code.to_owned(), meaning.to_owned()));
            }
            _ => {
                let (_, meaning) = entries.last_mut()?;
                *meaning += &format!(", {part}");
            }
        }
    }
    Some(entries)
}

fn write_completion(shell: Shell, mut command: Command, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let name = command.get_name().to_owned();
    let file = match shell {
        Shell::Zsh => format!("_{name}"),
        Shell::Fish => format!("{name}.fish"),
        _ => name.clone(),
    };
    let mut file = File::create(directory.join(file))?;
    clap_complete::generate(shell, &mut command, name, &mut file);
    Ok(())
}

/// Every option of the program by its variable, not set, under what the help says of it: for /etc/default.
fn write_variables(command: &Command, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut file = File::create(directory.join(command.get_name()))?;
    for argument in command.get_arguments() {
        let (Some(variable), Some(help)) = (argument.get_env(), argument.get_help()) else {
            continue;
        };
        let default = argument.get_default_values().join(OsStr::new(","));
        write_comment(&mut file, &help.to_string())?;
        writeln!(file, "#{}={}\n", variable.display(), default.display())?;
    }
    Ok(())
}

/// Lines of at most 110 characters.
fn write_comment(file: &mut impl Write, text: &str) -> io::Result<()> {
    let mut line = "#".to_owned();
    for word in text.split_whitespace() {
        if line.len() + word.len() >= 110 {
            writeln!(file, "{line}")?;
            line = "#".to_owned();
        }
        line = format!("{line} {word}");
    }
    writeln!(file, "{line}")
}
