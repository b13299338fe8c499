//! A batch of datagrams received by one recvmmsg(2).

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use beacon_common::FRAME_LEN;

use super::BATCH;
use super::control::Control;
use super::name::Name;

/// A datagram as it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Its bytes; none at all where it is longer than a frame, which makes it as useless as an empty one.
    pub bytes: &'a [u8],
    /// Where it came from.
    pub from: SocketAddr,
    /// The collector's own address that it was sent to, where the socket listens on more than one.
    pub to: Option<IpAddr>,
    /// Whether it was sent to a group or broadcast, as far as a socket that listens on all addresses can tell.
    pub to_many: bool,
    /// When the kernel took it from the network, in nanoseconds of the wall clock since the Unix epoch.
    pub stamp_nanos: Option<u64>,
}

/// Room for one batch, allocated once.
pub struct Inbox {
    buffers: Box<[Buffer; BATCH]>,
    /// What the kernel is handed, and what it says of each datagram.
    headers: Box<[libc::mmsghdr; BATCH]>,
    vectors: Box<[libc::iovec; BATCH]>,
    taken: usize,
}

// SAFETY: the pointers in the headers are made anew before each use, and are to the inbox's own memory.
unsafe impl Send for Inbox {}

/// Room for one datagram, and for what the kernel tells of it.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Buffer {
    payload: [u8; FRAME_LEN],
    name: Name,
    control: Control,
}

impl Default for Inbox {
    fn default() -> Self {
        let buffer = Buffer {
            payload: [0; FRAME_LEN],
            name: Name::default(),
            control: Control::EMPTY,
        };
        // SAFETY: both structures consist of integers and pointers, of which all zeroes is a value.
        let (header, vector): (libc::mmsghdr, libc::iovec) = unsafe { mem::zeroed() };
        Self {
            buffers: Box::new([buffer; BATCH]),
            headers: Box::new([header; BATCH]),
            vectors: Box::new([vector; BATCH]),
            taken: 0,
        }
    }
}

impl Inbox {
    /// Replaces the batch by what `socket` has waiting, and says how many datagrams that is: fewer than
    /// [`BATCH`] where no more are waiting. Never blocks.
    ///
    /// # Errors
    /// The system's; what is waiting waits on.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        self.taken = 0;
        self.lay_out();
        loop {
            // The timeout is broken in Linux: null (recvmmsg(2), BUGS).
            // SAFETY: every header points to memory of the length it states, all of which outlives the call.
            let taken = unsafe {
                libc::recvmmsg(
                    socket.as_raw_fd(),
                    self.headers.as_mut_ptr(),
                    BATCH as libc::c_uint,
                    libc::MSG_DONTWAIT as _,
                    ptr::null_mut(),
                )
            };
            match usize::try_from(taken) {
                Ok(taken) => self.taken = taken,
                Err(_) => match io::Error::last_os_error() {
                    error if error.kind() == ErrorKind::Interrupted => continue,
                    error if error.kind() == ErrorKind::WouldBlock => {}
                    error => return Err(error),
                },
            }
            return Ok(self.taken);
        }
    }

    /// Points the headers to the room. The kernel has replaced the lengths by those of the last batch.
    fn lay_out(&mut self) {
        let room = self.vectors.iter_mut().zip(self.buffers.iter_mut());
        for (header, (vector, buffer)) in self.headers.iter_mut().zip(room) {
            vector.iov_base = buffer.payload.as_mut_ptr().cast();
            vector.iov_len = FRAME_LEN;
            let header = &mut header.msg_hdr;
            header.msg_iov = vector;
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut buffer.name).cast();
            header.msg_namelen = Name::CAPACITY;
            header.msg_control = (&raw mut buffer.control).cast();
            header.msg_controllen = Control::CAPACITY as _;
        }
    }

    /// The batch, in the order of arrival.
    pub fn datagrams(&self) -> impl Iterator<Item = Datagram<'_>> {
        let taken = self.headers.iter().zip(self.buffers.iter()).take(self.taken);
        taken.filter_map(|(header, buffer)| {
            let is_longer = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            let len = if is_longer { 0 } else { header.msg_len as usize };
            let told = buffer.control.read(header.msg_hdr.msg_controllen as _);
            Some(Datagram {
                bytes: &buffer.payload[..len],
                from: buffer.name.address(header.msg_hdr.msg_namelen)?,
                to: told.to,
                to_many: told.to_many,
                stamp_nanos: told.stamp_nanos,
            })
        })
    }
}
