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
use clap_mangen::roff::{Roff, roman};

/// Of both programs, and so of the package that has this one.
const VERSION: &str = env!("CARGO_PKG_VERSION");

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
    for (command, other) in [
        (beacon_agent::cli::Options::command(), "beacon-collector"),
        (beacon_collector::cli::command(), "beacon-agent"),
    ] {
        write_pages(command.clone(), other, &date, &directory.join("man"))?;
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            write_completion(shell, command.clone(), &directory.join(shell.to_string()))?;
        }
    }
    write_variables(&beacon_collector::cli::command(), &directory.join("default"))
}

/// A page for the program, and one for each of its commands.
fn write_pages(mut command: Command, other: &str, date: &str, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    command = command.version(VERSION).propagate_version(true);
    command.build();
    let name = command.get_name().to_owned();
    let mut also = Vec::new();
    for part in command.get_subcommands() {
        let title = format!("{name}-{}", part.get_name());
        write_page(part.clone(), &[&name], date, &page_in(directory, &title))?;
        also.push(title);
    }
    let mut also: Vec<_> = also.iter().map(String::as_str).collect();
    also.push(other);
    write_page(command.clone(), &also, date, &page_in(directory, &name))
}

fn page_in(directory: &Path, title: &str) -> PathBuf {
    directory.join(format!("{title}.1"))
}

fn write_page(command: Command, also: &[&str], date: &str, path: &Path) -> io::Result<()> {
    let mut page = File::create(path)?;
    Man::new(command)
        .date(date)
        .manual("Beacon")
        .source(format!("Beacon {VERSION}"))
        .render(&mut page)?;
    let also: Vec<_> = also.iter().map(|name| format!("{name}(1)")).collect();
    let mut section = Roff::new();
    section.control("SH", ["SEE ALSO"]);
    section.text([roman(also.join(", "))]);
    section.to_writer(&mut page)
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
