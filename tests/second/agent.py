"""A small agent, from docs/protocol.md alone."""

import random
import select
import socket
import time
from dataclasses import dataclass, field

import beacon


def monotonic_us():
    """A clock that counts suspend (section 1), in microseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


@dataclass
class Agent:
    """One life of an agent that beats to one collector."""

    to: tuple
    label: bytes
    interval_ms: int
    key_id: int = 0
    key: bytes = None
    wall_ns: int = field(default_factory=time.time_ns)
    seq: int = 0
    acked: set = field(default_factory=set)
    round_trips_us: list = field(default_factory=list)
    probes: int = 0
    ignored: int = 0

    def __post_init__(self):
        self.session = beacon.new_session(self.wall_ns, random.getrandbits(16))
        self.began_us = monotonic_us()
        self.slot_us = self.began_us
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(self.to)

    def frame(self, kind, **fields):
        """A frame of this session, as it would be sent now."""
        sent_us = monotonic_us()
        schedule = {"interval_ms": self.interval_ms, "uptime_s": sent_us // 10**6}
        fields = {"sent_us": sent_us - self.began_us, "key_id": self.key_id, **schedule, **fields}
        return beacon.Frame(kind, self.label, self.session, **fields)

    def next_ms(self):
        """The promise (section 5)."""
        return max(0, (self.slot_us - monotonic_us() + 500) // 1000)

    def send(self, frame):
        """Hands a frame to the network."""
        self.socket.send(frame.emit(self.key))

    def beat(self):
        """Sends the beat of the slot that has come, and works out the next one (section 5)."""
        interval_us = self.interval_ms * 1000
        flags = beacon.WANT_ACK
        if self.seq == 0:
            self.slot_us += random.randrange(interval_us)
        else:
            passed = (monotonic_us() - self.slot_us) // interval_us
            self.slot_us += (passed + 1) * interval_us
            flags |= beacon.SKIPPED if passed else 0
        self.seq += 1
        self.send(self.frame(beacon.BEAT, seq=self.seq, flags=flags, next_ms=self.next_ms()))

    def bye(self, code=beacon.STOP, sleep_ms=0):
        """Says goodbye, three times within 300 ms at most; tells whether it was acked."""
        self.seq += 1
        goodbye = self.frame(beacon.BYE, seq=self.seq, code=code, flags=beacon.WANT_ACK, next_ms=sleep_ms)
        for _ in range(3):
            self.send(goodbye)
            self.listen(monotonic_us() + 100_000, lambda: self.seq in self.acked)
        return self.seq in self.acked

    def listen(self, until_us, is_done=lambda: False):
        """Takes what comes until then, or until it is done."""
        while not is_done() and (left_us := until_us - monotonic_us()) > 0:
            if select.select([self.socket], [], [], left_us / 1e6)[0]:
                try:
                    self.take(self.socket.recv(2048))
                except ConnectionRefusedError:
                    pass

    def take(self, datagram):
        """Takes an ack or answers a probe (sections 6, 7 and 8)."""
        try:
            frame = beacon.parse(datagram, beacon.TO_AGENT)
        except beacon.Rejected:
            self.ignored += 1
            return
        is_real = not self.key_id or (frame.key_id == self.key_id and beacon.tag_is_right(datagram, self.key))
        if not is_real or frame.label != self.label:
            self.ignored += 1
        elif frame.kind == beacon.PROBE:
            self.probes += 1
            self.send(beacon.reply(frame, self.frame(beacon.REPLY), self.seq, self.next_ms()))
        elif frame.session == self.session and 1 <= frame.seq <= self.seq:
            self.acked.add(frame.seq)
            self.round_trips_us.append(monotonic_us() - self.began_us - frame.sent_us)

    def run(self, until):
        """Beats until the condition holds, 10 s at most; tells whether it did."""
        give_up_us = monotonic_us() + 10_000_000
        while not until() and monotonic_us() < give_up_us:
            self.beat()
            self.listen(min(self.slot_us, give_up_us), until)
        return until()
