//! Where a datagram came from, packed.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::stored::Stored;

/// A socket address in 22 bytes: IPv6 or mapped IPv4 address, scope and port. A flow label is no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed(2))]
pub struct Origin {
    ip: u128,
    scope_id: u32,
    port: u16,
}

impl Origin {
    /// The address as it is kept.
    #[must_use]
    pub const fn of(addr: SocketAddr) -> Self {
        let (ip, scope_id) = match addr {
            SocketAddr::V4(addr) => (addr.ip().to_ipv6_mapped().to_bits(), 0),
            SocketAddr::V6(addr) => (addr.ip().to_bits(), addr.scope_id()),
        };
        Self {
            ip,
            scope_id,
            port: addr.port(),
        }
    }

    /// The address, IPv4 as IPv4.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        match Ipv6Addr::from_bits(self.ip).to_canonical() {
            IpAddr::V4(ip) => (ip, self.port).into(),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, self.port, 0, self.scope_id).into(),
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

impl Stored for Origin {
    fn store(&self, bytes: &mut Vec<u8>) {
        let (ip, scope_id) = match self.addr() {
            SocketAddr::V4(addr) => (addr.ip().to_ipv6_mapped(), 0),
            SocketAddr::V6(addr) => (*addr.ip(), addr.scope_id()),
        };
        ip.to_bits().store(bytes);
        scope_id.store(bytes);
        self.addr().port().store(bytes);
    }

    fn restore(bytes: &mut &[u8]) -> Option<Self> {
        let ip = Ipv6Addr::from_bits(u128::restore(bytes)?);
        let scope_id = u32::restore(bytes)?;
        let addr = SocketAddrV6::new(ip, u16::restore(bytes)?, 0, scope_id);
        // An IPv4 address has no scope.
        (scope_id == 0 || ip.to_ipv4_mapped().is_none()).then(|| Self::of(addr.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_out_as_it_went_in() {
        for text in [
            "192.0.2.7:7878",
            "[2001:db8::7]:1",
            "[fe80::1%3]:65535",
            "0.0.0.0:0",
        ] {
            let addr: SocketAddr = text.parse().unwrap();
            assert_eq!(Origin::of(addr).addr(), addr);
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
