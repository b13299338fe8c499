//! Where the collector listens: the sockets of each address, divided among the shards.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::num::NonZeroU16;

use beacon_common::wire::DEFAULT_PORT;

use super::sockets::{Place, Socket, canonical};
use super::steering::Steering;
use crate::config::Listen;
use crate::failure::{Exit, Failure};

/// The sockets of a run.
#[derive(Debug)]
pub struct Listening {
    /// Each shard's, in the order of the addresses.
    pub shards: Vec<Vec<Socket>>,
    /// How datagrams are divided, where there is more than one shard.
    pub steering: Option<Steering>,
}

impl Listening {
    /// The addresses that are listened on, each once.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shards[0].iter().map(Socket::local).collect()
    }
}

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
    // From the sockets of each address to those of each shard; the last one's are last in every group.
    let mut shards: Vec<Vec<Socket>> = Vec::new();
    while groups.iter().any(|group| !group.is_empty()) {
        shards.push(groups.iter_mut().filter_map(Vec::pop).collect());
    }
    shards.reverse();
    Ok(Listening { shards, steering })
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
    let Some(steering) = steering else {
        return Ok(vec![Socket::open(address, Place::Alone)?]);
    };
    let first = Socket::open(address, Place::First(steering))?;
    let local = first.local();
    let others = (1..steering.shards()).map(|_| Socket::open(local, Place::Next));
    std::iter::once(Ok(first)).chain(others).collect()
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
            format!("--listen {} already takes it; leave one of them out", own.local()),
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
