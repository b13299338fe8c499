//! The socket options that socket2 does not have.

use std::io;
use std::mem::size_of_val;
use std::os::fd::{AsFd, AsRawFd, RawFd};

const ON: libc::c_int = 1;

/// Has the kernel stamp every datagram with its wall clock.
pub(super) fn stamp_arrivals(socket: &impl AsFd) -> io::Result<()> {
    set(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, ON)
}

/// Has the kernel tell which of the host's IPv4 addresses a datagram was sent to.
pub(super) fn tell_destination_v4(socket: &impl AsFd) -> io::Result<()> {
    set(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, ON)
}

/// The same for IPv6.
pub(super) fn tell_destination_v6(socket: &impl AsFd) -> io::Result<()> {
    set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, ON)
}

/// Enlarges the receive buffer beyond what the system allows everybody. Takes CAP_NET_ADMIN.
pub(super) fn force_receive_buffer(socket: &impl AsFd, bytes: usize) -> io::Result<()> {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    set(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes)
}

/// Keeps the descriptor with this number from the programs that this process starts.
pub(super) fn close_on_exec(number: RawFd) -> io::Result<()> {
    // SAFETY: the kernel looks whether there is such a descriptor, and no memory is passed.
    match unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Has `program` choose among the sockets that share this one's address.
pub(super) fn steer(socket: &impl AsFd, program: &[libc::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_ptr().cast_mut(),
    };
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF, program)
}

/// How many datagrams the socket had no room for, modulo 2^32.
pub(super) fn drops(socket: &impl AsFd) -> io::Result<u32> {
    let mut memory = [0_u32; libc::SK_MEMINFO_DROPS as usize + 1];
    let mut len = size_of_val(&memory) as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to `memory`, which has as many, and then to `len`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            memory.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if result == 0 {
        Ok(memory[libc::SK_MEMINFO_DROPS as usize])
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Has the kernel cut what is sent at once into datagrams of `len` bytes (udp(7)).
#[cfg(test)]
pub(crate) fn segment(socket: &impl AsFd, len: usize) -> io::Result<()> {
    let len = libc::c_int::try_from(len).map_err(io::Error::other)?;
    set(socket, libc::SOL_UDP, libc::UDP_SEGMENT, len)
}

fn set<T: Copy>(socket: &impl AsFd, level: libc::c_int, option: libc::c_int, value: T) -> io::Result<()> {
    // SAFETY: the kernel reads as many bytes as `value` has, and, of a program, the instructions that the caller
    // has borrowed until here.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
