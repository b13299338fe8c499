//! A network between agent and collector that does what the test says.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::limit::now;

/// How long the relay waits at most until it looks for orders.
const PATIENCE: Duration = Duration::from_millis(5);

/// What happens to a datagram on its way to the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Passes,
    /// It is lost.
    Lost,
    /// It arrives twice.
    Doubled,
    /// It arrives later.
    Delayed(Duration),
}

enum Order {
    /// Reach the collector from another port, as after a NAT's restart.
    Move(UdpSocket),
    /// Decide the fate of each datagram, numbered from 0, like this.
    Decide(Box<dyn FnMut(u64) -> Fate + Send>),
}

/// A UDP relay in front of one collector, for one agent.
pub struct Relay {
    address: SocketAddr,
    collector: SocketAddr,
    orders: Sender<Order>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// A relay to `collector` that passes everything.
    #[must_use]
    pub fn start(collector: SocketAddr) -> Self {
        let near = bound(collector);
        let address = near.local_addr().expect("a bound socket has an address");
        let (orders, incoming) = mpsc::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let path = Path {
            near,
            far: connected(collector),
            agent: None,
            fate: Box::new(|_| Fate::Passes),
            count: 0,
            delayed: Vec::new(),
        };
        let is_thread_over = Arc::clone(&is_over);
        let thread = thread::spawn(move || path.run(&incoming, &is_thread_over));
        Self {
            address,
            collector,
            orders,
            is_over,
            thread: Some(thread),
        }
    }

    /// Where an agent sends to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reaches the collector from another port from now on, and gives that address.
    pub fn move_away(&self) -> SocketAddr {
        let socket = connected(self.collector);
        let address = socket.local_addr().expect("a bound socket has an address");
        self.order(Order::Move(socket));
        address
    }

    /// Decides the fate of each datagram towards the collector from now on, numbered from 0.
    pub fn decide(&self, fate: impl FnMut(u64) -> Fate + Send + 'static) {
        self.order(Order::Decide(Box::new(fate)));
    }

    fn order(&self, order: Order) {
        self.orders
            .send(order)
            .unwrap_or_else(|_| panic!("the relay has ended before its test"));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Where the relay has panicked, the test has failed for want of its datagrams.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Both directions, in the relay's thread.
struct Path {
    near: UdpSocket,
    far: UdpSocket,
    agent: Option<SocketAddr>,
    fate: Box<dyn FnMut(u64) -> Fate + Send>,
    count: u64,
    delayed: Vec<(Instant, Vec<u8>)>,
}

impl Path {
    fn run(mut self, orders: &Receiver<Order>, is_over: &AtomicBool) {
        while !is_over.load(Ordering::Relaxed) {
            self.wait();
            for order in orders.try_iter() {
                match order {
                    Order::Move(far) => self.far = far,
                    Order::Decide(fate) => (self.fate, self.count) = (fate, 0),
                }
            }
            self.towards_collector();
            self.towards_agent();
            self.release();
        }
    }

    fn wait(&self) {
        let patience = Timespec::try_from(PATIENCE).expect("it is short");
        let mut sockets = [
            PollFd::new(&self.near, PollFlags::IN),
            PollFd::new(&self.far, PollFlags::IN),
        ];
        // An interrupted wait is a short one.
        let _ = poll(&mut sockets, Some(&patience));
    }

    fn towards_collector(&mut self) {
        let mut bytes = [0; 2048];
        while let Ok((length, agent)) = self.near.recv_from(&mut bytes) {
            self.agent = Some(agent);
            let datagram = &bytes[..length];
            let fate = (self.fate)(self.count);
            self.count += 1;
            match fate {
                Fate::Passes => self.pass(datagram),
                Fate::Lost => {}
                Fate::Doubled => {
                    self.pass(datagram);
                    self.pass(datagram);
                }
                Fate::Delayed(delay) => self.delayed.push((now() + delay, datagram.to_vec())),
            }
        }
    }

    fn towards_agent(&self) {
        let mut bytes = [0; 2048];
        while let (Ok(length), Some(agent)) = (self.far.recv(&mut bytes), self.agent) {
            // An agent that is gone is no fault of the network.
            let _ = self.near.send_to(&bytes[..length], agent);
        }
    }

    fn release(&mut self) {
        let time = now();
        let (due, delayed) = std::mem::take(&mut self.delayed)
            .into_iter()
            .partition(|(at, _)| *at <= time);
        self.delayed = delayed;
        let due: Vec<(Instant, Vec<u8>)> = due;
        due.iter().for_each(|(_, datagram)| self.pass(datagram));
    }

    /// A collector that does not run answers with an ICMP error, which the next call tells: the datagram is lost.
    fn pass(&self, datagram: &[u8]) {
        let _ = self.far.send(datagram);
    }
}

fn bound(like: SocketAddr) -> UdpSocket {
    let any = if like.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(any).expect("the loopback has ports left");
    socket
        .set_nonblocking(true)
        .expect("a socket can be made non-blocking");
    socket
}

fn connected(to: SocketAddr) -> UdpSocket {
    let socket = bound(to);
    socket
        .connect(to)
        .expect("an address on the loopback is reachable");
    socket
}
