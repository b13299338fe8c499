//! A collector that lives beside the test: it answers every beat and tells what it got.

use crate::support::{Collector, PATIENCE, Received};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A collector that acks whatever comes, until it is killed.
pub(crate) struct Living {
    address: String,
    received: Receiver<Received>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Living {
    pub(crate) fn at(address: &str) -> Self {
        let collector = Collector::at(address);
        let address = collector.address();
        let (sender, received) = channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = {
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    if let Some(datagram) = collector.receive_within(Duration::from_millis(5)) {
                        collector.ack(&datagram);
                        let _ = sender.send(datagram);
                    }
                }
            })
        };
        Self {
            address,
            received,
            is_over,
            thread: Some(thread),
        }
    }

    pub(crate) fn new() -> Self {
        Self::at("127.0.0.1:0")
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap()
    }

    pub(crate) fn receive(&self) -> Received {
        self.received.recv_timeout(PATIENCE).expect("a datagram in time")
    }

    /// What has come that was not received yet.
    pub(crate) fn rest(&self) -> Vec<Received> {
        self.received.try_iter().collect()
    }

    /// Ends it, so that its port is free, and gives what was not received yet.
    pub(crate) fn kill(mut self) -> Vec<Received> {
        self.end();
        self.rest()
    }

    fn end(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.end();
    }
}
