//! By which name a client means to reach the server.
//!
//! What is served on the loopback is for whoever uses this host. A page of somebody else, open in a browser here, is kept
//! from reading it by the browser: it has another origin. Unless its name is made to lead to the loopback once it is open
//! (DNS rebinding): then the browser takes both for one. But it still says that name in `Host`.

use std::net::{IpAddr, Ipv6Addr};

/// Whether `host`, the value of that header (RFC 9110, section 7.2), names the loopback: no name that others could have
/// lead there.
pub(super) fn is_loopback(host: &str) -> bool {
    if let Some(literal) = host.strip_prefix('[') {
        return literal.split_once(']').is_some_and(|(address, port)| {
            let address = address.parse::<Ipv6Addr>();
            is_port(port) && address.is_ok_and(|address| address.to_canonical().is_loopback())
        });
    }
    let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
    let address = name.parse::<IpAddr>();
    is_port(port)
        && (name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback()))
}

/// Nothing, or a colon with a number, which may be left out (RFC 3986, section 3.2.3).
fn is_port(text: &str) -> bool {
    let digits = text.strip_prefix(':').unwrap_or(text);
    (text.is_empty() || text.starts_with(':')) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_has_a_name_and_addresses() {
        for host in [
            "localhost",
            "LocalHost:8080",
            "127.0.0.1",
            "127.0.0.1:8080",
            "127.8.8.8:",
            "[::1]",
            "[::1]:8080",
            "[0:0:0:0:0:0:0:1]:1",
            "[::ffff:127.0.0.1]:8080",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            ":8080",
            "example.net",
            "example.net:8080",
            "localhost.example.net",
            "127.0.0.1.example.net:8080",
            "10.0.0.1",
            "0.0.0.0:8080",
            "[::]",
            "[::1",
            "::1",
            "[::1]8080",
            "[::1]:80:80",
            "[2001:db8::1]:8080",
            "127.0.0.1:80@example.net",
            "127.0.0.1, example.net",
            "2130706433",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
