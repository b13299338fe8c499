//! Sockets that a service manager has opened and hands over (sd_listen_fds(3)): they stay open while the collector is
//! restarted, and what comes meanwhile waits in them.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use super::listen::{Listening, MAX_SOCKETS, open_alone};
use super::options;
use super::sockets::Socket;
use crate::config::Listen;
use crate::failure::{Exit, Failure};

/// The variables by which they are handed over: they concern this process and not those it starts.
pub const VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// The first of them, SD_LISTEN_FDS_START.
const FIRST: RawFd = 3;

/// Takes what is handed over to this process; nothing the second time, as each has one owner. To be called before this
/// process opens anything that it keeps.
///
/// # Errors
/// [`Exit::Usage`] where there is less than the environment says.
pub fn take() -> Result<Vec<OwnedFd>, Failure> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let [pid, count, _] = VARIABLES.map(env::var_os);
    if !is_ours(pid.as_deref()) || TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    let count = count_of(count)?;
    (FIRST..FIRST + count)
        .map(|number| take_one(number).map_err(|error| wrong(format_args!("descriptor {number}: {error}"))))
        .collect()
}

fn is_ours(pid: Option<&OsStr>) -> bool {
    pid.is_some_and(|pid| pid == std::process::id().to_string().as_str())
}

fn count_of(count: Option<OsString>) -> Result<RawFd, Failure> {
    let count = count.unwrap_or_else(|| "0".into());
    let number = count.to_str().and_then(|count| count.parse().ok());
    number
        .filter(|number| (0..=MAX_SOCKETS as RawFd).contains(number))
        .ok_or_else(|| {
            wrong(format_args!(
                "{}: not a number up to {MAX_SOCKETS}",
                count.display()
            ))
        })
}

fn take_one(number: RawFd) -> io::Result<OwnedFd> {
    options::close_on_exec(number)?;
    // SAFETY: it is open, as the call above has found; whoever started this process says that it is handed over, so
    // nothing else here has it, and it is taken once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Listens at the sockets that are `handed` over, and where `listen` names addresses beside them.
///
/// There is one shard, for they are not divided. Nor are there sockets for the addresses that a wildcard stands for: what
/// waited in those would be lost with them when the collector ends.
///
/// # Errors
/// [`Exit::Usage`] where one of them cannot be used, and those of [`super::open`].
pub fn adopt(handed: Vec<OwnedFd>, listen: &Listen) -> Result<Listening, Failure> {
    let mut sockets = handed
        .into_iter()
        .map(|handed| {
            let number = handed.as_raw_fd();
            let what_to_do = "hand over bound UDP sockets, such as those of ListenDatagram=";
            let adopted = Socket::adopt(handed);
            adopted.map_err(|error| wrong(format_args!("descriptor {number}: {error}; {what_to_do}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if let Listen::At(addresses) = listen {
        for &address in addresses {
            let opened = open_alone(address, &sockets)?;
            sockets.push(opened);
        }
    }
    if sockets.len() > MAX_SOCKETS {
        return Err(wrong(format_args!(
            "with --listen there are more than {MAX_SOCKETS} sockets"
        )));
    }
    Ok(Listening {
        addresses: sockets.iter().map(Socket::local).collect::<Vec<SocketAddr>>(),
        dropped_before: sockets.iter().map(Socket::dropped_before).sum(),
        shards: vec![sockets],
        steering: None,
    })
}

fn wrong(what: std::fmt::Arguments<'_>) -> Failure {
    Failure::new(Exit::Usage, format_args!("LISTEN_FDS: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::net::UnixDatagram;

    fn refused(handed: impl Into<OwnedFd>) -> Failure {
        adopt(vec![handed.into()], &Listen::Default).unwrap_err()
    }

    #[test]
    fn what_is_handed_to_another_process_or_to_none_is_left_alone() {
        let own = std::process::id().to_string();
        assert!(is_ours(Some(own.as_ref())));
        assert!(!is_ours(Some("1".as_ref())));
        assert!(!is_ours(None));
        assert!(take().unwrap().is_empty());
    }

    #[test]
    fn the_number_of_sockets_is_a_number() {
        assert_eq!(count_of(Some("2".into())), Ok(2));
        assert_eq!(count_of(None), Ok(0));
        for count in ["-1", "257", "two", ""] {
            let failure = count_of(Some(count.into())).unwrap_err();
            let line = format!("LISTEN_FDS: {count}: not a number up to 256");
            assert_eq!((failure.exit, failure.line), (Exit::Usage, line));
        }
        let failure = take_one(1_000_000).unwrap_err();
        assert_eq!(failure.raw_os_error(), Some(libc::EBADF));
    }

    #[test]
    fn a_socket_stays_with_what_waits_in_it_when_the_collector_ends() {
        let handed = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = handed.local_addr().unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for number in 1..4 {
            sender.send_to(&[number; 64], address).unwrap();
            let mut listening = adopt(vec![handed.try_clone().unwrap().into()], &Listen::Default).unwrap();
            assert_eq!(listening.addresses, [address]);
            let socket = listening.shards.remove(0).remove(0);
            let mut inbox = crate::net::Inbox::default();
            assert_eq!(socket.receive(&mut inbox).unwrap(), 1);
            assert_eq!(inbox.datagrams().next().unwrap().bytes, [number; 64]);
        }
    }

    #[test]
    fn beside_it_is_listened_where_that_is_asked_for_and_nowhere_else() {
        let handed = UdpSocket::bind("0.0.0.0:0").unwrap();
        let address = handed.local_addr().unwrap();
        let at = |other: &str| Listen::At(vec![other.parse().unwrap()]);
        let both = adopt(vec![handed.try_clone().unwrap().into()], &at("127.0.0.1:0")).unwrap();
        assert_eq!((both.addresses.len(), both.shards.len()), (2, 1));
        assert_eq!(both.shards[0].len(), 2, "and none beside the wildcard");

        let same = at(&format!("127.0.0.1:{}", address.port()));
        let failure = adopt(vec![handed.into()], &same).unwrap_err();
        assert_eq!(failure.exit, Exit::System);
        let taken = format!("port in use; the service manager's socket {address} already takes it");
        assert!(failure.line.contains(&taken), "{failure}");
    }

    #[test]
    fn what_is_no_bound_udp_socket_is_refused() {
        let unbound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        for failure in [
            refused(TcpListener::bind("127.0.0.1:0").unwrap()),
            refused(UnixDatagram::unbound().unwrap()),
            refused(std::fs::File::open("/dev/null").unwrap()),
            refused(unbound),
        ] {
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.line.starts_with("LISTEN_FDS: descriptor "), "{failure}");
            assert!(failure.line.contains("hand over bound UDP sockets"), "{failure}");
        }
    }
}
