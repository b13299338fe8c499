//! Where a datagram came from, packed.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::stored::stored;

/// The first half of every link-local address (RFC 4291, section 2.5.6).
const LINK_LOCAL: u64 = 0xfe80 << 48;

/// Where the scope stands in a link-local address: in the lower half of that first half, which is zero there.
const SCOPE: u32 = 64;

/// A socket address in 18 bytes: IPv6 or mapped IPv4 address, and port. The scope of a link-local address stands within
/// the address, as KAME has it. A flow label is no part of it, and neither is the scope of any other address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed(2))]
pub struct Origin {
    ip: u128,
    port: u16,
}

impl Origin {
    /// The address as it is kept.
    #[must_use]
    pub const fn of(addr: SocketAddr) -> Self {
        let ip = match addr {
            SocketAddr::V4(addr) => addr.ip().to_ipv6_mapped().to_bits(),
            SocketAddr::V6(addr) => {
                let ip = addr.ip().to_bits();
                let is_scoped = (ip >> SCOPE) as u64 == LINK_LOCAL;
                let scope_id = if is_scoped { addr.scope_id() } else { 0 };
                ip | (scope_id as u128) << SCOPE
            }
        };
        Self {
            ip,
            port: addr.port(),
        }
    }

    /// The address, IPv4 as IPv4.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        let is_scoped = (self.ip >> SCOPE) as u64 & !u64::from(u32::MAX) == LINK_LOCAL;
        let scope_id = if is_scoped { (self.ip >> SCOPE) as u32 } else { 0 };
        let ip = self.ip ^ u128::from(scope_id) << SCOPE;
        match Ipv6Addr::from_bits(ip).to_canonical() {
            IpAddr::V4(ip) => (ip, self.port).into(),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, self.port, 0, scope_id).into(),
        }
    }

    /// What addresses are sorted by: the IP address, then the port.
    #[must_use]
    pub fn order(&self) -> [u8; 18] {
        let mut order = [0; 18];
        order[..16].copy_from_slice(&{ self.ip }.to_be_bytes());
        order[16..].copy_from_slice(&self.port.to_be_bytes());
        order
    }
}

stored!(Origin { ip, port } where |_| true);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_out_as_it_went_in() {
        for text in [
            "192.0.2.7:7878",
            "[2001:db8::7]:1",
            "[fe80::1%3]:65535",
            "[fe80::1%4294967295]:1",
            "[fe80::1]:1",
            "[fe80::ffff:192.0.2.7%3]:1",
            "0.0.0.0:0",
        ] {
            let addr: SocketAddr = text.parse().unwrap();
            assert_eq!(Origin::of(addr).addr(), addr);
        }
    }

    /// Only a link-local address has a scope that tells where it is.
    #[test]
    fn no_other_address_keeps_a_scope() {
        for (text, kept) in [
            ("[2001:db8::7%3]:1", "[2001:db8::7]:1"),
            ("[febf::1%3]:1", "[febf::1]:1"),
            ("[::ffff:192.0.2.7%3]:1", "192.0.2.7:1"),
        ] {
            let addr: SocketAddr = text.parse().unwrap();
            assert_eq!(Origin::of(addr).addr(), kept.parse().unwrap());
        }
    }

    #[test]
    fn address_scope_and_port_tell_origins_apart() {
        let texts = [
            "[fe80::1%3]:1",
            "[fe80::1%4]:1",
            "[fe80::1%3]:2",
            "[fe80::2%3]:1",
            "10.0.0.1:1",
        ];
        let origins: Vec<Origin> = texts.map(|text| Origin::of(text.parse().unwrap())).into();
        for (number, origin) in origins.iter().enumerate() {
            assert_eq!(origins.iter().position(|other| other == origin), Some(number));
        }
    }
}
