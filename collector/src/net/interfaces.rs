//! The addresses that this host has (getifaddrs(3)).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

/// The addresses of all interfaces, as far as datagrams to one of them can be received by it alone: a link-local
/// address is one only together with its link.
pub(super) fn own_addresses() -> io::Result<Vec<IpAddr>> {
    let mut first = ptr::null_mut();
    // SAFETY: the system writes the head of a list that it allocates to `first`.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut addresses = Vec::new();
    let mut next: *const libc::ifaddrs = first;
    // SAFETY: the list ends with null, and lives until it is freed below.
    while let Some(interface) = unsafe { next.as_ref() } {
        // SAFETY: an interface's address is null or whole, and lives as long as the list.
        let address = unsafe { ip_of(interface.ifa_addr) };
        addresses.extend(address.filter(|ip| !is_link_local(*ip) && !addresses.contains(ip)));
        next = interface.ifa_next;
    }
    // SAFETY: the list is the system's, is freed once, and nothing borrows from it any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(addresses)
}

/// # Safety
/// `address` is null or points to an address that is as long as its family's are.
unsafe fn ip_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: by contract; the reads do not ask for more alignment than there is.
    unsafe {
        match libc::c_int::from(address.as_ref()?.sa_family) {
            libc::AF_INET => {
                let address: libc::sockaddr_in = ptr::read_unaligned(address.cast());
                Some(Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).into())
            }
            libc::AF_INET6 => {
                let address: libc::sockaddr_in6 = ptr::read_unaligned(address.cast());
                Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}

const fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn each_address_of_the_host_is_told_once_and_can_be_bound() {
        let addresses = own_addresses().unwrap();
        assert!(addresses.contains(&Ipv4Addr::LOCALHOST.into()), "{addresses:?}");
        for (number, ip) in addresses.iter().enumerate() {
            assert_eq!(addresses.iter().position(|other| other == ip), Some(number));
            // An IPv6 address that the network has not confirmed yet cannot be bound.
            if ip.is_ipv4() {
                UdpSocket::bind((*ip, 0)).unwrap();
            }
        }
    }
}
