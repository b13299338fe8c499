//! Where the collector listens: the sockets of each address, divided among the shards.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::num::NonZeroU16;

use beacon_common::wire::DEFAULT_PORT;

use super::interfaces::own_addresses;
use super::sockets::{Place, Socket, canonical};
use super::steering::Steering;
use crate::config::Listen;
use crate::failure::{Exit, Failure};

/// The sockets of a run.
#[derive(Debug)]
pub struct Listening {
    /// The addresses that are listened on, each once.
    pub addresses: Vec<SocketAddr>,
    /// Each shard's, in the order of the addresses, and then those beside a wildcard.
    pub shards: Vec<Vec<Socket>>,
    /// How datagrams are divided, where there is more than one shard.
    pub steering: Option<Steering>,
    /// How many datagrams the sockets had no room for before this run, where they were open by then.
    pub dropped_before: u64,
}

/// Beside one wildcard. A host with more addresses has them for others than its devices.
const MAX_BESIDE: usize = 16;

/// At one shard: a datagram's socket is numbered by a byte.
pub(super) const MAX_SOCKETS: usize = 256;

/// Opens the sockets that `listen` asks for, at least one, in its order, for as many shards as there are to be
/// `workers`; for one where datagrams cannot be divided.
///
/// # Errors
/// [`Exit::System`] with the address that cannot be listened on, why, and what to do.
pub fn open(listen: &Listen, workers: NonZeroU16) -> Result<Listening, Failure> {
    let steering = (workers.get() > 1).then(|| Steering::new(workers));
    open_steered(listen, steering)
}

fn open_steered(listen: &Listen, steering: Option<Steering>) -> Result<Listening, Failure> {
    let steering = steering.filter(|steering| can_divide(listen, steering));
    let mut groups: Vec<Vec<Socket>> = match listen {
        Listen::Default => vec![open_default(steering.as_ref())?],
        Listen::At(addresses) => {
            let mut groups = Vec::with_capacity(addresses.len());
            for &address in addresses {
                let group = open_group(address, steering.as_ref());
                groups.push(group.map_err(|error| refused(address, &error, groups.iter().flatten()))?);
            }
            groups
        }
    };
    let addresses = groups.iter().map(|group| group[0].local()).collect();
    let beside: Vec<_> = groups
        .iter()
        .flat_map(|group| open_beside(group, steering.as_ref()))
        .take(MAX_SOCKETS.saturating_sub(groups.len()))
        .collect();
    groups.extend(beside);
    // From the sockets of each address to those of each shard; the last one's are last in every group.
    let mut shards: Vec<Vec<Socket>> = Vec::new();
    while groups.iter().any(|group| !group.is_empty()) {
        shards.push(groups.iter_mut().filter_map(Vec::pop).collect());
    }
    shards.reverse();
    Ok(Listening {
        addresses,
        shards,
        steering,
        dropped_before: 0,
    })
}

/// Whether datagrams can be divided here. The log says why not.
fn can_divide(listen: &Listen, steering: &Steering) -> bool {
    let addresses = match listen {
        Listen::Default => &[][..],
        Listen::At(addresses) => addresses,
    };
    let workers = steering.shards();
    if let Some(address) = addresses.iter().find(|address| is_for_many(canonical(**address))) {
        log::info!("one worker instead of {workers}: what is sent to {address} comes to every socket there");
        return false;
    }
    if let Err(error) = steering.try_out() {
        log::warn!("one worker instead of {workers}: the kernel does not divide the beats: {error}");
        return false;
    }
    true
}

fn open_default(steering: Option<&Steering>) -> Result<Vec<Socket>, Failure> {
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, DEFAULT_PORT));
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT));
    match open_group(v6, steering) {
        Err(error) if has_no_ipv6(&error) => {
            open_group(v4, steering).map_err(|error| refused(v4, &error, []))
        }
        opened => opened.map_err(|error| refused(v6, &error, [])),
    }
}

/// The sockets of one address, one for each shard.
fn open_group(address: SocketAddr, steering: Option<&Steering>) -> io::Result<Vec<Socket>> {
    let address = canonical(address);
    open_each(address, steering, Socket::open)
}

/// One socket at `address`, beside those that `others` have handed over or that were opened for them.
pub(super) fn open_alone(address: SocketAddr, others: &[Socket]) -> Result<Socket, Failure> {
    let opened = Socket::open(canonical(address), Place::Alone);
    opened.map_err(|error| refused(address, &error, others))
}

