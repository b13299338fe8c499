//! The key file: one line `ID HEX32`, `#` begins a comment (docs/protocol.md, section 6).

use beacon_common::DeviceKey;
use beacon_common::key::parse_key_line;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Far more than a key and its comments; a wrong path such as `/dev/zero` must not fill the memory.
const LONGEST: u64 = 65_536;

/// Everything that others than the owner could do with a file.
const OTHERS: u32 = 0o077;

/// systemd gives a credential to the service's user by an access control list, whose mask the mode shows as the
/// group's right to read. Nobody else has it.
const CREDENTIAL_MASK: u32 = 0o040;

/// Reads the one key of the file at `path`.
///
/// # Errors
/// [`Failure::KeyFileMode`] where others than its owner can get at it, [`Failure::KeyFile`] where it cannot
/// be read or does not hold exactly one key. Neither repeats what the file holds.
pub fn read(path: &Path) -> Result<DeviceKey, Failure> {
    read_beside(path, env::var_os("CREDENTIALS_DIRECTORY").as_deref())
}

fn read_beside(path: &Path, credentials: Option<&OsStr>) -> Result<DeviceKey, Failure> {
    keep_out_of_dumps();
    let unusable = |problem: String| Failure::KeyFile {
        path: path.to_owned(),
        problem,
    };
    let unreadable = |error: io::Error| unusable(error.to_string());
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let mode = metadata.permissions().mode() & 0o777;
    let is_credential = credentials.is_some_and(|directory| path.parent() == Some(Path::new(directory)));
    let allowed = if is_credential { CREDENTIAL_MASK } else { 0 };
    if mode & OTHERS & !allowed != 0 {
        return Err(Failure::KeyFileMode {
            path: path.to_owned(),
            mode,
        });
    }
    let text = text_of(file, metadata.len()).map_err(unreadable)?;
    parse(&text).map_err(unusable)
}

/// What a file of `length` bytes holds, wiped when dropped.
fn text_of(file: File, length: u64) -> io::Result<Zeroizing<String>> {
    // Room for all of it at once: a text that grows leaves copies behind that nobody wipes.
    let room = length.min(LONGEST) as usize + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// From now on this process leaves no core dump, and its memory is open to root alone (PR_SET_DUMPABLE(2const)).
fn keep_out_of_dumps() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        log::debug!("the key may get into a core dump: {error}");
    }
}

fn parse(text: &str) -> Result<DeviceKey, String> {
    let mut found = None;
    for (line, number) in text.lines().zip(1..) {
        let key = parse_key_line(line).map_err(|error| format!("line {number}: {error}"))?;
        if let Some((id, bytes)) = key
            && found.replace(DeviceKey::new(id, bytes)).is_some()
        {
            return Err(format!("line {number}: a second key; a device has one"));
        }
    }
    found.ok_or_else(|| "no key; it takes one line ID HEX32".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::path::PathBuf;

    const HEX: &str = "3ef60eb36452baf30efd880352564763";

    fn file(dir: &tempfile::TempDir, text: &str, mode: u32) -> PathBuf {
        let path = dir.path().join("key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn one_line_among_comments_is_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, &format!("# fridge-7\n\n7 {HEX} # ours\r\n"), 0o400);
        let key = read(&path).unwrap();
        assert_eq!(key.reveal().to_string(), format!("7 {HEX}"));
    }

    #[test]
    fn an_unusable_file_is_refused_without_a_word_of_its_contents() {
        let dir = tempfile::tempdir().unwrap();
        for (text, problem) in [
            (String::new(), "no key; it takes one line ID HEX32"),
            (
                "# only a comment\n".to_owned(),
                "no key; it takes one line ID HEX32",
            ),
            (
                format!("7 {HEX}\n8 {HEX}\n"),
                "line 2: a second key; a device has one",
            ),
            (
                "\nsecret\n".to_owned(),
                "line 2: a key line takes an id and a key: ID HEX32",
            ),
            (format!("0 {HEX}"), "line 1: a key's id is a number from 1 to 255"),
            ("7 secret".to_owned(), "line 1: a key is 32 hex digits"),
        ] {
            let failure = read(&file(&dir, &text, 0o600)).unwrap_err();
            assert_eq!(failure.code(), 66);
            assert!(failure.to_string().ends_with(problem), "{failure}");
        }
        let missing = read(&dir.path().join("missing")).unwrap_err();
        assert_eq!(missing.code(), 66);
        assert!(missing.to_string().contains("missing: No such file"));
        assert_eq!(
            read(dir.path()).unwrap_err().code(),
            77,
            "a directory lets others in"
        );
    }

    #[test]
    fn who_has_a_key_leaves_no_core_dump() {
        let dir = tempfile::tempdir().unwrap();
        read(&file(&dir, &format!("7 {HEX}"), 0o600)).unwrap();
        let behavior = rustix::process::dumpable_behavior().unwrap();
        assert_eq!(behavior, DumpableBehavior::NotDumpable);
    }

    #[test]
    fn the_text_of_a_key_file_leaves_no_copy_as_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let line = format!("7 {HEX}\n");
        let file = File::open(file(&dir, &line, 0o600)).unwrap();
        let text = text_of(file, line.len() as u64).unwrap();
        assert_eq!(*text, line);
        assert_eq!(text.capacity(), line.len() + 1, "it had to grow");
    }

    #[test]
    fn a_file_open_to_others_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            let failure = read(&file(&dir, &format!("7 {HEX}"), mode)).unwrap_err();
            assert_eq!(failure.code(), 77);
            assert!(failure.to_string().contains(&format!("mode {mode:03o}")));
        }
    }

    #[test]
    fn a_credential_may_show_the_mask_of_its_access_control_list() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, &format!("7 {HEX}"), 0o440);
        let credentials = Some(dir.path().as_os_str());
        assert!(read_beside(&path, credentials).is_ok());
        for elsewhere in [None, Some(OsStr::new("")), Some(OsStr::new("/run/credentials/x"))] {
            assert_eq!(read_beside(&path, elsewhere).unwrap_err().code(), 77);
        }
        for mode in [0o444, 0o460, 0o450] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_beside(&path, credentials).unwrap_err().code(), 77);
        }
    }

    #[test]
    fn an_endless_file_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, &format!("{}\n7 {HEX}\n", "#".repeat(70_000)), 0o600);
        assert_eq!(read(&path).unwrap_err().code(), 66);
    }
}
