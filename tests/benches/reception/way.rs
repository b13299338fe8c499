//! The ways that are compared.

use beacon_tests::load::Detail;

/// A way to receive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) name: &'static str,
    /// How many datagrams one call takes at most.
    pub(crate) call: Call,
    /// Whether it listens on `[::]`, where IPv4 arrives too, or on 127.0.0.1.
    pub(crate) is_dual: bool,
    /// What the kernel tells of each datagram.
    pub(crate) details: &'static [Detail],
}

/// By which system call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Recvfrom,
    Recvmmsg(usize),
}

impl Way {
    /// What the others are compared with.
    pub(crate) const REFERENCE: usize = 3;

    pub(crate) const ALL: [Self; 12] = [
        Self::v4("recvfrom", Call::Recvfrom, &[]),
        Self::v4("recvmmsg, 8", Call::Recvmmsg(8), &[]),
        Self::v4("recvmmsg, 16", Call::Recvmmsg(16), &[]),
        Self::v4("recvmmsg, 32", Call::Recvmmsg(32), &[]),
        Self::v4("recvmmsg, 64", Call::Recvmmsg(64), &[]),
        Self::v4("32, time stamps", Call::Recvmmsg(32), &[Detail::Arrival]),
        Self::v4("32, destinations", Call::Recvmmsg(32), &[Detail::DestinationV4]),
        Self::v4(
            "32, time stamps, destinations",
            Call::Recvmmsg(32),
            &[Detail::Arrival, Detail::DestinationV4],
        ),
        Self::dual("32, [::]", Call::Recvmmsg(32), &[]),
        Self::dual("32, [::], time stamps", Call::Recvmmsg(32), &[Detail::Arrival]),
        Self::dual(
            "32, [::], destinations",
            Call::Recvmmsg(32),
            &[Detail::DestinationV4, Detail::DestinationV6],
        ),
        Self::dual(
            "32, [::], both: the wildcard's",
            Call::Recvmmsg(32),
            &[Detail::Arrival, Detail::DestinationV4, Detail::DestinationV6],
        ),
    ];

    const fn v4(name: &'static str, call: Call, details: &'static [Detail]) -> Self {
        Self {
            name,
            call,
            is_dual: false,
            details,
        }
    }

    const fn dual(name: &'static str, call: Call, details: &'static [Detail]) -> Self {
        Self {
            is_dual: true,
            ..Self::v4(name, call, details)
        }
    }
}