fn open_each(
    address: SocketAddr,
    steering: Option<&Steering>,
    open: impl Fn(SocketAddr, Place<'_>) -> io::Result<Socket>,
) -> io::Result<Vec<Socket>> {
    let Some(steering) = steering else {
        return Ok(vec![open(address, Place::Alone)?]);
    };
    let first = open(address, Place::First(steering))?;
    let local = first.local();
    let others = (1..steering.shards()).map(|_| open(local, Place::Next));
    std::iter::once(Ok(first)).chain(others).collect()
}

/// The sockets of the host's own addresses, one group for each, where `wildcard` listens on all of them.
///
/// A wildcard has to be told where each datagram was sent to, so that its answer leaves from there, which is a tenth
/// of what a datagram costs (docs/performance.md). What is sent to one of these addresses does not come to the
/// wildcard: the kernel prefers the socket whose address is more exact. Broadcasts, and what is sent to an address
/// that the host is given later, do. So nothing is lost where one of these cannot be listened on.
fn open_beside(wildcard: &[Socket], steering: Option<&Steering>) -> Vec<Vec<Socket>> {
    let local = wildcard[0].local();
    if !local.ip().is_unspecified() {
        return Vec::new();
    }
    try_open_beside(wildcard, local, steering).unwrap_or_else(|error| {
        log::debug!("{local}: no sockets for the addresses that it stands for: {error}");
        Vec::new()
    })
}

fn try_open_beside(
    wildcard: &[Socket],
    local: SocketAddr,
    steering: Option<&Steering>,
) -> io::Result<Vec<Vec<Socket>>> {
    let own = own_addresses()?.into_iter();
    let own = own.filter(|ip| local.is_ipv6() || ip.is_ipv4()).take(MAX_BESIDE);
    wildcard.iter().try_for_each(|socket| socket.make_room(true))?;
    let groups = own.filter_map(|ip| {
        let address = SocketAddr::from((ip, local.port()));
        let opened = open_each(address, steering, Socket::open_beside);
        opened
            .inspect_err(|error| log::debug!("{local}: no socket for {ip}: {error}"))
            .ok()
    });
    let groups = groups.collect();
    wildcard.iter().try_for_each(|socket| socket.make_room(false))?;
    Ok(groups)
}

/// Whether what is sent to `address` comes to every socket there. That it is the broadcast address of one of the
/// host's networks is told by the system, which does not let datagrams go there unasked (ip(7)).
fn is_for_many(address: SocketAddr) -> bool {
    let asks_for_leave = || {
        let any = (Ipv4Addr::UNSPECIFIED, 0);
        let connected = UdpSocket::bind(any).and_then(|socket| socket.connect((address.ip(), DEFAULT_PORT)));
        connected.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    };
    address.ip().is_multicast() || address.is_ipv4() && asks_for_leave()
}

fn has_no_ipv6(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
    )
}

/// One line: which address, why, what to do.
fn refused<'a>(
    address: SocketAddr,
    error: &io::Error,
    opened: impl IntoIterator<Item = &'a Socket>,
) -> Failure {
    let own = opened.into_iter().find(|socket| overlap(socket.local(), address));
    let (why, what_to_do) = match (error.raw_os_error(), own) {
        (Some(libc::EADDRINUSE), Some(own)) => (
            "port in use".to_owned(),
            format!("{} already takes it; leave one of them out", own.name()),
        ),
        (Some(libc::EADDRINUSE), None) => (
            "port in use".to_owned(),
            format!(
                "`ss -ulnp sport = :{}` tells by whom; stop it, or listen elsewhere",
                address.port()
            ),
        ),
        (Some(libc::EACCES | libc::EPERM), _) => (
            "not permitted".to_owned(),
            "ports below 1024 take the capability CAP_NET_BIND_SERVICE; grant it, or take a higher port"
                .to_owned(),
        ),
        (Some(libc::EADDRNOTAVAIL), _) => (
            "no such address on this host".to_owned(),
            "`ip address` tells which there are".to_owned(),
        ),
        (Some(libc::EAFNOSUPPORT), _) => (
            "this host has no such address family".to_owned(),
            "listen on one of the other".to_owned(),
        ),
        (Some(libc::ENODEV), _) if address.ip().is_multicast() => (
            "no interface to join the group on".to_owned(),
            "add a route to the group, or name the interface in an IPv6 address".to_owned(),
        ),
        (Some(libc::EINVAL | libc::ENODEV), _) if address.is_ipv6() => (
            error.to_string(),
            "a link-local address takes the interface's number behind it, like [fe80::1%2]:7878".to_owned(),
        ),
        _ => (
            error.to_string(),
            "listen elsewhere, or ask the host's administrator".to_owned(),
        ),
    };
    Failure::new(
        Exit::System,
        format_args!("--listen {address}: cannot listen: {why}; {what_to_do}"),
    )
}

/// Whether both take the same datagrams.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (canonical(one).ip(), canonical(other).ip());
    let covers = |a: IpAddr, b: IpAddr| a.is_unspecified() && (a.is_ipv6() || b.is_ipv4());
    one.port() == other.port() && (a == b || covers(a, b) || covers(b, a))
}

#[cfg(test)]
mod tests;
