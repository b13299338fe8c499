//! One collector: where it is, whether it answers, and what went wrong on the way to it.

use beacon_common::{Limit, Moment, Seq};
use log::{info, warn};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::destination::{Destination, Host};
use crate::link::{Answer, Link, Silence, State};
use crate::resolve::{Resolved, Timetable};
use crate::route::Standing;
use crate::socket::{Family, Sockets, Trouble, Unsent};

/// What this device's own network says of the address in use, whether acks are asked for or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Footing {
    /// It has taken what was sent there.
    Firm,
    /// It did not take what was sent there last.
    Refused,
    /// It refused another address, and this one has not answered.
    Detour,
}

/// A collector that beats are sent to.
#[derive(Debug)]
pub struct Collector {
    destination: Destination,
    addresses: Vec<SocketAddr>,
    /// Which of the addresses is sent to.
    current: usize,
    footing: Footing,
    /// How many of them have had no ask since there are new ones among them.
    untried: usize,
    timetable: Option<Timetable>,
    /// The only family that can be reached, where the address to send from says so.
    family: Option<Family>,
    link: Link,
    /// It is lost, and nobody has been told yet.
    is_newly_lost: bool,
    /// It has answered since this process began.
    has_answered: bool,
    troubles: [Limit; Trouble::ALL.len()],
}

impl Collector {
    /// A collector that nothing has been sent to yet; it is lost after `misses` unanswered asks.
    #[must_use]
    pub fn new(destination: Destination, bind: Option<SocketAddr>, misses: u8, now: Moment) -> Self {
        let (addresses, timetable) = match destination.host() {
            Host::Address(address) => (vec![*address], None),
            Host::Name { .. } => (Vec::new(), Some(Timetable::new(now))),
        };
        Self {
            destination,
            addresses,
            current: 0,
            footing: Footing::Firm,
            untried: 0,
            timetable,
            family: bind.map(Family::of),
            link: Link::new(misses),
            is_newly_lost: false,
            has_answered: false,
            troubles: Default::default(),
        }
    }

