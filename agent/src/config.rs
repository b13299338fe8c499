//! What was meant: the options, checked against each other and completed.

use beacon_common::{DeviceKey, Label, Reason};
use std::net::SocketAddr;
use std::time::Duration;

use crate::beat::Identity;
use crate::cli::Options;
use crate::destination::{Destination, Host};
use crate::failure::Failure;
use crate::health::Sources;
use crate::hooks::Commands;
use crate::key_file;
use crate::route::Mode;
use crate::socket::Egress;

/// Everything the agent needs to know.
#[derive(Debug)]
pub struct Config {
    /// What its frames share.
    pub identity: Identity,
    /// What its frames are tagged with.
    pub key: Option<DeviceKey>,
    /// Whom it sends to, each once; none only for a dry run.
    pub collectors: Vec<Destination>,
    /// How frames are spread over them.
    pub mode: Mode,
    /// How frames leave this device.
    pub egress: Egress,
    /// Where the health comes from.
    pub health: Sources,
    /// What is run when a collector is lost or found.
    pub hooks: Commands,
    /// What it is to do.
    pub purpose: Purpose,
}

/// What the agent is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Beat until it is stopped, then say goodbye.
    Beat {
        /// After so many beats it stops by itself.
        count: Option<u64>,
        /// The reason that the goodbye gives.
        bye: Reason,
    },
    /// Send one beat.
    Once,
    /// Say that the device sleeps.
    Sleep {
        /// For so long, in milliseconds.
        sleep_ms: u32,
    },
}

impl Config {
    /// What `options` mean on a host called `host_name`.
    ///
    /// # Errors
    /// A [`Failure`] that names the option which is wrong, missing or at odds with another, or the key file.
    pub fn new(options: Options, host_name: &str) -> Result<Self, Failure> {
        let purpose = purpose(&options)?;
        let label = match options.label {
            Some(label) => label,
            None => default_label(host_name)?,
        };
        if options.to.is_empty() && !options.dry_run {
            let problem = "missing; it takes HOST[:PORT] of a collector, like 192.0.2.7 or collector:7878";
            return Err(Failure::usage("--to", problem));
        }
        if let Some(bind) = options.bind {
            check_family(bind, &options.to)?;
        }
        if options.mode == Mode::Failover && options.ack_every == 0 {
            let problem = "failover goes by acks, and --ack-every 0 asks for none; it takes 1 or more";
            return Err(Failure::usage("--mode", problem));
        }
        Ok(Self {
            identity: Identity {
                label,
                interval_ms: options.interval,
                misses: options.misses,
                ack_every: options.ack_every,
            },
            key: options.key_file.as_deref().map(key_file::read).transpose()?,
            collectors: without_repeats(options.to),
            mode: options.mode,
            egress: Egress {
                bind: options.bind,
                interface: options.interface,
                ttl: options.ttl,
                dscp: options.dscp,
            },
            health: Sources {
                checks: options.check,
                interval: Duration::from_millis(u64::from(options.check_interval)),
                timeout: Duration::from_millis(u64::from(options.check_timeout)),
                status_file: options.status_file,
            },
            hooks: Commands {
                on_lost: options.on_lost,
                on_found: options.on_found,
            },
            purpose,
        })
    }
}

/// The name of this host, as the kernel has it; what is not UTF-8 in it is replaced.
#[must_use]
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn purpose(options: &Options) -> Result<Purpose, Failure> {
    let conflict = |one, other| {
        Err(Failure::usage(
            one,
            format_args!("cannot go with {other}; leave one of them out"),
        ))
    };
    match (options.once, options.sleep_for, options.count) {
        (true, Some(_), _) => conflict("--sleep-for", "--once"),
        (true, _, Some(_)) => conflict("--count", "--once"),
        (_, Some(_), Some(_)) => conflict("--count", "--sleep-for"),
        (true, None, None) => Ok(Purpose::Once),
        (false, Some(sleep_ms), None) => Ok(Purpose::Sleep { sleep_ms }),
        (false, None, count) => Ok(Purpose::Beat {
            count,
            bye: options.bye,
        }),
    }
}

fn default_label(host_name: &str) -> Result<Label, Failure> {
    Label::from_host_name(host_name).map_err(|_| {
        let name = host_name.escape_debug();
        let problem = format_args!(
            "missing, and the host name '{name}' makes none; it takes 1 to 16 of A-Z a-z 0-9 . _ -"
        );
        Failure::usage("--label", problem)
    })
}

