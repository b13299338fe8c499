//! What is wrong with a command line, on one line that names the option and what it takes.

use std::ffi::OsString;

use beacon_common::key::holds_key;
use clap::Arg;
use clap::error::{ContextKind, ErrorKind};

use super::{command, commands, matches};

/// The variable that the refused value of `option` comes from: without the environment, all is well with it.
fn variable(option: &str, error: &clap::Error, arguments: &[OsString]) -> Option<String> {
    let without = matches(arguments, |argument| argument.env(None));
    let refused = |error: &clap::Error| error.get(ContextKind::InvalidArg).map(ToString::to_string);
    if without.is_err_and(|other| refused(&other) == refused(error)) {
        return None;
    }
    let definition = command();
    let commands = std::iter::once(&definition).chain(definition.get_subcommands());
    let is_named = |argument: &&Arg| argument.get_long() == option.strip_prefix("--");
    let argument = commands.flat_map(clap::Command::get_arguments).find(is_named)?;
    Some(argument.get_env()?.to_string_lossy().into_owned())
}

/// Clap explains over several lines; a log takes one. What may be a key, written where it does not belong, is left out.
pub(super) fn one_line(error: &clap::Error, arguments: &[OsString]) -> String {
    let line = explain(error, arguments);
    let words = line.split_inclusive(|c: char| !c.is_ascii_hexdigit());
    let shown = words.map(|word| {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        match holds_key(digits) {
            true => format!("…{}", &word[digits.len()..]),
            false => word.to_owned(),
        }
    });
    shown.collect()
}

fn explain(error: &clap::Error, arguments: &[OsString]) -> String {
    let context = |kind| {
        error
            .get(kind)
            .map(|value| value.to_string().escape_debug().to_string())
    };
    let argument = context(ContextKind::InvalidArg).unwrap_or_default();
    let (option, takes) = argument.split_once(' ').unwrap_or((&argument, "a value"));
    match (error.kind(), std::error::Error::source(error)) {
        (ErrorKind::ValueValidation, Some(reason)) => match variable(option, error, arguments) {
            Some(variable) => format!("{option} (from {variable}): {reason}"),
            None => format!("{option}: {reason}"),
        },
        (ErrorKind::InvalidValue, _) => format!("{option}: a value is missing; it takes {takes}"),
        (ErrorKind::TooManyValues, _) => format!("{option}: it takes no value"),
        (ErrorKind::MissingRequiredArgument, _) => format!("{argument}: missing"),
        (ErrorKind::UnknownArgument, _) => format!("{option}: no such option; --help lists them"),
        (ErrorKind::InvalidSubcommand, _) => {
            let word = context(ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("'{word}' is not a command; it takes {}", commands().join(", "))
        }
        (ErrorKind::ArgumentConflict, _) => match context(ContextKind::InvalidSubcommand) {
            Some(command) => format!("{command}: takes its own options, after the command"),
            None => match context(ContextKind::PriorArg).filter(|other| *other != argument) {
                Some(other) => format!("{argument}: it does not go together with {other}"),
                None if option == argument => format!("{option}: given twice"),
                None => format!("{option}: given twice; it takes one {takes}"),
            },
        },
        (ErrorKind::InvalidUtf8, _) => "a value is not UTF-8 text".to_owned(),
        _ => first_line(&error.to_string()),
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
