//! The status file: one word that says the health, written by whoever knows it.

use beacon_common::Health;
use rustix::fs::OFlags;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

/// More than any of the words; a wrong path such as `/dev/zero` must not fill the memory.
const LONGEST: usize = 64;

/// A file that says the health.
#[derive(Debug)]
pub struct StatusFile {
    path: PathBuf,
    /// What it last said; `None` before it was read for the first time.
    health: Option<Health>,
    /// What is to be told of it.
    news: Option<String>,
}

impl StatusFile {
    /// A file that was not read yet.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self {
            path,
            health: None,
            news: None,
        }
    }

    /// Reads it. What is no health is unknown.
    pub fn read(&mut self) -> Health {
        let (health, problem) = match self.look() {
            Ok(health) => (health, None),
            Err(error) => (Health::Unknown, Some(error)),
        };
        if self.health.replace(health) != Some(health) {
            let path = self.path.display();
            let name = health.name();
            self.news = Some(match problem {
                None => format!("status file {path}: {name}"),
                Some(error) => format!("status file {path}: {name} ({error})"),
            });
        }
        health
    }

    /// What it says by now, where that has changed.
    pub fn take_news(&mut self) -> Option<(Health, String)> {
        Some((self.health?, self.news.take()?))
    }

    fn look(&self) -> io::Result<Health> {
        // Non-blocking, since a path can turn out to be a pipe, which would hold up the beat.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(&self.path)?;
        let mut bytes = [0; LONGEST];
        let len = file.read(&mut bytes)?;
        let word = bytes[..len].trim_ascii();
        let mut words = Health::ALL.into_iter();
        words
            .find(|health| health.name().as_bytes().eq_ignore_ascii_case(word))
            .ok_or_else(|| {
                let word = word.escape_ascii();
                io::Error::other(format!("'{word}' is none of ok, warning, critical and unknown"))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn each_word_is_read_and_each_change_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("status");
        let mut file = StatusFile::new(path.clone());
        let mut read = || (file.read(), file.take_news());
        let told = |health: Health, why: &str| {
            let line = format!("status file {}: {}{why}", path.display(), health.name());
            (health, Some((health, line)))
        };
        let missing = " (No such file or directory (os error 2))";
        assert_eq!(read(), told(Health::Unknown, missing));
        assert_eq!(read(), (Health::Unknown, None));
        for (text, health) in [
            ("ok\n", Health::Ok),
            (" Warning", Health::Warning),
            ("CRITICAL\r\n", Health::Critical),
            ("unknown", Health::Unknown),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(read(), told(health, ""));
            assert_eq!(read(), (health, None));
        }
        for text in ["", "fine", "ok ok", "2"] {
            fs::write(&path, "ok").unwrap();
            assert_eq!(read().0, Health::Ok);
            fs::write(&path, text).unwrap();
            let why = format!(" ('{text}' is none of ok, warning, critical and unknown)");
            assert_eq!(read(), told(Health::Unknown, &why));
        }
    }

    #[test]
    fn what_is_no_file_holds_up_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for path in [pipe, dir.path().to_owned(), PathBuf::from("/dev/zero")] {
            assert_eq!(StatusFile::new(path).read(), Health::Unknown);
        }
    }
}
