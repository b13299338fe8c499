//! A batch of answers sent by one sendmmsg(2).

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

use beacon_common::FRAME_LEN;

use super::BATCH;
use super::control::{self, Control};
use super::name::Name;

/// Answers that wait to be sent through one socket.
#[derive(Default)]
pub struct Outbox {
    answers: Vec<Answer>,
}

struct Answer {
    frame: [u8; FRAME_LEN],
    to: SocketAddr,
    from: Option<IpAddr>,
}

/// Answers that were not sent. Nobody tries again: who still wants one asks again with the next beat.
#[derive(Debug)]
pub struct Unsent {
    /// How many.
    pub count: u64,
    /// Why, for the last of them.
    pub error: io::Error,
}

impl Outbox {
    /// Adds an answer to `to`, which leaves from the address `from` where one is given.
    pub fn push(&mut self, frame: [u8; FRAME_LEN], to: SocketAddr, from: Option<IpAddr>) {
        self.answers.push(Answer { frame, to, from });
    }

    /// Sends all that wait through `socket`, which listens on `local`, and forgets them.
    ///
    /// # Errors
    /// [`Unsent`], where some were not.
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>, local: SocketAddr) -> Result<(), Unsent> {
        let mut unsent: Option<Unsent> = None;
        let mut rest = &mut self.answers[..];
        while !rest.is_empty() {
            let batch = rest.len().min(BATCH);
            let (sent, failed) = match send_batch(socket, local, &mut rest[..batch]) {
                Ok(sent) => (sent, None),
                Err(error) if error.kind() == ErrorKind::Interrupted => (0, None),
                // The device or its queue has no room: it will have none for the others either.
                Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ENOBUFS)) => {
                    (0, Some((rest.len(), error)))
                }
                // The system tells of the first that cannot be sent; the next one may go another way.
                Err(error) => (0, Some((1, error))),
            };
            let skipped = failed.as_ref().map_or(0, |(count, _)| *count);
            if let Some((count, error)) = failed {
                let before = unsent.map_or(0, |unsent| unsent.count);
                unsent = Some(Unsent {
                    count: before + count as u64,
                    error,
                });
            }
            rest = &mut rest[sent + skipped..];
        }
        self.answers.clear();
        unsent.map_or(Ok(()), Err)
    }
}

/// Sends one batch and says how many left. The system's error is that of the first.
fn send_batch(socket: BorrowedFd<'_>, local: SocketAddr, answers: &mut [Answer]) -> io::Result<usize> {
    let mut names = [Name::default(); BATCH];
    let mut controls = [Control::EMPTY; BATCH];
    // SAFETY: both structures consist of integers and pointers, of which all zeroes is a value.
    let (mut headers, mut vectors): ([libc::mmsghdr; BATCH], [libc::iovec; BATCH]) = unsafe { mem::zeroed() };
    let messages = headers
        .iter_mut()
        .zip(&mut vectors)
        .zip(&mut names)
        .zip(&mut controls);
    for (answer, (((header, vector), name), control)) in answers.iter_mut().zip(messages) {
        vector.iov_base = answer.frame.as_mut_ptr().cast();
        vector.iov_len = FRAME_LEN;
        let header = &mut header.msg_hdr;
        header.msg_iov = vector;
        header.msg_iovlen = 1;
        (*name, header.msg_namelen) = Name::of(answer.to, local);
        header.msg_name = (&raw mut *name).cast();
        if let Some(from) = answer.from {
            control::send_from(header, control, from);
        }
    }
    let count = answers.len().min(BATCH) as libc::c_uint;
    // SAFETY: the first `count` headers point to memory of the length they state, all of which outlives the call.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count,
            libc::MSG_DONTWAIT as _,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
