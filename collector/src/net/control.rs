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

/// Reads the control messages of a datagram that was received with `header`.
///
/// # Safety
/// The header's control pointer and length are those of initialised memory as recvmmsg left them.
pub(super) unsafe fn read(header: &libc::msghdr) -> Told {
    let mut told = Told::default();
    // SAFETY: the header's control pointer and length are valid, by contract.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !message.is_null() {
        // SAFETY: the two macros only return messages whose head lies within the control memory.
        let libc::cmsghdr {
            cmsg_len,
            cmsg_level,
            cmsg_type,
            ..
        } = unsafe { *message };
        let is = |level, kind, len: usize| cmsg_level == level && cmsg_type == kind && cmsg_len >= len as _;
        // SAFETY: a message of the length checked in each case holds the structure that is read.
        unsafe {
            if is(libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS, len::<libc::timespec>()) {
                told.stamp_nanos = nanos(data::<libc::timespec>(message));
            } else if is(libc::IPPROTO_IP, libc::IP_PKTINFO, len::<libc::in_pktinfo>()) {
                // The address to answer from, also where the datagram was broadcast or to a group (ip(7)).
                let info = data::<libc::in_pktinfo>(message);
                told.to = Some(Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr)).into());
                // The destination that the datagram states is the host's own address unless it is one of many.
                told.to_many |= info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
            } else if is(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, len::<libc::in6_pktinfo>()) {
                let ip = Ipv6Addr::from(data::<libc::in6_pktinfo>(message).ipi6_addr.s6_addr);
                told.to_many |= ip.is_multicast();
                // IPv4 tells its own, above. Nobody answers from a group, and on a link there is no choice.
                if ip.to_ipv4_mapped().is_none() && !ip.is_multicast() && !ip.is_unicast_link_local() {
                    told.to = Some(ip.into());
                }
            }
        }
        // SAFETY: as for CMSG_FIRSTHDR; `message` is one that they returned.
        message = unsafe { libc::CMSG_NXTHDR(header, message) };
    }
    told
}

/// # Safety
/// `message` is a control message whose data is at least a `T`, which any bytes are.
unsafe fn data<T>(message: *const libc::cmsghdr) -> T {
    // SAFETY: by contract; the read does not ask for alignment.
    unsafe { ptr::read_unaligned(libc::CMSG_DATA(message).cast()) }
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
