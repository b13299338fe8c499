//! Serves the slots of a schedule.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use beacon_common::Moment;

use super::clock::{now, sleep_until};
use super::fleet::{Fleet, Turn};
use super::impairments::{Fate, Impairments};
use super::order::Order;
use super::ports::{MAX_PER_CALL, Ports};
use super::schedule::{Pace, Schedule};
use super::tally::Tally;
use crate::random::Random;

/// What is due within this time leaves together: a clock that wakes the sender for every datagram would cost more
/// than the datagrams.
const GRAIN: Duration = Duration::from_micros(200);

/// How a fleet is played.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Where the datagrams go.
    pub to: SocketAddr,
    /// How many sources speak.
    pub sources: u32,
    /// How fast their turns follow each other.
    pub pace: Pace,
    /// What goes wrong on the way.
    pub impairments: Impairments,
    /// How many source ports there are.
    pub ports: usize,
    /// How many datagrams one call may hand to the kernel, up to [`MAX_PER_CALL`]. With 1 nothing is cut apart,
    /// which every kernel and every device can do.
    pub per_call: usize,
    /// How late the sender may be and still make up for it at once.
    pub catch_up: Duration,
    /// What the random decisions follow from.
    pub seed: u64,
}

impl Settings {
    /// Sources that send to `to` at this pace, with nothing going wrong.
    #[must_use]
    pub fn new(to: SocketAddr, sources: u32, pace: Pace) -> Self {
        Self {
            to,
            sources,
            pace,
            impairments: Impairments::default(),
            ports: 4,
            per_call: MAX_PER_CALL,
            catch_up: Duration::from_millis(10),
            seed: 1,
        }
    }
}

/// A fleet that speaks.
pub struct Generator<F> {
    fleet: F,
    order: Order,
    ports: Ports,
    impairments: Impairments,
    fates: Random,
    deaths: Vec<Duration>,
    held: VecDeque<Held>,
    began: Moment,
    schedule: Schedule,
    next: u64,
}

/// A datagram that is sent behind a later one.
struct Held {
    behind: u64,
    port: usize,
    datagram: Vec<u8>,
}

impl<F: Fleet> Generator<F> {
    /// Opens the sockets. The first slot is due now.
    ///
    /// # Errors
    /// Those of the operating system; that it does not know how to cut datagrams apart is one of them.
    pub fn new(fleet: F, settings: &Settings) -> io::Result<Self> {
        let mut random = Random::new(settings.seed);
        let order = Order::new(settings.sources.max(1), random.fork());
        let deaths = settings
            .impairments
            .deaths(settings.sources.max(1), &mut random.fork());
        let ports = Ports::open(&fleet, settings.to, settings.ports, settings.per_call)?;
        let began = now();
        Ok(Self {
            fleet,
            order,
            ports,
            impairments: settings.impairments,
            fates: random,
            deaths,
            held: VecDeque::new(),
            began,
            schedule: Schedule::new(began, settings.pace, settings.catch_up),
            next: 0,
        })
    }

    /// Serves the slots that are due before so much time has passed since the load began, and says what that came
    /// to. The next run goes on where this one has ended.
    pub fn run_until(&mut self, elapsed: Duration) -> Tally {
        let mut tally = Tally::default();
        let (slips, slipped) = self.schedule.slips();
        let begin = now();
        let end = self.began + elapsed;
        let last_moment = self.began + elapsed.saturating_sub(Duration::from_nanos(1));
        loop {
            let now = now();
            let due = self.schedule.due(now.min(last_moment), self.next);
            let last = due.min(self.next + MAX_PER_CALL as u64);
            while self.next < last {
                self.serve(now, &mut tally);
            }
            self.ports.flush(&mut tally);
            self.ports.take_answers(&self.fleet, &mut tally);
            if now >= end {
                break;
            }
            if self.next == due {
                sleep_until(self.schedule.due_at(self.next).max(now + GRAIN).min(end));
            }
        }
        let (slips_now, slipped_now) = self.schedule.slips();
        tally.slips = slips_now - slips;
        tally.slipped = slipped_now - slipped;
        tally.took = now().since(begin);
        tally
    }

    /// Gives the answers that are still on their way so much time.
    pub fn settle(&mut self, duration: Duration) -> Tally {
        let mut tally = Tally::default();
        let end = now() + duration;
        while now() < end {
            sleep_until(now() + GRAIN);
            self.ports.take_answers(&self.fleet, &mut tally);
        }
        tally
    }

