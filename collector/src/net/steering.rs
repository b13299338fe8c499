//! Which socket a datagram is for, where several share an address: a hash of the label decides, so that a source
//! stays with one socket whatever address it speaks from.
//!
//! The kernel decides by a classic BPF program (socket(7), `SO_ATTACH_REUSEPORT_CBPF`), which sees the datagram
//! from its first byte on and returns the socket's number. The same hash is here in Rust, for datagrams that no
//! program is asked about.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::num::NonZeroU16;
use std::os::fd::AsFd;

use beacon_common::{FRAME_LEN, Label};
use socket2::{Domain, Protocol, Socket, Type};

use super::options;

/// Where the four words of the label stand (docs/protocol.md, section 2).
const LABEL_WORDS: [usize; 4] = [8, 12, 16, 20];

/// Odd, and with no pattern in its bits: each bit of the word reaches all higher ones, and the shift after it
/// brings those down again.
const MULTIPLIER: u32 = 0x9e37_79b1;

const SHIFT: u32 = 15;

/// How datagrams are divided among shards.
#[derive(Clone, Debug)]
pub struct Steering {
    /// Secret, because the labels are the network's to choose, and whoever knew the hash could load one shard.
    seed: u32,
    shards: NonZeroU16,
    pub(super) program: Vec<libc::sock_filter>,
}

impl Steering {
    /// One among `shards`, with a secret of its own.
    #[must_use]
    pub fn new(shards: NonZeroU16) -> Self {
        let seed = RandomState::new().hash_one(()) as u32;
        Self {
            seed,
            shards,
            program: program(seed, shards),
        }
    }

    /// How many shards there are.
    #[must_use]
    pub const fn shards(&self) -> usize {
        self.shards.get() as usize
    }

    /// The number of the shard that the source of this frame belongs to.
    #[must_use]
    pub fn owner(&self, frame: &[u8; FRAME_LEN]) -> usize {
        let word = |at: usize| u32::from_be_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]);
        self.owner_of(LABEL_WORDS.map(word))
    }

    /// The number of the shard that the source with this label belongs to.
    #[must_use]
    pub fn owner_by_label(&self, label: &Label) -> usize {
        let bytes = label.as_padded();
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        self.owner_of([0, 4, 8, 12].map(word))
    }

    /// The number of the shard for the label that consists of these words.
    fn owner_of(&self, words: [u32; 4]) -> usize {
        let stir = |hash: u32| {
            let product = hash.wrapping_mul(MULTIPLIER);
            product ^ product >> SHIFT
        };
        let hash = words.into_iter().fold(self.seed, |hash, word| stir(hash ^ word));
        // Once more, because the remainder looks at low bits, which the last word has hardly reached.
        let hash = stir(hash);
        (hash % u32::from(self.shards.get())) as usize
    }

    /// Whether the system lets sockets be steered here.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn try_out(&self) -> io::Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        self.attach(&socket)
    }

    /// Makes `socket`, which is not bound yet, the first of a group that shares its address and is steered.
    ///
    /// Attached before the address is bound, the program also keeps the group to ourselves: a socket that brings a
    /// group of its own cannot join another, so a second collector finds the port in use, as it would without
    /// SO_REUSEPORT.
    pub(super) fn attach(&self, socket: &Socket) -> io::Result<()> {
        socket.set_reuse_port(true)?;
        options::steer(&socket.as_fd(), &self.program)
    }
}

