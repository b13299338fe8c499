//! Namespaces, in which a test has files and a network of its own.

use std::env;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::thread;

/// Says aloud that the test which calls this tests nothing here. Where none may be skipped that is a failure.
pub(crate) fn skip(why: &str) {
    let current = thread::current();
    let test = current.name().unwrap_or("a test");
    // What is printed in a test that passes is kept from view; this is not.
    let _ = writeln!(io::stderr(), "SKIPPED {test}: {why}");
    let is_strict = env::var_os("BEACON_TESTS_STRICT").is_some_and(|value| !value.is_empty());
    assert!(!is_strict, "BEACON_TESTS_STRICT lets no test be skipped: {why}");
}

/// How to enter new namespaces of these kinds (options of unshare(1)); `None`, and the test is skipped, where that is
/// not allowed here.
pub(crate) fn unshare(kinds: &str) -> Option<Vec<String>> {
    let ways = [vec![kinds.to_owned()], vec!["-r".to_owned(), kinds.to_owned()]];
    let is_allowed = |way: &&Vec<String>| {
        let mut command = Command::new("unshare");
        command.args(*way).arg("true").stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let way = ways.iter().find(is_allowed).cloned();
    if way.is_none() {
        skip(&format!("unshare {kinds} is not allowed here"));
    }
    way
}
