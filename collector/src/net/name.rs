//! Socket addresses as the kernel reads and writes them: `sockaddr_in` and `sockaddr_in6`, byte by byte.
//!
//! ```text
//!                0       2       4                 8                 24          28
//! sockaddr_in    | family | port | IPv4 address    | zeroes    (16)
//! sockaddr_in6   | family | port | flow label      | IPv6 address    | scope id  |
//! ```
//! Family and scope id are in the host's byte order, all else in the network's.

use std::mem::size_of;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

const LEN_V4: usize = size_of::<libc::sockaddr_in>();
const LEN_V6: usize = size_of::<libc::sockaddr_in6>();

/// Room for the address of either family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(8))]
pub(super) struct Name([u8; LEN_V6]);

impl Name {
    pub(super) const CAPACITY: libc::socklen_t = LEN_V6 as libc::socklen_t;

    /// The name by which a socket of the family of `local` reaches `peer`, and its length. An IPv6 socket knows
    /// an IPv4 peer by its mapped address (RFC 4291, section 2.5.5.2).
    pub(super) fn of(peer: SocketAddr, local: SocketAddr) -> (Self, libc::socklen_t) {
        let mut name = Self::default();
        name.put(2, peer.port().to_be_bytes());
        let (family, len) = match (peer, local) {
            (SocketAddr::V4(peer), SocketAddr::V4(_)) => {
                name.put(4, peer.ip().octets());
                (libc::AF_INET, LEN_V4)
            }
            (SocketAddr::V4(peer), SocketAddr::V6(_)) => {
                name.put(8, peer.ip().to_ipv6_mapped().octets());
                (libc::AF_INET6, LEN_V6)
            }
            (SocketAddr::V6(peer), _) => {
                name.put(8, peer.ip().octets());
                name.put(24, peer.scope_id().to_ne_bytes());
                (libc::AF_INET6, LEN_V6)
            }
        };
        name.put(0, (family as libc::sa_family_t).to_ne_bytes());
        (name, len as libc::socklen_t)
    }

    /// The address in a name of which the kernel wrote `len` bytes. IPv4 is never written as IPv6, and a flow
    /// label is not part of who somebody is.
    pub(super) fn address(&self, len: libc::socklen_t) -> Option<SocketAddr> {
        let family = libc::c_int::from(libc::sa_family_t::from_ne_bytes(self.take(0)));
        let port = u16::from_be_bytes(self.take(2));
        match (family, len as usize) {
            (libc::AF_INET, LEN_V4..) => Some(SocketAddrV4::new(self.take::<4>(4).into(), port).into()),
            (libc::AF_INET6, LEN_V6..) => {
                let ip = Ipv6Addr::from(self.take::<16>(8));
                let scope_id = u32::from_ne_bytes(self.take(24));
                Some(match ip.to_canonical() {
                    IpAddr::V4(ip) => SocketAddrV4::new(ip, port).into(),
                    IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, scope_id).into(),
                })
            }
            _ => None,
        }
    }

    fn put<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        self.0[at..at + N].copy_from_slice(&bytes);
    }

    fn take<const N: usize>(&self, at: usize) -> [u8; N] {
        std::array::from_fn(|i| self.0[at + i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockAddr;

    const V4: &str = "192.0.2.7:7878";
    const V6: &str = "[2001:db8::7]:7878";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// The same bytes as socket2 makes from the C structures.
    fn expected(text: &str) -> (Name, libc::socklen_t) {
        let expected = SockAddr::from(address(text));
        let mut name = Name::default();
        // SAFETY: a SockAddr of either family holds at least as many initialised bytes as it says.
        let bytes =
            unsafe { std::slice::from_raw_parts(expected.as_ptr().cast::<u8>(), expected.len() as usize) };
        name.0[..bytes.len()].copy_from_slice(bytes);
        (name, expected.len())
    }

    #[test]
    fn names_have_the_layout_of_the_c_structures() {
        assert_eq!(Name::of(address(V4), address(V4)), expected(V4));
        for v6 in [V6, "[fe80::1%3]:65535"] {
            assert_eq!(Name::of(address(v6), address(V6)), expected(v6));
        }
        assert_eq!(
            Name::of(address(V4), address(V6)),
            expected("[::ffff:192.0.2.7]:7878")
        );
    }

    #[test]
    fn a_name_becomes_the_address_again_with_ipv4_as_ipv4() {
        for (peer, local) in [
            (V4, V4),
            (V4, V6),
            (V6, V6),
            ("[fe80::1%3]:1", V6),
            ("[::1]:1", V6),
        ] {
            let (name, len) = Name::of(address(peer), address(local));
            assert_eq!(name.address(len), Some(address(peer)));
            assert_eq!(name.address(len - 1), None);
        }
    }

    #[test]
    fn a_flow_label_and_an_unknown_family_are_no_address() {
        let (mut name, len) = Name::of(address(V6), address(V6));
        name.put(4, [1, 2, 3, 4]);
        assert_eq!(name.address(len), Some(address(V6)));
        name.put(0, (libc::AF_UNIX as libc::sa_family_t).to_ne_bytes());
        assert_eq!(name.address(len), None);
    }
}
