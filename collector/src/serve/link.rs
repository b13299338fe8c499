//! A client's connection, with what the system has said of it: it tells once that there are bytes, or room for some, and not
//! again until there were none (mio is edge-triggered).

use std::io::{self, ErrorKind, Read, Write};

/// A connection that never blocks.
pub(super) struct Link<S> {
    /// The system's.
    pub(super) stream: S,
    is_readable: bool,
    is_writable: bool,
}

impl<S: Read + Write> Link<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            is_readable: true,
            is_writable: true,
        }
    }

    /// The system may have bytes for us, or may take some of ours.
    pub(super) fn wake(&mut self, is_readable: bool, is_writable: bool) {
        self.is_readable |= is_readable;
        self.is_writable |= is_writable;
    }

    /// How many bytes have come into `bytes`, 0 where the client has closed its side; `None` where it has to be waited for.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        at_once(&mut self.is_readable, || self.stream.read(bytes))
    }

    /// How many of `bytes` were taken; `None` where room has to be waited for.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        at_once(&mut self.is_writable, || self.stream.write(bytes))
    }
}

fn at_once(is_ready: &mut bool, mut act: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    while *is_ready {
        match act() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => *is_ready = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            acted => return acted.map(Some),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// What the system says, one after the other.
    struct Said(VecDeque<io::Result<usize>>);

    impl Said {
        fn next(&mut self) -> io::Result<usize> {
            self.0.pop_front().expect("it was not to be asked again")
        }
    }

    impl Read for Said {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.next()
        }
    }

    impl Write for Said {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.next()
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn link<const N: usize>(said: [io::Result<usize>; N]) -> Link<Said> {
        Link::new(Said(said.into()))
    }

    #[test]
    fn the_system_is_asked_until_it_has_nothing_and_again_when_it_says_so() {
        let would_block = || Err(ErrorKind::WouldBlock.into());
        let mut link = link([
            Err(ErrorKind::Interrupted.into()),
            Ok(3),
            would_block(),
            Ok(0),
            Ok(2),
            would_block(),
        ]);
        let read = |link: &mut Link<_>| link.read(&mut [0; 8]).unwrap();
        assert_eq!(
            [read(&mut link), read(&mut link), read(&mut link)],
            [Some(3), None, None]
        );
        link.wake(false, true);
        assert_eq!(read(&mut link), None, "there is room, but there are no bytes");
        link.wake(true, false);
        assert_eq!(read(&mut link), Some(0));
        assert_eq!(link.write(b"ab").unwrap(), Some(2));
        assert_eq!(
            [link.write(b"c").unwrap(), link.write(b"c").unwrap()],
            [None, None]
        );
    }

    #[test]
    fn what_is_wrong_with_a_connection_is_passed_on() {
        let mut link = link([Err(ErrorKind::ConnectionReset.into())]);
        assert_eq!(
            link.read(&mut [0; 8]).unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
    }
}