    fn serve(&mut self, now: Moment, tally: &mut Tally) {
        let (source, round) = self.order.turn(self.next);
        let turn = Turn {
            source,
            round,
            at: now.since(self.began),
            next_in: self.schedule.wait(now, self.order.next_slot(source, round)),
        };
        if round > 0 && turn.at >= self.deaths[source as usize] {
            tally.silent += 1;
        } else {
            self.speak(turn, tally);
        }
        while let Some(held) = self.held.pop_front_if(|held| held.behind <= self.next) {
            self.ports.room(held.port, tally).copy_from_slice(&held.datagram);
        }
        self.next += 1;
    }

    fn speak(&mut self, turn: Turn, tally: &mut Tally) {
        let port = self.ports.of_place(self.order.place(turn.source));
        match self.impairments.fate(&mut self.fates) {
            Fate::Lost => tally.lost += 1,
            // In the first round the next turn is at another distance, and the held would not be in order.
            Fate::Reordered if turn.round > 0 => {
                tally.reordered += 1;
                let mut datagram = vec![0; self.fleet.datagram_len()];
                self.fleet.write(turn, &mut datagram);
                let behind = self.order.next_slot(turn.source, turn.round);
                self.held.push_back(Held {
                    behind,
                    port,
                    datagram,
                });
            }
            fate => {
                self.fleet.write(turn, self.ports.room(port, tally));
                if fate == Fate::Duplicated {
                    tally.duplicated += 1;
                    self.fleet.write(turn, self.ports.room(port, tally));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Reader;
    use std::net::UdpSocket;

    /// Says who speaks, and for which time.
    struct Names;

    impl Fleet for Names {
        fn datagram_len(&self) -> usize {
            8
        }

        fn write(&self, turn: Turn, out: &mut [u8]) {
            out[..4].copy_from_slice(&turn.source.to_be_bytes());
            out[4..].copy_from_slice(&turn.round.to_be_bytes());
        }
    }

    fn play(change: impl FnOnce(&mut Settings)) -> (Tally, Vec<(u32, u32)>) {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut settings = Settings::new(receiver.local_addr().unwrap(), 10, Pace::per_second(1_000));
        settings.catch_up = Duration::MAX;
        change(&mut settings);
        let tally = Generator::new(Names, &settings)
            .unwrap()
            .run_until(Duration::from_millis(100));
        let mut reader = Reader::default();
        let mut turns = Vec::new();
        while let Ok(count @ 1..) = reader.receive(&receiver, false) {
            let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
            turns.extend(
                reader
                    .datagrams(count)
                    .map(|bytes| (number(&bytes[..4]), number(&bytes[4..]))),
            );
        }
        (tally, turns)
    }

    fn rounds_of(source: u32, turns: &[(u32, u32)]) -> Vec<u32> {
        turns
            .iter()
            .filter(|turn| turn.0 == source)
            .map(|turn| turn.1)
            .collect()
    }

    #[test]
    fn every_source_speaks_in_every_round() {
        let (tally, turns) = play(|_| {});
        assert_eq!((tally.sent, turns.len()), (100, 100));
        for source in 0..10 {
            assert!(rounds_of(source, &turns).into_iter().eq(0..10));
        }
    }

    #[test]
    fn what_is_asked_to_go_wrong_does() {
        let all = || "100%".parse().unwrap();
        let (tally, turns) = play(|settings| settings.impairments.loss = all());
        assert_eq!((turns.len(), tally.sent, tally.lost), (0, 0, 100));

        let (tally, turns) = play(|settings| settings.impairments.duplicate = all());
        assert_eq!((turns.len(), tally.sent, tally.duplicated), (200, 200, 100));
        assert_eq!(rounds_of(3, &turns)[..4], [0, 0, 1, 1]);

        let (_, turns) = play(|settings| settings.impairments.reorder = "30%".parse().unwrap());
        let reordered = |source| {
            rounds_of(source, &turns)
                .windows(2)
                .filter(|pair| pair[0] == pair[1] + 1)
                .count()
        };
        assert!((0..10).map(reordered).sum::<usize>() > 5, "{turns:?}");

        let (tally, turns) = play(|settings| {
            settings.impairments.die = all();
            settings.impairments.die_within = Duration::from_nanos(1);
        });
        assert_eq!((turns.len(), tally.silent), (10, 90));
    }

    #[test]
    fn a_sender_that_cannot_keep_the_rate_says_so() {
        let (tally, _) = play(|settings| {
            settings.pace = Pace::per_second(1_000_000_000);
            settings.catch_up = Duration::from_micros(1);
        });
        assert!(
            tally.slips > 0 && tally.slipped > Duration::from_millis(10),
            "{tally:?}"
        );
    }
}
