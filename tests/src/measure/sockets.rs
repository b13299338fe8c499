//! What waits at a port, and what was dropped there.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::Duration;

use crate::e2e::{Limit, Process};

/// The UDP sockets of one local port, taken together (`/proc/net/udp` and `udp6`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queues {
    /// How many sockets there are.
    pub sockets: usize,
    /// What their queues hold, in bytes as the kernel counts them.
    pub waiting_bytes: u64,
    /// Datagrams that they had no room for.
    pub drops: u64,
}

impl Queues {
    /// The sockets of `port`.
    #[must_use]
    pub fn of(port: u16) -> Self {
        let mut queues = Self::default();
        for path in ["/proc/net/udp", "/proc/net/udp6"] {
            // Without IPv6 there is no such file, and no such socket.
            let text = fs::read_to_string(path).unwrap_or_default();
            text.lines()
                .skip(1)
                .filter_map(|line| line_of(port, line))
                .for_each(|line| queues.add(line));
        }
        queues
    }

    fn add(&mut self, other: Self) {
        self.sockets += other.sockets;
        self.waiting_bytes += other.waiting_bytes;
        self.drops += other.drops;
    }
}

/// The socket of a line `sl local remote st tx:rx …  drops`, where it is one of `port`.
fn line_of(port: u16, line: &str) -> Option<Queues> {
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1)?.rsplit(':').next()?;
    if u16::from_str_radix(local, 16) != Ok(port) {
        return None;
    }
    let waiting = fields.nth(2)?.rsplit(':').next()?;
    Some(Queues {
        sockets: 1,
        waiting_bytes: u64::from_str_radix(waiting, 16).ok()?,
        drops: fields.last()?.parse().ok()?,
    })
}

/// A UDP port that nobody uses.
///
/// # Errors
/// Those of the operating system: no port is left.
pub fn free_port() -> io::Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.local_addr()?.port())
}

/// Waits until `process` listens on `port`.
///
/// # Panics
/// Where it does not in good time, with what it has logged.
pub fn wait_until_bound(process: &mut Process, port: u16) {
    let limit = Limit::soon();
    while Queues::of(port).sockets == 0 {
        if limit.left().is_zero() {
            process.fail(format_args!("does not listen on port {port}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_and_what_was_dropped_is_seen() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let empty = Queues {
            sockets: 1,
            ..Queues::default()
        };
        assert_eq!(Queues::of(to.port()), empty);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..10_000 {
            sender.send_to(&[0; 64], to).unwrap();
        }
        let full = Queues::of(to.port());
        assert!(full.waiting_bytes > 64 && full.drops > 0, "{full:?}");
        drop(receiver);
        assert_eq!(Queues::of(to.port()), Queues::default());
    }

    #[test]
    fn a_line_of_ipv6_is_read_too() {
        let line = " 55: 00000000000000000000000000000000:1EC6 00000000000000000000000000000000:0000 07 \
                    00000000:00000300 00:00000000 00000000     0        0 4711 2 ffff 17";
        let queues = Queues {
            sockets: 1,
            waiting_bytes: 0x300,
            drops: 17,
        };
        assert_eq!(line_of(7878, line), Some(queues));
        assert_eq!(line_of(7879, line), None);
    }
}