    /// Where it is sent to; `None` while its name is not resolved.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.addresses.get(self.current).copied()
    }

    /// All that its name has.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Goes on to the next of them, and after the last to the first.
    pub fn turn_to_next_address(&mut self) {
        self.current = (self.current + 1).checked_rem(self.addresses.len()).unwrap_or(0);
        if self.footing == Footing::Refused {
            self.footing = Footing::Detour;
        }
    }

    /// Whether its name may yet turn out to have an address: the first answer has not come.
    #[must_use]
    pub fn is_unresolved_yet(&self) -> bool {
        let has_failed = self.timetable.as_ref().is_some_and(Timetable::has_failed);
        self.address().is_none() && !has_failed
    }

    /// Whether this is one of its addresses.
    #[must_use]
    pub fn is_at(&self, from: SocketAddr) -> bool {
        self.place_of(from).is_some()
    }

    fn place_of(&self, from: SocketAddr) -> Option<usize> {
        // The scope of an IPv6 address is this host's own affair.
        let is_same = |address: &SocketAddr| (address.ip(), address.port()) == (from.ip(), from.port());
        self.addresses.iter().position(is_same)
    }

    /// Whether whoever answers does so from an address of its own.
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.address().is_some_and(|address| match address.ip() {
            IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
            IpAddr::V6(ip) => ip.is_multicast(),
        })
    }

    /// Whether it is worth sending to.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match (self.address(), self.link.state()) {
            (None, _) => Standing::Unusable,
            (Some(_), State::Untried) => Standing::Untried,
            (Some(_), State::Answering) => Standing::Answering,
            (Some(_), State::Lost) if self.untried != 0 => Standing::Moved,
            (Some(_), State::Lost) => Standing::Unusable,
        }
    }

    /// Its acks.
    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// How often each trouble came up, for those that did.
    pub fn troubles(&self) -> impl Iterator<Item = (Trouble, u64)> {
        let totals = self.troubles.iter().map(Limit::total);
        Trouble::ALL
            .into_iter()
            .zip(totals)
            .filter(|&(_, total)| total != 0)
    }

    /// Sends it one frame, and says whether the network took it. Where the network did not take the one before, this
    /// one goes to the next of the name's addresses.
    pub fn send(&mut self, bytes: &[u8], sockets: &mut Sockets, now: Moment) -> bool {
        if self.footing == Footing::Refused {
            self.turn_to_next_address();
        }
        let Some(address) = self.address() else {
            return false;
        };
        match sockets.send(bytes, address) {
            Ok(()) => true,
            Err(Unsent { trouble, error }) => {
                if trouble.is_of_address() {
                    self.footing = Footing::Refused;
                }
                self.trouble(trouble, &error, now);
                false
            }
        }
    }

    /// The next beat is due: whatever the one before asked stays unanswered. Silence moves on to the next of
    /// the name's addresses: that of a lost collector, and a single one on a detour, so that the address that
    /// answered before is soon tried again. The name of a lost collector is asked for whether it was asked for an ack or not: with
    /// failover that is rare.
    pub fn judge(&mut self) {
        let unanswered = self.link.unanswered();
        let silence = self.link.judge();
        let is_detour_silent = self.footing == Footing::Detour && self.link.unanswered() != unanswered;
        self.is_newly_lost |= silence == Some(Silence::Lost);
        if silence.is_some() || is_detour_silent {
            self.turn_to_next_address();
        }
        if self.link.state() == State::Lost
            && let Some(timetable) = &mut self.timetable
        {
            timetable.hasten(silence.unwrap_or(Silence::StillLost));
        }
    }

    /// Tells what [`Collector::judge`] has found: how many asks went unanswered, where it is lost since then.
    pub fn tell_lost(&mut self) -> Option<u32> {
        std::mem::take(&mut self.is_newly_lost).then(|| {
            if self.has_answered {
                warn!("{self}: lost, it answers no more");
            } else {
                warn!("{self}: lost, it has never answered");
            }
            self.link.unanswered()
        })
    }

    /// It is asked for an ack of this frame.
    pub fn ask(&mut self, seq: Seq, sent_us: u64) {
        self.untried = self.untried.saturating_sub(1);
        self.link.ask(seq, sent_us);
    }

    /// Takes an ack of this session that came from that address. `None` where it answers nothing.
    pub fn answer(&mut self, seq: Seq, sent_us: u64, now_us: u64, from: SocketAddr) -> Option<Answer> {
        let answer = self.link.answer(seq, sent_us, now_us)?;
        let is_found = matches!(answer, Answer::Found { .. });
        if is_found || self.footing == Footing::Detour {
            // Its addresses were tried in turn; it was not always the last one tried that answers.
            self.current = self.place_of(from).unwrap_or(self.current);
        }
        self.footing = Footing::Firm;
        self.has_answered = true;
        match answer {
            Answer::First => info!("{self}: answers"),
            Answer::Found { .. } => info!("{self}: found, it answers again"),
            Answer::Again => {}
        }
        Some(answer)
    }

    /// A new session begins.
    pub fn begin_session(&mut self) {
        self.link.begin_session();
    }

    /// When its name is to be resolved next.
    #[must_use]
    pub fn resolve_due(&self) -> Moment {
        self.timetable.as_ref().map_or(Moment::NEVER, Timetable::due)
    }

    /// The name and port whose addresses are to be asked for, where that is due. An answer is awaited from then on.
    pub fn question(&mut self, now: Moment) -> Option<(&str, u16)> {
        let Host::Name { name, port } = self.destination.host() else {
            return None;
        };
        let timetable = self
            .timetable
            .as_mut()
            .filter(|timetable| timetable.due() <= now)?;
        timetable.asked(now);
        Some((name, *port))
    }

    /// Takes the answer about its name. The address in use stays in use where the name still has it, and
    /// where there is no answer.
    pub fn resolved(&mut self, answer: Resolved, now: Moment) {
        let addresses = answer.addresses.and_then(|found| self.usable(found));
        if let Some(timetable) = &mut self.timetable {
            timetable.answered(now, addresses.is_ok());
        }
        match addresses {
            Ok(addresses) => {
                if addresses.iter().any(|address| !self.addresses.contains(address)) {
                    self.untried = addresses.len();
                }
                let in_use = self.address();
                self.current = addresses
                    .iter()
                    .position(|&address| Some(address) == in_use)
                    .unwrap_or(0);
                self.addresses = addresses;
                if self.address() != in_use {
                    self.footing = Footing::Firm;
                }
            }
            Err(error) => self.trouble(Trouble::Name, &error, now),
        }
    }

    /// The addresses that can be reached from where beats are sent from.
    fn usable(&self, found: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
        let is_usable =
            |address: &SocketAddr| self.family.is_none_or(|family| family == Family::of(*address));
        let addresses: Vec<_> = found.into_iter().filter(is_usable).collect();
        if addresses.is_empty() {
            return Err(io::Error::other("no address of the family that is sent from"));
        }
        Ok(addresses)
    }

    fn trouble(&mut self, trouble: Trouble, error: &io::Error, now: Moment) {
        if let Some(held_back) = self.troubles[trouble as usize].count(now) {
            warn!("{self}: {trouble}: {error}; will be tried again{held_back}");
        }
    }
}

/// Where it was written to be.
impl AsRef<str> for Collector {
    fn as_ref(&self) -> &str {
        self.destination.as_ref()
    }
}

/// As it was written, with the address in use where that says more.
impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.destination)?;
        match (self.destination.host(), self.address()) {
            (Host::Name { .. }, Some(address)) => write!(f, " ({address})"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
