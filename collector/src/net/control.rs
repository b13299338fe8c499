//! Control messages: what the kernel tells of a datagram beside its bytes, and is told (cmsg(3)).

use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

/// What the kernel told of a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// When it arrived, in nanoseconds of the wall clock since the Unix epoch.
    pub(super) stamp_nanos: Option<u64>,
    /// The collector's own address that it was sent to.
    pub(super) to: Option<IpAddr>,
    /// Whether it was sent to a group or broadcast, and so came to every socket that would take it.
    pub(super) to_many: bool,
}

/// Room for the control messages of one datagram.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Control([u8; Control::CAPACITY]);

impl Control {
    /// A time stamp and, for an IPv4 datagram through an IPv6 socket, the destination in both forms.
    pub(super) const CAPACITY: usize =
        space::<libc::timespec>() + space::<libc::in_pktinfo>() + space::<libc::in6_pktinfo>();

    pub(super) const EMPTY: Self = Self([0; Self::CAPACITY]);
}

const fn space<T>() -> usize {
    // SAFETY: arithmetic alone.
    unsafe { libc::CMSG_SPACE(size_of::<T>() as libc::c_uint) as usize }
}

const fn len<T>() -> usize {
    // SAFETY: arithmetic alone.
    unsafe { libc::CMSG_LEN(size_of::<T>() as libc::c_uint) as usize }
}

/// Where a message's data begins, and how large messages are rounded up (cmsg(3)).
const DATA: usize = len::<()>();
const ALIGNMENT: usize = size_of::<usize>();

impl Control {
    /// Reads the first `len` bytes, as many as the kernel wrote.
    pub(super) fn read(&self, len: usize) -> Told {
        let mut told = Told::default();
        let mut rest = self.0.get(..len).unwrap_or_default();
        while let Some(head) = value::<libc::cmsghdr>(rest) {
            let len: usize = head.cmsg_len as _;
            let Some(data) = rest.get(DATA..len) else { break };
            told.hear(head.cmsg_level, head.cmsg_type, data);
            rest = rest.get(len.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        }
        told
    }
}

impl Told {
    fn hear(&mut self, level: libc::c_int, kind: libc::c_int, data: &[u8]) {
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => self.stamp_nanos = value(data).and_then(nanos),
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                let Some(info) = value::<libc::in_pktinfo>(data) else {
                    return;
                };
                // The address to answer from, also where the datagram was broadcast or to a group (ip(7)).
                self.to = Some(Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr)).into());
                // The destination that the datagram states is the host's own address unless it is one of many.
                self.to_many |= info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let Some(info) = value::<libc::in6_pktinfo>(data) else {
                    return;
                };
                let ip = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                self.to_many |= ip.is_multicast();
                // IPv4 tells its own, above. Nobody answers from a group, and on a link there is no choice.
                if ip.to_ipv4_mapped().is_none() && !ip.is_multicast() && !ip.is_unicast_link_local() {
                    self.to = Some(ip.into());
                }
            }
            _ => {}
        }
    }
}

/// What the kernel may write into control memory: any bytes are one.
trait Plain {}

impl Plain for libc::cmsghdr {}
impl Plain for libc::timespec {}
impl Plain for libc::in_pktinfo {}
impl Plain for libc::in6_pktinfo {}

/// The structure that `bytes` begin with, if they are enough for one.
fn value<T: Plain>(bytes: &[u8]) -> Option<T> {
    let bytes = bytes.get(..size_of::<T>())?;
    // SAFETY: there are as many bytes as a `T` has, which any are; the read does not ask for alignment.
    Some(unsafe { ptr::read_unaligned(bytes.as_ptr().cast()) })
}

fn nanos(time: libc::timespec) -> Option<u64> {
    let seconds = u64::try_from(time.tv_sec).ok()?;
    seconds
        .checked_mul(1_000_000_000)?
        .checked_add(u64::try_from(time.tv_nsec).ok()?)
}

/// Has a datagram sent with `header` leave from the address `from`.
pub(super) fn send_from(header: &mut libc::msghdr, control: &mut Control, from: IpAddr) {
    match from {
        IpAddr::V4(ip) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr {
                    s_addr: u32::from(ip).to_be(),
                },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            write(header, control, (libc::IPPROTO_IP, libc::IP_PKTINFO), info);
        }
        IpAddr::V6(ip) => {
            let ipi6_addr = libc::in6_addr { s6_addr: ip.octets() };
            let info = libc::in6_pktinfo {
                ipi6_addr,
                ipi6_ifindex: 0,
            };
            write(header, control, (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO), info);
        }
    }
}

/// Writes the one control message of `header`.
fn write<T>(header: &mut libc::msghdr, control: &mut Control, (level, kind): (i32, i32), data: T) {
    const { assert!(space::<T>() <= Control::CAPACITY) };
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = space::<T>() as _;
    // SAFETY: `control` is aligned for a cmsghdr and holds one with a `T` behind it, as asserted; so the first
    // header is not null, and its data has room for a `T`.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header);
        (*message).cmsg_level = level;
        (*message).cmsg_type = kind;
        (*message).cmsg_len = len::<T>() as _;
        ptr::write_unaligned(libc::CMSG_DATA(message).cast(), data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message whose head states `len` bytes, and what stands behind it.
    fn message(len: usize, (level, kind): (i32, i32), data: &[u8]) -> Vec<u8> {
        // SAFETY: integers alone, of which all zeroes is a value.
        let mut head: libc::cmsghdr = unsafe { std::mem::zeroed() };
        (head.cmsg_len, head.cmsg_level, head.cmsg_type) = (len as _, level, kind);
        let mut bytes = vec![0; DATA];
        // SAFETY: the memory holds a head, and the write does not ask for alignment.
        unsafe { ptr::write_unaligned(bytes.as_mut_ptr().cast(), head) };
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        bytes
    }

    fn read(messages: &[u8]) -> Told {
        let mut control = Control::EMPTY;
        control.0[..messages.len()].copy_from_slice(messages);
        control.read(messages.len())
    }

    const STAMP: (i32, i32) = (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS);

    #[test]
    fn a_message_that_nobody_asked_for_is_passed_over() {
        let stamp: Vec<u8> = [7_u64, 5].iter().flat_map(|part| part.to_ne_bytes()).collect();
        let other = message(DATA + 1, (libc::SOL_SOCKET, libc::SO_RXQ_OVFL), &[1]);
        let stamp = message(DATA + stamp.len(), STAMP, &stamp);
        assert_eq!(read(&[other, stamp].concat()).stamp_nanos, Some(7_000_000_005));
    }

    #[test]
    fn a_message_that_is_not_all_there_is_not_read() {
        for stated in [0, 1, DATA, DATA + 15, DATA + 17, usize::MAX] {
            assert_eq!(
                read(&message(stated, STAMP, &[1; 16])),
                Told::default(),
                "{stated}"
            );
        }
        assert_eq!(
            read(&message(DATA + 16, STAMP, &[1; 16])[..DATA - 1]),
            Told::default()
        );
        assert_eq!(Control::EMPTY.read(usize::MAX), Told::default());
    }
}
