//! Key files of the collector: any number of master keys, one line `ID HEX32` each, `#` beginning a comment.
//!
//! What is wrong with a file is told by line number; what a line holds is never repeated.

use std::env;
use std::ffi::OsStr;
use std::fmt::{Display, Write as _};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::str;

use beacon_common::key::{KEY_LEN, RevealedKey, holds_key, parse_key_line};
use beacon_common::{KeyId, MasterKey};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use zeroize::Zeroizing;

use crate::failure::{Exit, Failure};
use crate::input::{self, Reading};

/// Far more than 255 keys with their comments take.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Each has an id of its own, from 1 to 255.
const MOST_MASTERS: usize = u8::MAX as usize;

/// The permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;

/// systemd gives a credential to the service's user by an access control list, whose mask the mode shows as the
/// group's right to read. Nobody else has it.
const CREDENTIAL_MASK: u32 = 0o040;

/// Reads the master keys in the file at `path`, in its order; at least one.
///
/// # Errors
/// [`Exit::NoInput`] where it cannot be read, [`Exit::NoPermission`] where others than its owner can read it,
/// [`Exit::Data`] where it holds anything but keys.
pub fn read_masters(path: &Path, reading: Reading) -> Result<Vec<MasterKey>, Failure> {
    read_beside(path, reading, env::var_os("CREDENTIALS_DIRECTORY").as_deref())
}

fn read_beside(
    path: &Path,
    reading: Reading,
    credentials: Option<&OsStr>,
) -> Result<Vec<MasterKey>, Failure> {
    keep_out_of_dumps();
    let unreadable = |error: io::Error| told(Exit::NoInput, path, format_args!("cannot be read: {error}"));
    let (file, metadata) = input::open(path, reading).map_err(unreadable)?;
    let mode = metadata.mode() & 0o777;
    // How much is in a pipe shows only as it is read.
    let length = if metadata.is_file() {
        metadata.len()
    } else {
        MAX_FILE_BYTES
    };
    let room = length.min(MAX_FILE_BYTES) as usize + 1;
    let is_credential = credentials.is_some_and(|directory| path.parent() == Some(Path::new(directory)));
    let allowed = if is_credential { CREDENTIAL_MASK } else { 0 };
    if mode & OTHERS & !allowed != 0 {
        let problem = format_args!("mode {mode:03o} lets others than its owner at the keys; chmod 600 it");
        return Err(told(Exit::NoPermission, path, problem));
    }
    // Room for all of it at once: a vector that grows leaves copies behind that nobody wipes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(told(
            Exit::Data,
            path,
            "longer than 1 MiB, so this is no key file",
        ));
    }
    parse_masters(&bytes).map_err(|problem| told(Exit::Data, path, problem))
}

/// From now on this process leaves no core dump, and its memory is open to root alone (PR_SET_DUMPABLE(2const)).
fn keep_out_of_dumps() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        log::debug!("keys may get into a core dump: {error}");
    }
}

fn told(exit: Exit, path: &Path, problem: impl Display) -> Failure {
    let path = path.to_string_lossy();
    if holds_key(&path) {
        let line = "--keys: this looks like a key, and is not repeated here; it takes the path of a file that holds the keys";
        return Failure::new(exit, line);
    }
    Failure::new(exit, format_args!("--keys: {}: {problem}", path.escape_debug()))
}

/// Reads the master keys that a key file holds, in its order; at least one.
///
/// # Errors
/// What is wrong with the file and in which line, without a word of what the line holds.
pub fn parse_masters(bytes: &[u8]) -> Result<Vec<MasterKey>, String> {
    // Room for all that there may be: a vector that grows leaves copies behind that nobody wipes.
    let mut masters: Vec<MasterKey> = Vec::with_capacity(MOST_MASTERS);
    let mut lines: Vec<usize> = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let at_line = |problem: &dyn Display| format!("line {number}: {problem}");
        let text = str::from_utf8(line).map_err(|_| at_line(&"this is not UTF-8 text"))?;
        let Some((id, key)) = parse_key_line(text).map_err(|error| at_line(&error))? else {
            continue;
        };
        let taken = masters.iter().position(|master| master.id() == id);
        if let Some(first) = taken.map(|index| lines[index]) {
            let problem = format_args!("id {id} is already that of line {first}; each key takes its own id");
            return Err(at_line(&problem));
        }
        masters.push(MasterKey::new(id, key));
        lines.push(number);
    }
    if masters.is_empty() {
        return Err("there is no key in it; `beacon-collector keygen` makes one".to_owned());
    }
    Ok(masters)
}

/// How long the line of a key is at most, with its end.
const MAX_LINE: usize = "255 ".len() + 2 * KEY_LEN + "\n".len();

/// The key-file line of a new master key, from the kernel's random bytes.
///
/// # Errors
/// [`Exit::System`] where the kernel has none to give.
pub fn generate(id: KeyId) -> Result<Zeroizing<String>, Failure> {
    keep_out_of_dumps();
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    // Up to 256 bytes come whole or not at all (getrandom(2)).
    match rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty()) {
        Ok(KEY_LEN) => Ok(line(&MasterKey::new(id, *bytes).reveal())),
        Ok(_) => Err(Failure::new(
            Exit::System,
            "keygen: the kernel gave too few random bytes; try again",
        )),
        Err(error) => Err(Failure::new(
            Exit::System,
            format_args!("keygen: no random bytes: {error}"),
        )),
    }
}

