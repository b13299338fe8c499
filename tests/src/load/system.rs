//! The few system calls that no safe interface offers.

#![expect(
    unsafe_code,
    reason = "neither std nor socket2 nor rustix has these options, or recvmmsg and a sendmmsg of its headers"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::ptr;

/// How many datagrams a [`Reader`] takes in one call, if nothing else is said.
const BATCH: usize = 64;

/// Room for what the kernel tells of one datagram: a time stamp and the destination, in both forms where an IPv4
/// datagram comes through an IPv6 socket.
const CONTROL_LEN: usize = 128;

/// Has the kernel cut what is sent through `socket` in one call into datagrams of `len` bytes (`UDP_SEGMENT`,
/// Linux 4.18).
///
/// # Errors
/// Those of setsockopt(2): ENOPROTOOPT where the kernel is older.
pub(super) fn segment(socket: impl AsFd, len: u16) -> io::Result<()> {
    set(socket, libc::SOL_UDP, libc::UDP_SEGMENT, len.into())
}

/// What the kernel can tell of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// When it arrived (`SO_TIMESTAMPNS`).
    Arrival,
    /// Which of the host's IPv4 addresses it was sent to (`IP_PKTINFO`).
    DestinationV4,
    /// The same for IPv6 (`IPV6_RECVPKTINFO`).
    DestinationV6,
}

/// Has the kernel tell `detail` of every datagram that arrives at `socket`, in the control messages of a
/// [`Reader::with_control`].
///
/// # Errors
/// Those of setsockopt(2).
pub fn tell(socket: impl AsFd, detail: Detail) -> io::Result<()> {
    let (level, option) = match detail {
        Detail::Arrival => (libc::SOL_SOCKET, libc::SO_TIMESTAMPNS),
        Detail::DestinationV4 => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        Detail::DestinationV6 => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    set(socket, level, option, 1)
}

fn set(socket: impl AsFd, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the kernel reads an int from the pointer, which is to one that outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            option,
            ptr::from_ref(&value).cast(),
            size_of_val(&value) as libc::socklen_t,
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
    /// What else the kernel told of them; empty where nobody asks.
    control: Vec<[u64; CONTROL_LEN / 8]>,
}

impl Reader {
    /// The longest datagram that is read whole.
    pub const BUFFER_LEN: usize = 128;

    /// A reader that takes up to `batch` datagrams in one call.
    #[must_use]
    pub fn new(batch: usize) -> Self {
        let mut buffers = vec![[0; Self::BUFFER_LEN]; batch];
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
            control: Vec::new(),
        }
    }

    /// It asks for the addresses too, so that it can answer.
    #[must_use]
    pub fn with_addresses(mut self) -> Self {
        // SAFETY: all zeroes are a valid address, of no family.
        let no_address: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
        self.addresses = vec![no_address; self.headers.len()];
        for (header, address) in self.headers.iter_mut().zip(&mut self.addresses) {
            header.msg_hdr.msg_name = ptr::from_mut(address).cast();
        }
        self
    }

    /// It takes the control messages too, and cannot answer: they would be sent back.
    #[must_use]
    pub fn with_control(mut self) -> Self {
        self.control = vec![[0; CONTROL_LEN / 8]; self.headers.len()];
        for (header, control) in self.headers.iter_mut().zip(&mut self.control) {
            header.msg_hdr.msg_control = ptr::from_mut(control).cast();
        }
        self
    }

    /// Takes what has arrived, up to a batch of datagrams, and says how many. Where nothing has, it waits for the first if
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
        for (header, control) in self.headers.iter_mut().zip(&self.control) {
            header.msg_hdr.msg_controllen = size_of_val(control) as _;
        }
        // SAFETY: the headers are initialised, and each points to one part, which points to a buffer of the length
        // that it states, and perhaps to an address and to control memory of the lengths that it states; all of them
        // live in vectors of self that never grow. The timeout may be null.
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

    /// How many bytes of control messages the kernel told of the first datagram of the last call.
    #[must_use]
    pub fn control_len(&self) -> usize {
        self.headers
            .first()
            .map_or(0, |header| header.msg_hdr.msg_controllen as _)
    }

    /// The first `count` datagrams of the last call.
    pub fn datagrams(&self, count: usize) -> impl Iterator<Item = &[u8]> {
        let messages = self.headers.iter().zip(&self.buffers).take(count);
        messages.map(|(header, buffer)| &buffer[..buffer.len().min(header.msg_len as usize)])
    }

    /// Sends the first `count` datagrams of the last call back to where they came from, as many as go without
    /// waiting. For readers with addresses.
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
        Self::new(BATCH)
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
        let mut reader = Reader::default().with_addresses();
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

    #[test]
    fn a_batch_is_no_larger_than_asked_for_and_what_the_kernel_knows_is_told() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut reader = Reader::new(2).with_addresses().with_control();
        let mut lengths = Vec::new();
        for detail in [None, Some(Detail::Arrival), Some(Detail::DestinationV4)] {
            detail.map_or(Ok(()), |detail| tell(&receiver, detail)).unwrap();
            for _ in 0..3 {
                sender.send_to(b"x", receiver.local_addr().unwrap()).unwrap();
            }
            assert_eq!(reader.receive(&receiver, true).unwrap(), 2);
            lengths.push(reader.control_len());
            assert_eq!(reader.receive(&receiver, true).unwrap(), 1);
        }
        assert!(
            lengths[0] == 0 && lengths.is_sorted_by(|a, b| a < b),
            "{lengths:?}"
        );
    }
}
