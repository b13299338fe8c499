//! Once running, a beat allocates nothing: not for sending it, not for its ack, not for an answered probe.

#![expect(unsafe_code, reason = "an allocator that counts cannot be written without")]

use beacon_agent::cli::{Parsed, parse};
use beacon_agent::config::Config;
use beacon_agent::run::Agent;
use beacon_common::{Kind, View};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::OsString;
use std::net::UdpSocket;
use std::thread;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is done by the system's allocator. The counter is a constant-initialised cell without a
// destructor, so that using it allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps to the contract that is the same for both.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Acks and probes whatever comes, from a thread whose allocations are its own affair.
fn answer(socket: &UdpSocket) {
    let mut bytes = [0; 64];
    while let Ok((len, from)) = socket.recv_from(&mut bytes) {
        let Ok(view) = View::parse(&bytes[..len]) else {
            return;
        };
        if !matches!(view.kind(), Kind::Beat(_)) {
            continue;
        }
        let ack = view.frame().ack();
        for kind in [Kind::Ack, Kind::Probe] {
            let mut bytes = [0; 64];
            beacon_common::Frame { kind, ..ack }.emit(None, &mut bytes);
            let _ = socket.send_to(&bytes, from);
        }
    }
}

#[test]
fn a_beat_allocates_nothing() {
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = collector.local_addr().unwrap().to_string();
    thread::spawn(move || answer(&collector));
    let arguments = ["beacon-agent", "--to", &to, "--interval", "10ms"].map(OsString::from);
    let Ok(Parsed::Options(options)) = parse(arguments) else {
        panic!("the options are right");
    };
    let mut agent = Agent::new(Config::new(*options, "host").unwrap()).unwrap();
    while agent.acks_received() < 3 {
        agent.turn();
    }
    let before = ALLOCATIONS.get();
    let (beats, acks) = (agent.beats_sent(), agent.acks_received());
    while agent.beats_sent() < beats + 50 || agent.acks_received() < acks + 50 {
        agent.turn();
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}