/// The key-file line of a key, with room for its end: a text that grows leaves copies behind that nobody wipes.
pub fn line(key: &RevealedKey<'_>) -> Zeroizing<String> {
    let mut line = Zeroizing::new(String::with_capacity(MAX_LINE));
    write!(line, "{key}").expect("a String takes whatever is written to it");
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f";

    fn read(content: &[u8], mode: u32) -> Result<Vec<u8>, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let ids = |masters: Vec<MasterKey>| masters.iter().map(|master| master.id().get()).collect();
        read_masters(&path, Reading::First).map(ids)
    }

    fn refused(content: &[u8], exit: Exit) -> String {
        let failure = read(content, 0o600).unwrap_err();
        assert_eq!(failure.exit, exit, "{failure}");
        assert!(!failure.line.contains('\n'), "{failure}");
        failure.line
    }

    #[test]
    fn any_number_of_keys_in_the_order_of_the_file() {
        let content = format!("# old\r\n7 {KEY}\r\n\r\n200 {KEY} # new\n1 {KEY}");
        assert_eq!(read(content.as_bytes(), 0o600), Ok(vec![7, 200, 1]));
        assert_eq!(read(content.as_bytes(), 0o400), Ok(vec![7, 200, 1]));
    }

    #[test]
    fn who_has_keys_leaves_no_core_dump() {
        let reads = || drop(read(format!("7 {KEY}").as_bytes(), 0o600).unwrap());
        let generates = || drop(generate(KeyId::new(7).unwrap()).unwrap());
        for takes_keys in [&reads as &dyn Fn(), &generates] {
            set_dumpable_behavior(DumpableBehavior::Dumpable).unwrap();
            takes_keys();
            let behavior = rustix::process::dumpable_behavior().unwrap();
            assert_eq!(behavior, DumpableBehavior::NotDumpable);
        }
    }

    #[test]
    fn a_damaged_file_is_told_by_line_and_never_repeated() {
        for (content, problem) in [
            (
                format!("7 {KEY}\n8 {}\n", &KEY[1..]),
                "line 2: a key is 32 hex digits",
            ),
            (format!("0 {KEY}"), "line 1: a key's id is a number from 1 to 255"),
            (
                format!("\n\n{KEY}"),
                "line 3: a key line takes an id and a key: ID HEX32",
            ),
            (
                format!("7 {KEY}\n\n7 {KEY}"),
                "line 3: id 7 is already that of line 1; each key takes its own id",
            ),
            (
                "# none\n".to_owned(),
                "there is no key in it; `beacon-collector keygen` makes one",
            ),
            (
                String::new(),
                "there is no key in it; `beacon-collector keygen` makes one",
            ),
        ] {
            let line = refused(content.as_bytes(), Exit::Data);
            assert!(line.ends_with(problem), "{line}");
            assert!(!line.contains(&KEY[1..]), "{line}");
        }
        assert!(refused(b"# \xff", Exit::Data).ends_with("line 1: this is not UTF-8 text"));
        assert!(refused(&vec![b'#'; (1 << 20) + 1], Exit::Data).contains("no key file"));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let content = format!("7 {KEY}");
        for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
            let failure = read(content.as_bytes(), mode).unwrap_err();
            assert_eq!(failure.exit, Exit::NoPermission);
            assert!(failure.line.contains(&format!("mode {mode:03o}")), "{failure}");
        }
    }

    #[test]
    fn a_credential_may_show_the_mask_of_its_access_control_list() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        fs::write(&path, format!("7 {KEY}")).unwrap();
        let read = |mode, credentials| {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            read_beside(&path, Reading::First, credentials).map_err(|failure| failure.exit)
        };
        let credentials = Some(directory.path().as_os_str());
        assert!(read(0o440, credentials).is_ok());
        for elsewhere in [None, Some(OsStr::new("")), Some(OsStr::new("/run/credentials/x"))] {
            assert_eq!(read(0o440, elsewhere).unwrap_err(), Exit::NoPermission);
        }
        for mode in [0o444, 0o460, 0o450] {
            assert_eq!(read(mode, credentials).unwrap_err(), Exit::NoPermission);
        }
    }

    #[test]
    fn a_missing_file_and_a_directory_cannot_be_read() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).unwrap();
        for path in [directory.path().join("no\nsuch"), directory.path().to_owned()] {
            let failure = read_masters(&path, Reading::First).unwrap_err();
            assert_eq!(failure.exit, Exit::NoInput, "{failure}");
            assert!(!failure.line.contains('\n'), "{failure}");
        }
    }

    #[test]
    fn a_key_in_place_of_a_path_is_not_repeated() {
        for path in [KEY.to_owned(), format!("7 {KEY}"), format!("7\t{}", &KEY[..31])] {
            let failure = read_masters(Path::new(&path), Reading::First).unwrap_err();
            assert_eq!(failure.exit, Exit::NoInput);
            assert!(!failure.line.contains(&KEY[..8]), "{failure}");
            assert!(failure.line.contains("the path of a file"), "{failure}");
        }
    }

    #[test]
    fn masters_stay_where_they_were_read_into() {
        let lines: String = (1..=255).map(|id| format!("{id} {KEY}\n")).collect();
        let masters = parse_masters(lines.as_bytes()).unwrap();
        assert_eq!((masters.len(), masters.capacity()), (255, 255));
    }

    #[test]
    fn a_new_key_is_a_key_line_and_never_the_same() {
        let id = KeyId::new(9).unwrap();
        let (first, second) = (generate(id).unwrap(), generate(id).unwrap());
        assert_ne!(first, second);
        let (read_id, _) = parse_key_line(&first).unwrap().unwrap();
        assert_eq!(read_id, id);
    }

    #[test]
    fn the_line_of_a_key_leaves_no_copy_as_its_end_is_added() {
        let mut longest = generate(KeyId::new(255).unwrap()).unwrap();
        longest.push('\n');
        assert_eq!((longest.len(), longest.capacity()), (MAX_LINE, MAX_LINE));
    }
}
