//! Files that the operator names: read at the start, and some of them again while the collector runs.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::{Errno, ioctl_fionbio};

/// When a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// At the start: a pipe may be read too, such as `/dev/stdin` or what a shell makes of `<(…)`.
    First,
    /// While the collector runs, whose supervisor must not wait for whoever writes into a pipe.
    Again,
}

/// Opens the file at `path` to be read to its end, and tells what is known of it. A pipe that nobody has open to write
/// is empty.
///
/// # Errors
/// The system's; and where it is no file, nor a pipe that may be read.
pub fn open(path: &Path, reading: Reading) -> io::Result<(File, Metadata)> {
    // Opening a pipe would wait for a writer, and a terminal would become that of this process.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)?;
    // Asked of the open file, not of its name, which may come to mean another one in between.
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    match reading {
        _ if kind.is_file() => {}
        _ if kind.is_dir() => return Err(Errno::ISDIR.into()),
        Reading::First if kind.is_fifo() => ioctl_fionbio(&file, false)?,
        Reading::First => return Err(io::Error::other("this is neither a file nor a pipe")),
        Reading::Again => {
            return Err(io::Error::other(
                "this is no file, and nothing else is read again",
            ));
        }
    }
    Ok((file, metadata))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::symlink;
    use std::thread;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    const BOTH: [Reading; 2] = [Reading::First, Reading::Again];

    fn read(path: &Path, reading: Reading) -> Result<String, String> {
        let (mut file, _) = open(path, reading).map_err(|error| error.to_string())?;
        let mut text = String::new();
        let read = file.read_to_string(&mut text);
        read.map(|_| text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_is_read_whatever_leads_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| directory.path().join(name));
        fs::write(&file, "text").unwrap();
        symlink(&file, &link).unwrap();
        for reading in BOTH {
            assert_eq!(read(&link, reading).as_deref(), Ok("text"));
        }
    }

    #[test]
    fn a_pipe_is_read_at_the_start_alone_and_nobody_waits_for_a_writer() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert_eq!(read(&path, Reading::First).as_deref(), Ok(""));
        let refused = read(&path, Reading::Again).unwrap_err();
        assert!(refused.contains("nothing else is read again"), "{refused}");

        // Open both ways, so that it has a writer from before the reader comes until all is written.
        let mut writer = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let (reader, _) = open(&path, Reading::First).unwrap();
        let reader = thread::spawn(|| io::read_to_string(reader).unwrap());
        writer.write_all(b"text").unwrap();
        drop(writer);
        assert_eq!(reader.join().unwrap(), "text");
    }

    #[test]
    fn nothing_else_is_read() {
        let directory = tempfile::tempdir().unwrap();
        for reading in BOTH {
            for path in [directory.path(), Path::new("/dev/zero")] {
                assert!(read(path, reading).is_err(), "{}", path.display());
            }
        }
    }
}
