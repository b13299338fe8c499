//! The few system calls that no safe interface offers.

#![expect(
    unsafe_code,
    reason = "neither std nor socket2 nor rustix has UDP_SEGMENT, or recvmmsg and a sendmmsg of its headers"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::ptr;

/// How many datagrams a [`Reader`] takes in one call.
const BATCH: usize = 64;

/// Has the kernel cut what is sent through `socket` in one call into datagrams of `len` bytes (`UDP_SEGMENT`,
/// Linux 4.18).
///
/// # Errors
/// Those of setsockopt(2): ENOPROTOOPT where the kernel is older.
pub(super) fn segment(socket: impl AsFd, len: u16) -> io::Result<()> {
    let len = libc::c_int::from(len);
    // SAFETY: the kernel reads an int from the pointer, which is to one that outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_UDP,
            libc::UDP_SEGMENT,
            ptr::from_ref(&len).cast(),
            size_of_val(&len) as libc::socklen_t,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What one recvmmsg(2) takes, set up once. Longer datagrams are cut.
pub struct Reader {
    headers: Vec<libc::mmsghdr>,
    /// What the headers point to, as they point to `addresses`; no vector ever grows.
    parts: Vec<libc::iovec>,
    buffers: Vec<[u8; Self::BUFFER_LEN]>,
    /// Where the datagrams came from; empty where nobody asks.
    addresses: Vec<libc::sockaddr_storage>,
}

impl Reader {
    /// The longest datagram that is read whole.
    pub const BUFFER_LEN: usize = 128;

    /// A reader that can answer too.
    #[must_use]
    pub fn that_answers() -> Self {
        // SAFETY: all zeroes are a valid address, of no family.
        let no_address: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
        let mut reader = Self {
            addresses: vec![no_address; BATCH],
            ..Self::default()
        };
        for (header, address) in reader.headers.iter_mut().zip(&mut reader.addresses) {
            header.msg_hdr.msg_name = ptr::from_mut(address).cast();
        }
        reader
    }

    /// Takes what has arrived, up to 64 datagrams, and says how many. Where nothing has, it waits for the first if
    /// `wait` says so, or for as long as the socket's timeout, and else gives 0.
    ///
    /// # Errors
    /// Those of recvmmsg(2), interruptions among them.
    pub fn receive(&mut self, socket: impl AsFd, wait: bool) -> io::Result<usize> {
        let flags = if wait {
            libc::MSG_WAITFORONE
        } else {
            libc::MSG_DONTWAIT
        };
        for (header, address) in self.headers.iter_mut().zip(&self.addresses) {
            header.msg_hdr.msg_namelen = size_of_val(address) as libc::socklen_t;
        }
        // SAFETY: the headers are initialised, and each points to one part, which points to a buffer of the length
        // that it states, and perhaps to an address of the length that it states; all of them live in vectors of
        // self that never grow. The timeout may be null.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_fd().as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as libc::c_uint,
                flags,
                ptr::null_mut(),
            )
        };
        self.counted(count)
    }

    /// The first `count` datagrams of the last call.
    pub fn datagrams(&self, count: usize) -> impl Iterator<Item = &[u8]> {
        let messages = self.headers.iter().zip(&self.buffers).take(count);
        messages.map(|(header, buffer)| &buffer[..buffer.len().min(header.msg_len as usize)])
    }

    /// Sends the first `count` datagrams of the last call back to where they came from, as many as go without
    /// waiting. For readers that can.
    ///
    /// # Errors
    /// Those of sendmmsg(2).
    pub fn answer(&mut self, socket: impl AsFd, count: usize) -> io::Result<usize> {
        let count = count.min(self.addresses.len());
        for (part, header) in self.parts.iter_mut().zip(&self.headers).take(count) {
            part.iov_len = Self::BUFFER_LEN.min(header.msg_len as usize);
        }
        // SAFETY: as in `receive`; the parts are no longer than their buffers.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_fd().as_raw_fd(),
                self.headers.as_mut_ptr(),
                count as libc::c_uint,
                libc::MSG_DONTWAIT,
            )
        };
        let sent = self.counted(sent);
        for part in self.parts.iter_mut().take(count) {
            part.iov_len = Self::BUFFER_LEN;
        }
        sent
    }

    fn counted(&self, count: libc::c_int) -> io::Result<usize> {
        match usize::try_from(count) {
            Ok(count) => Ok(count.min(self.headers.len())),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                error => Err(error),
            },
        }
    }
}

impl Default for Reader {
    fn default() -> Self {
        let mut buffers = vec![[0; Self::BUFFER_LEN]; BATCH];
        let to_part = |buffer: &mut [u8; Self::BUFFER_LEN]| libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        };
        let mut parts: Vec<_> = buffers.iter_mut().map(to_part).collect();
        let to_header = |part: &mut libc::iovec| {
            // SAFETY: all zeroes are a valid header: no address, no parts, no control data.
            let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
            header
        };
        let headers = parts.iter_mut().map(to_header).collect();
        Self {
            headers,
            parts,
            buffers,
            addresses: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn one_send_becomes_datagrams_that_one_call_receives() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(receiver.local_addr().unwrap()).unwrap();
        segment(&sender, 3).unwrap();
        let mut reader = Reader::default();
        assert_eq!(reader.receive(&receiver, false).unwrap(), 0);
        assert_eq!(sender.send(b"onetwo34").unwrap(), 8);
        // The loopback delivers within the call.
        let count = reader.receive(&receiver, true).unwrap();
        let datagrams: Vec<_> = reader.datagrams(count).collect();
        assert_eq!(datagrams, [b"one".as_slice(), b"two", b"34"]);
        sender.send(b"x").unwrap();
        let count = reader.receive(&receiver, true).unwrap();
        assert_eq!(reader.datagrams(count).collect::<Vec<_>>(), [b"x"]);
    }

    #[test]
    fn answers_go_back_to_their_senders() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let senders = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut reader = Reader::that_answers();
        for round in [b"a", b"b"] {
            for (at, sender) in (1..).zip(&senders) {
                sender
                    .send_to(&round.repeat(at), receiver.local_addr().unwrap())
                    .unwrap();
            }
            let count = reader.receive(&receiver, true).unwrap();
            assert_eq!(reader.answer(&receiver, count).unwrap(), 2);
            for (at, sender) in (1..).zip(&senders) {
                let mut bytes = [0; 8];
                let len = sender.recv(&mut bytes).unwrap();
                assert_eq!(bytes[..len], round.repeat(at));
            }
        }
    }
}
