//! The socket in its directory: who may listen there, who may speak, and what is left of a collector that was killed.

use std::fs::{self, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::net::UnixListener;
use mio::{Interest, Registry, Token};
use socket2::{Domain, SockAddr, Type};

use crate::control::{Place, default_paths};
use crate::failure::{Exit, Failure};
use crate::lock::{Lock, directory};

/// How many may wait to be taken in.
const BACKLOG: i32 = 128;

/// The bit of a directory whose files belong to the directory's group (inode(7)).
const SET_GROUP_ID: u32 = 0o2000;

/// A socket that is listened on, and is gone when this is.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    _lock: Lock,
}

impl Socket {
    /// Listens where `place` says. `None` where that is nowhere, or where none of the places is to be had that are taken
    /// where nothing is said.
    ///
    /// # Errors
    /// [`Exit::InUse`] where another collector listens at the place that is named, [`Exit::CannotCreate`] where it cannot
    /// be listened there.
    pub fn open(place: &Place) -> Result<Option<Self>, Failure> {
        match place {
            Place::Off => Ok(None),
            Place::At(path) => Self::claim(path).map(Some),
            Place::Default => Ok(Self::open_default(&default_paths())),
        }
    }

    fn open_default(paths: &[PathBuf]) -> Option<Self> {
        for path in paths {
            match Self::claim(path) {
                Ok(socket) => return Some(socket),
                Err(failure) if failure.exit == Exit::InUse => {
                    log::warn!("{failure}; this one goes on without");
                    return None;
                }
                Err(failure) => log::debug!("{failure}"),
            }
        }
        let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        log::info!(
            "no control socket: it cannot be made at {}; --control PATH says where",
            paths.join(" or ")
        );
        None
    }

    fn claim(path: &Path) -> Result<Self, Failure> {
        let cannot = |error: &dyn std::fmt::Display| {
            let line = format_args!("--control: {}: cannot be listened on: {error}", path.display());
            Failure::new(Exit::CannotCreate, line)
        };
        let in_use = || {
            let line = format_args!(
                "--control: {}: another collector listens there; give each a path of its own",
                path.display()
            );
            Failure::new(Exit::InUse, line)
        };
        let lock = Lock::take(path).map_err(|error| match error {
            TryLockError::WouldBlock => in_use(),
            TryLockError::Error(error) => cannot(&error),
        })?;
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(cannot(&"there is a file, and no socket"));
            }
            // Nobody else holds the lock; but it may be the socket of another program.
            Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => return Err(in_use()),
            Ok(_) => fs::remove_file(path).map_err(|error| cannot(&error))?,
            Err(_) => {}
        }
        let listener = listen(path).map_err(|error| cannot(&error))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The next connection.
    pub(super) fn accept(&self) -> io::Result<mio::net::UnixStream> {
        self.listener.accept().map(|(stream, _)| stream)
    }
}

/// Nobody can speak before the rights are set: to a socket that is bound and does not listen, nobody connects.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    fs::set_permissions(path, Permissions::from_mode(mode_in(directory(path))?))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let socket: std::os::unix::net::UnixListener = std::os::fd::OwnedFd::from(socket).into();
    Ok(UnixListener::from_std(socket))
}

/// The owner may speak; the group too, where the directory says whose group that is.
fn mode_in(directory: &Path) -> io::Result<u32> {
    let is_of_group = fs::metadata(directory)?.permissions().mode() & SET_GROUP_ID != 0;
    Ok(if is_of_group { 0o660 } else { 0o600 })
}

impl Drop for Socket {
    fn drop(&mut self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                log::warn!("--control: {}: cannot be removed: {error}", self.path.display());
            }
            _ => {}
        }
    }
}

impl Source for Socket {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.listener.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.listener.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.listener.deregister(registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Result<Socket, Failure> {
        Socket::open(&Place::At(path.to_owned())).map(|socket| socket.expect("it is not off"))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn one_at_a_time_listens_and_leaves_no_socket() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control");
        let first = open(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        let second = open(&path).unwrap_err();
        assert_eq!(second.exit, Exit::InUse);
        assert!(
            second.line.contains("another collector listens there"),
            "{second}"
        );
        drop(first);
        assert!(!path.exists());
        open(&path).unwrap();
    }

    #[test]
    fn by_default_the_first_place_that_can_be_had_is_taken_and_none_is_no_failure() {
        let directory = tempfile::tempdir().unwrap();
        let (nowhere, path) = (
            directory.path().join("not-there/control"),
            directory.path().join("control"),
        );
        let paths = [nowhere.clone(), path.clone()];
        let first = Socket::open_default(&paths).unwrap();
        assert_eq!(first.path, path);
        assert!(Socket::open_default(&paths).is_none());
        assert!(Socket::open_default(&[nowhere]).is_none());
        assert!(Socket::open(&Place::Off).unwrap().is_none());
    }

    #[test]
    fn what_a_killed_collector_leaves_is_replaced_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let stale = directory.path().join("stale");
        drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
        assert!(stale.exists());
        open(&stale).unwrap();

        let foreign = directory.path().join("foreign");
        let listener = std::os::unix::net::UnixListener::bind(&foreign).unwrap();
        assert_eq!(open(&foreign).unwrap_err().exit, Exit::InUse);
        drop(listener);

        let file = directory.path().join("file");
        fs::write(&file, "precious").unwrap();
        let failure = open(&file).unwrap_err();
        assert_eq!(failure.exit, Exit::CannotCreate);
        assert!(
            failure.line.ends_with("there is a file, and no socket"),
            "{failure}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious");

        let long = directory.path().join("x".repeat(120));
        assert_eq!(open(&long).unwrap_err().exit, Exit::CannotCreate);
        let nowhere = directory.path().join("not-there/control");
        assert_eq!(open(&nowhere).unwrap_err().exit, Exit::CannotCreate);
    }

    #[test]
    fn a_directory_that_hands_on_its_group_lets_the_group_speak() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o2750)).unwrap();
        let path = directory.path().join("control");
        let _socket = open(&path).unwrap();
        assert_eq!(mode(&path), 0o660);
    }
}
