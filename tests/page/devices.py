"""Devices that beat until they are killed, by the second implementation of the protocol (tests/second)."""

import contextlib
import math
import pathlib
import sys
import threading
from dataclasses import dataclass

sys.path.append(str(pathlib.Path(__file__).parent.parent / "second"))

import beacon
from agent import Agent, monotonic_us


class Devices:
    """They beat in a thread of their own, for as long as the block lasts."""

    def __init__(self, listen):
        host, port = listen.rsplit(":", 1)
        self.to = (host, int(port))
        self.alive = {}
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._beat)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    def add(self, label, interval_ms=500, phase_ms=0, health=0, lossy=False):
        agent = Agent(self.to, label.encode(), interval_ms)
        agent.slot_us += phase_ms * 1000
        with self.lock:
            self.alive[label] = Device(agent, health, lossy)

    def kill(self, *labels):
        with self.lock:
            for label in labels:
                del self.alive[label]

    def kill_in_turn(self, labels, apart_ms):
        """Has one device after another die, each so long after the one before."""
        with self.lock:
            first_us = self.alive[labels[0]].agent.slot_us
            for number, label in enumerate(labels):
                self.alive[label].last_us = first_us + number * apart_ms * 1000

    def left(self, labels):
        """How many have their last beat before them."""
        with self.lock:
            return sum(self.alive[label].last_us >= self.alive[label].agent.slot_us for label in labels)

    def _beat(self):
        while not self.is_over.wait(0.01):
            with self.lock:
                for device in self.alive.values():
                    if device.agent.slot_us <= min(monotonic_us(), device.last_us):
                        device.beat()


@dataclass
class Device:
    agent: Agent
    health: int
    lossy: bool
    last_us: float = math.inf

    def beat(self):
        agent = self.agent
        agent.slot_us += agent.interval_ms * 1000
        agent.seq += 1
        if self.lossy and agent.seq % 6 == 3:
            return
        # The collector may be dead.
        with contextlib.suppress(ConnectionError):
            agent.send(agent.frame(beacon.BEAT, code=self.health, misses=3, seq=agent.seq, next_ms=agent.next_ms()))
