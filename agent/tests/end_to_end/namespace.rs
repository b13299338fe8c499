//! Namespaces, in which a test has files and a network of its own.

use std::process::{Command, Stdio};

/// How to enter new namespaces of these kinds (options of unshare(1)); `None`, said aloud, where that is not
/// allowed here.
pub(crate) fn unshare(kinds: &str) -> Option<Vec<String>> {
    let ways = [vec![kinds.to_owned()], vec!["-r".to_owned(), kinds.to_owned()]];
    let is_allowed = |way: &&Vec<String>| {
        let mut command = Command::new("unshare");
        command.args(*way).arg("true").stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let way = ways.iter().find(is_allowed).cloned();
    if way.is_none() {
        println!("skipped: unshare {kinds} is not allowed here");
    }
    way
}
