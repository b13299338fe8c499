"""A small collector, from docs/protocol.md alone: it checks, orders sessions, acks and probes; it judges nobody."""

import random
import socket
import time
from collections import Counter, defaultdict

import beacon


class Collector:
    """Listens on a free port of the loopback interface."""

    def __init__(self, masters=None):
        self.masters = masters or {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.rejected = Counter()
        self.sessions = {}
        self.ended = set()
        self.taken = defaultdict(list)
        self.replies = []
        self.nonces = {}
        self.deaf = False

    def listen(self, until):
        """Takes what comes until the condition holds, 10 s at most; tells whether it did."""
        give_up = time.monotonic() + 10
        while not until() and time.monotonic() < give_up:
            try:
                datagram, sender = self.socket.recvfrom(2048)
            except TimeoutError:
                continue
            try:
                self.take(datagram, sender)
            except beacon.Rejected as rejected:
                self.rejected[rejected.reason] += 1
        return until()

    def take(self, datagram, sender):
        """One datagram."""
        frame, key = beacon.check(datagram, beacon.TO_COLLECTOR, self.masters)
        if frame.kind == beacon.REPLY:
            if self.nonces.pop(frame.sent_us, None) == frame.label:
                self.replies.append(frame)
            return
        current = self.sessions.get(frame.label, 0)
        if frame.session < current and frame.label not in self.ended:
            raise beacon.Rejected("session")
        if frame.session != current:
            self.ended.discard(frame.label)
        self.sessions[frame.label] = frame.session
        if frame.kind == beacon.BYE and frame.code != beacon.SLEEP:
            self.ended.add(frame.label)
        self.taken[frame.label].append((frame, sender))
        if frame.flags & beacon.WANT_ACK and not self.deaf:
            self.socket.sendto(beacon.ack(frame).emit(key), sender)

    def probe(self, label):
        """Asks the agent where its last frame came from; gives the nonce."""
        frame, sender = self.taken[label][-1]
        nonce = random.getrandbits(64)
        self.nonces[nonce] = label
        key = beacon.device_key(self.masters[frame.key_id], label) if frame.key_id else None
        self.socket.sendto(beacon.probe(label, frame.session, nonce, frame.key_id).emit(key), sender)
        return nonce