fn check_family(bind: SocketAddr, to: &[Destination]) -> Result<(), Failure> {
    for destination in to {
        if let Host::Address(address) = destination.host()
            && address.is_ipv4() != bind.is_ipv4()
        {
            let problem = format_args!(
                "'{}' cannot send to {destination}; it takes an address of the same family",
                bind.ip()
            );
            return Err(Failure::usage("--bind", problem));
        }
    }
    Ok(())
}

/// The same collector named twice would get every beat twice, for nothing.
fn without_repeats(to: Vec<Destination>) -> Vec<Destination> {
    let mut once = Vec::with_capacity(to.len());
    for destination in to {
        let is_known = once
            .iter()
            .any(|known: &Destination| known.host() == destination.host());
        if !is_known {
            once.push(destination);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Parsed, parse};
    use std::ffi::OsString;

    fn config(line: &str, host_name: &str) -> Result<Config, Failure> {
        match parse(format!("beacon-agent {line}").split(' ').map(OsString::from)) {
            Ok(Parsed::Options(options)) => Config::new(*options, host_name),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_label_is_the_host_name_unless_given() {
        let label = |line, host_name| config(line, host_name).unwrap().identity.label.to_string();
        assert_eq!(label("--to a", "fridge-7"), "fridge-7");
        assert_eq!(label("--to a --label x", "fridge-7"), "x");
        assert_eq!(label("--to a --label x", "--"), "x");
        let failure = config("--to a", "--").unwrap_err();
        assert_eq!(failure.code(), 2);
        assert!(
            failure
                .to_string()
                .starts_with("--label: missing, and the host name '--' makes none; it takes")
        );
    }

    #[test]
    fn the_purpose_is_one() {
        let purpose = |line| config(line, "h").map(|config| config.purpose);
        let bye = Reason::Upgrade;
        let count = Some(3);
        assert_eq!(
            purpose("--to a --count 3 --bye upgrade").unwrap(),
            Purpose::Beat { count, bye }
        );
        assert_eq!(purpose("--to a --once").unwrap(), Purpose::Once);
        assert_eq!(
            purpose("--to a --sleep-for 8s").unwrap(),
            Purpose::Sleep { sleep_ms: 8_000 }
        );
        for (line, problem) in [
            ("--to a --once --count 3", "--count: cannot go with --once"),
            (
                "--to a --once --sleep-for 8s",
                "--sleep-for: cannot go with --once",
            ),
            (
                "--to a --sleep-for 8s --count 3",
                "--count: cannot go with --sleep-for",
            ),
        ] {
            let failure = purpose(line).unwrap_err();
            assert_eq!(failure.code(), 2);
            assert_eq!(failure.to_string(), format!("{problem}; leave one of them out"));
        }
    }

    #[test]
    fn there_is_a_collector_unless_nothing_is_sent() {
        let failure = config("--once", "h").unwrap_err();
        assert_eq!(failure.code(), 2);
        assert!(
            failure
                .to_string()
                .starts_with("--to: missing; it takes HOST[:PORT]")
        );
        assert!(config("--dry-run", "h").unwrap().collectors.is_empty());
    }

    #[test]
    fn failover_takes_acks() {
        let failure = config("--to a --mode failover --ack-every 0", "h").unwrap_err();
        assert_eq!(failure.code(), 2);
        assert!(failure.to_string().starts_with("--mode: failover goes by acks"));
        let with_acks = config("--to a --mode failover --ack-every 5", "h").unwrap();
        assert_eq!(with_acks.mode, Mode::Failover);
        assert!(config("--to a --ack-every 0", "h").is_ok());
    }

    #[test]
    fn one_collector_is_sent_to_once() {
        let config = config("--to a --to b,a:7878 --to a:7879", "h").unwrap();
        let texts: Vec<_> = config.collectors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["a", "b", "a:7879"]);
    }

    #[test]
    fn a_source_address_of_the_other_family_is_told() {
        let failure = config("--bind ::1 --to a --to 192.0.2.7", "h").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "--bind: '::1' cannot send to 192.0.2.7; it takes an address of the same family"
        );
        assert!(config("--bind 192.0.2.1 --to a,192.0.2.7", "h").is_ok());
    }
}