/// [`Steering::owner`], for the kernel. A datagram that ends before its label does is for the first socket: a load
/// from beyond the end makes the program return 0.
fn program(seed: u32, shards: NonZeroU16) -> Vec<libc::sock_filter> {
    use libc::{
        BPF_A, BPF_ABS, BPF_ALU, BPF_IMM, BPF_K, BPF_LD, BPF_MISC, BPF_MOD, BPF_MUL, BPF_RET, BPF_RSH,
        BPF_TAX, BPF_W, BPF_X, BPF_XOR,
    };
    let step = |code, k| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    // Stirs the register A, and leaves the hash in both A and X.
    let stir = [
        step(BPF_ALU | BPF_MUL | BPF_K, MULTIPLIER),
        step(BPF_MISC | BPF_TAX, 0),
        step(BPF_ALU | BPF_RSH | BPF_K, SHIFT),
        step(BPF_ALU | BPF_XOR | BPF_X, 0),
        step(BPF_MISC | BPF_TAX, 0),
    ];
    let mut program = vec![step(BPF_LD | BPF_IMM, seed), step(BPF_MISC | BPF_TAX, 0)];
    for at in LABEL_WORDS {
        program.push(step(BPF_LD | BPF_W | BPF_ABS, at as u32));
        program.push(step(BPF_ALU | BPF_XOR | BPF_X, 0));
        program.extend(stir);
    }
    program.extend(stir);
    program.push(step(BPF_ALU | BPF_MOD | BPF_K, shards.get().into()));
    program.push(step(BPF_RET | BPF_A, 0));
    program
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;

    fn steering(shards: u16) -> Steering {
        Steering::new(NonZeroU16::new(shards).unwrap())
    }

    fn group(steering: &Steering) -> Vec<UdpSocket> {
        let mut address = "127.0.0.1:0".parse().unwrap();
        let mut sockets: Vec<UdpSocket> = Vec::new();
        for _ in 0..steering.shards() {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
            if sockets.is_empty() {
                steering.attach(&socket).unwrap();
            }
            socket.set_reuse_port(true).unwrap();
            socket.bind(&socket2::SockAddr::from(address)).unwrap();
            socket.set_nonblocking(true).unwrap();
            let socket = UdpSocket::from(socket);
            address = socket.local_addr().unwrap();
            sockets.push(socket);
        }
        sockets
    }

    fn frame(label: &str) -> [u8; FRAME_LEN] {
        let mut frame = [0xa5; FRAME_LEN];
        frame[8..24].fill(0);
        frame[8..8 + label.len()].copy_from_slice(label.as_bytes());
        frame
    }

    /// Who receives the one datagram that was sent.
    fn receiver(sockets: &[UdpSocket]) -> usize {
        let mut takers = (0..sockets.len()).filter(|&number| sockets[number].recv(&mut [0; 100]).is_ok());
        let taker = takers.next().expect("loopback delivers before the send returns");
        assert_eq!(takers.next(), None, "it came once");
        taker
    }

    #[test]
    fn a_label_is_steered_to_one_socket_from_wherever_it_speaks() {
        for shards in [2, 3, 5, 8] {
            let steering = steering(shards);
            let sockets = group(&steering);
            let to = sockets[0].local_addr().unwrap();
            let speakers: Vec<_> = (0..20).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
            let mut shares: HashMap<usize, usize> = HashMap::new();
            for label in (0..400).map(|number| format!("fridge-{number}")) {
                let frame = frame(&label);
                let owner = steering.owner(&frame);
                assert_eq!(steering.owner_by_label(&Label::new(&label).unwrap()), owner);
                *shares.entry(owner).or_default() += 1;
                for speaker in speakers.iter().cycle().skip(label.len()).take(3) {
                    speaker.send_to(&frame, to).unwrap();
                    assert_eq!(receiver(&sockets), owner, "{label} {steering:?}");
                }
            }
            assert_eq!(shares.len(), usize::from(shards));
        }
    }

    /// Ten standard deviations of a fair division leave room for any seed, and none for a bad hash.
    #[test]
    fn every_kind_of_label_is_divided_evenly() {
        let kinds: [fn(u32) -> String; 4] = [
            |n| format!("fridge-{n}"),
            |n| format!("{n:08x}"),
            |n| format!("a-long-name-{n:04x}"),
            |n| format!("{n:04x}-site-berlin"),
        ];
        for (kind, shards) in kinds.iter().flat_map(|kind| [(kind, 2), (kind, 4), (kind, 7)]) {
            let steering = steering(shards);
            let mut shares = vec![0_u32; shards.into()];
            (0..40_000).for_each(|n| shares[steering.owner(&frame(&kind(n)))] += 1);
            let fair = 40_000.0 / f64::from(shards);
            for share in &shares {
                assert!(
                    (f64::from(*share) - fair).abs() < 10.0 * fair.sqrt(),
                    "{}: {shares:?}, seed {}",
                    kind(1),
                    steering.seed
                );
            }
        }
    }

    #[test]
    fn what_is_too_short_for_a_label_comes_to_the_first() {
        let sockets = group(&steering(4));
        let speaker = UdpSocket::bind("127.0.0.1:0").unwrap();
        for len in 0..24 {
            speaker
                .send_to(&vec![7; len], sockets[0].local_addr().unwrap())
                .unwrap();
            assert_eq!(receiver(&sockets), 0, "{len} bytes");
        }
    }

    #[test]
    fn a_second_group_finds_the_address_in_use() {
        let steering = steering(2);
        let sockets = group(&steering);
        let address = sockets[0].local_addr().unwrap();
        let second = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        steering.attach(&second).unwrap();
        let error = second.bind(&address.into()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EADDRINUSE));
        assert!(sockets[0].as_raw_fd() != second.as_raw_fd());
    }

    #[test]
    fn a_program_that_the_kernel_refuses_is_told() {
        let mut steering = steering(2);
        steering.try_out().unwrap();
        steering.program.pop();
        let error = steering.try_out().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "it does not return");
    }
}
