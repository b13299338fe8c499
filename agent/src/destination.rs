//! Where beats go, as it is written: `HOST[:PORT]`.

use beacon_common::wire::DEFAULT_PORT;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// A collector as the user wrote it, and what that means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    text: String,
    host: Host,
}

/// What stands in a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address: there is nothing to resolve.
    Address(SocketAddr),
    /// A name, or an address with a zone, which the system's resolver knows how to read.
    Name {
        /// What is resolved.
        name: String,
        /// The port, which is not.
        port: u16,
    },
}

/// Why a text is no destination, or no address to send from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// No host name and no address.
    Host,
    /// What stands behind the colon is no port.
    Port,
    /// A name, where an address is needed.
    Name,
}

impl Destination {
    /// What it means.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }
}

impl AsRef<str> for Destination {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Destination {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = split(text)?;
        let port = port.unwrap_or(DEFAULT_PORT);
        let host = match host.parse::<IpAddr>() {
            Ok(address) => Host::Address(SocketAddr::new(address.to_canonical(), port)),
            Err(_) if is_host_name(host) || is_zoned(host) => Host::Name {
                name: host.to_owned(),
                port,
            },
            Err(_) => return Err(AddressError::Host),
        };
        Ok(Self {
            text: text.to_owned(),
            host,
        })
    }
}

/// Reads `ADDR[:PORT]`, an address to send from; port 0 leaves the port to the system.
///
/// # Errors
/// An [`AddressError`] that names the part which is wrong.
pub fn parse_source(text: &str) -> Result<SocketAddr, AddressError> {
    let (host, port) = split(text)?;
    let address: IpAddr = host.parse().map_err(|_| AddressError::Name)?;
    Ok(SocketAddr::new(address.to_canonical(), port.unwrap_or(0)))
}

/// Takes a text apart into host and port. Brackets go around IPv6 addresses that a port follows; without
/// brackets, more than one colon is an IPv6 address and nothing else.
fn split(text: &str) -> Result<(&str, Option<u16>), AddressError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(AddressError::Host)?;
        if host.parse::<Ipv6Addr>().is_err() && !is_zoned(host) {
            return Err(AddressError::Host);
        }
        let port = match rest.strip_prefix(':') {
            None if !rest.is_empty() => return Err(AddressError::Port),
            port => port,
        };
        (host, port)
    } else {
        match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, None),
        }
    };
    let port = port.map(parse_port).transpose()?;
    Ok((host, port))
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if is_number && port != 0 => Ok(port),
        _ => Err(AddressError::Port),
    }
}

/// RFC 1123, section 2.1, with the underscore that private networks use. A last part of digits would be an
/// address, and a malformed one.
fn is_host_name(text: &str) -> bool {
    let is_part = |part: &str| {
        (1..=63).contains(&part.len())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(is_part) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// `fe80::1%eth0` (RFC 4007, section 11).
fn is_zoned(text: &str) -> bool {
    text.split_once('%').is_some_and(|(address, zone)| {
        let is_zone_byte = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'/' | b']');
        address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && zone.bytes().all(is_zone_byte)
    })
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "has no host name and no address",
            Self::Port => "has no port from 1 to 65535 behind its colon",
            Self::Name => "is not an address",
        })
    }
}

impl std::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        text.parse::<Destination>().unwrap().host
    }

    fn address(text: &str) -> Host {
        Host::Address(text.parse().unwrap())
    }

    fn name(name: &str, port: u16) -> Host {
        Host::Name {
            name: name.to_owned(),
            port,
        }
    }

    #[test]
    fn every_way_to_write_a_destination() {
        assert_eq!(host("192.0.2.7"), address("192.0.2.7:7878"));
        assert_eq!(host("192.0.2.7:9"), address("192.0.2.7:9"));
        assert_eq!(host("255.255.255.255"), address("255.255.255.255:7878"));
        assert_eq!(host("239.1.2.3:65535"), address("239.1.2.3:65535"));
        assert_eq!(host("2001:db8::7"), address("[2001:db8::7]:7878"));
        assert_eq!(host("[2001:db8::7]"), address("[2001:db8::7]:7878"));
        assert_eq!(host("[ff02::1]:9"), address("[ff02::1]:9"));
        assert_eq!(host("::ffff:192.0.2.7"), address("192.0.2.7:7878"));
        assert_eq!(host("collector"), name("collector", 7878));
        assert_eq!(host("a_b.example.org.:9"), name("a_b.example.org.", 9));
        assert_eq!(host("fe80::1%eth0"), name("fe80::1%eth0", 7878));
        assert_eq!(host("[fe80::1%eth0]:9"), name("fe80::1%eth0", 9));
        assert_eq!(
            "[ff02::1]:9".parse::<Destination>().unwrap().to_string(),
            "[ff02::1]:9"
        );
    }

    #[test]
    fn what_is_no_destination_is_refused_with_the_part() {
        let error = |text: &str| text.parse::<Destination>().unwrap_err();
        for text in [
            "",
            ":9",
            "a b",
            "a..b",
            "256.1.1.1",
            "10.1",
            "[::1",
            "[a]:9",
            "[192.0.2.7]:9",
            "::g",
            "1:2:3",
            "fe80::1%",
            "caf\u{e9}",
            "a/b",
            "[]",
        ] {
            assert_eq!(error(text), AddressError::Host, "{text}");
        }
        for text in [
            "a:", "udp://a", "a:0", "a:65536", "a:+9", "a:x", "[::1]:", "[::1]9",
        ] {
            assert_eq!(error(text), AddressError::Port, "{text}");
        }
        assert_eq!(error(&"a".repeat(64)), AddressError::Host);
    }

    #[test]
    fn a_source_is_an_address() {
        assert_eq!(parse_source("192.0.2.7"), Ok("192.0.2.7:0".parse().unwrap()));
        assert_eq!(parse_source("[::1]:9"), Ok("[::1]:9".parse().unwrap()));
        assert_eq!(parse_source("::1"), Ok("[::1]:0".parse().unwrap()));
        assert_eq!(parse_source("eth0"), Err(AddressError::Name));
        assert_eq!(parse_source("192.0.2.7:x"), Err(AddressError::Port));
    }
}
