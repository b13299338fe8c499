"""The Beacon protocol, version 1, a second time: written from docs/protocol.md alone, so that what the page does not say
shows. Sections are that page's."""

import re
import struct
from dataclasses import dataclass, replace

from siphash import siphash64, siphash128

LENGTH = 64
MAGIC = 0xBEAC
VERSION = 1
BEAT, BYE, ACK, PROBE, REPLY = KINDS = range(1, 6)
TO_COLLECTOR = (BEAT, BYE, REPLY)
TO_AGENT = (ACK, PROBE)
STOP, SLEEP, REBOOT, UPGRADE = range(4)
UNKNOWN_HEALTH = 3
WANT_ACK, SKIPPED = 1, 2
KNOWN_FLAGS = WANT_ACK | SKIPPED
INTERVALS_MS = range(10, 2**31 + 1)

LAYOUT = struct.Struct(">HBBBBBB16sQQIIIIQ")
LABEL = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,15}")


class Rejected(Exception):
    """A datagram is dropped, for the reason of section 11."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Frame:
    """One frame (section 2), its tag apart."""

    kind: int
    label: bytes
    session: int
    seq: int = 0
    sent_us: int = 0
    code: int = 0
    flags: int = 0
    key_id: int = 0
    misses: int = 0
    interval_ms: int = 0
    next_ms: int = 0
    uptime_s: int = 0

    def emit(self, device_key=None):
        """The 64 bytes; the tag is made with `device_key` where there is a key id (section 6)."""
        numbers = (self.kind, self.code, self.flags, self.key_id, self.misses)
        schedule = (self.seq, self.interval_ms, self.next_ms, self.uptime_s)
        head = (MAGIC, VERSION, *numbers, self.label, self.session, self.sent_us, *schedule)
        untagged = LAYOUT.pack(*head, 0)[:-8]
        tag = siphash64(device_key, untagged) if self.key_id else 0
        return untagged + tag.to_bytes(8, "big")


def parse(datagram, kinds):
    """The frame in `datagram`, which only holds one of `kinds`, or Rejected; the tag is not looked at."""
    if len(datagram) != LENGTH:
        raise Rejected("length")
    magic, version, kind, code, flags, key_id, misses, label, session, sent_us, *rest = LAYOUT.unpack(datagram)
    seq, interval_ms, next_ms, uptime_s, _ = rest
    if magic != MAGIC:
        raise Rejected("magic")
    if version != VERSION:
        raise Rejected("version")
    if kind not in KINDS:
        raise Rejected("kind")
    label = label.rstrip(b"\0")
    if not LABEL.fullmatch(label):
        raise Rejected("label")
    if kind in (BEAT, BYE, REPLY) and interval_ms not in INTERVALS_MS:
        raise Rejected("interval")
    if kind not in kinds:
        raise Rejected("kind")
    if kind == BEAT and code > UNKNOWN_HEALTH:
        code = UNKNOWN_HEALTH
    elif kind == BYE and code > UPGRADE:
        code = STOP
    elif kind not in (BEAT, BYE):
        code = 0
    numbers = {"code": code, "flags": flags & KNOWN_FLAGS, "key_id": key_id, "misses": misses}
    schedule = {"seq": seq, "interval_ms": interval_ms, "next_ms": next_ms, "uptime_s": uptime_s}
    return Frame(kind, label, session, sent_us=sent_us, **numbers, **schedule)


def device_key(master, label):
    """The key of the device `label` (section 6)."""
    return siphash128(master, label.ljust(16, b"\0"))


def tag_is_right(datagram, key):
    """Whether the tag of a datagram is made with a device key (section 6)."""
    return siphash64(key, datagram[:56]) == int.from_bytes(datagram[56:], "big")


def parse_key_line(line):
    """The id and the key of a line in a key file (section 6), or None where it holds nothing but a comment."""
    words = line.split("#")[0].split()
    if not words:
        return None
    key_id, key = words
    return int(key_id), bytes.fromhex(key)


def check(datagram, kinds, masters):
    """The frame that a collector takes, with the device key to answer with; Rejected for what it drops (section 11)."""
    frame = parse(datagram, kinds)
    if not masters:
        if frame.key_id:
            raise Rejected("key")
        return frame, None
    if not frame.key_id:
        raise Rejected("unkeyed")
    if frame.key_id not in masters:
        raise Rejected("key")
    key = device_key(masters[frame.key_id], frame.label)
    if not tag_is_right(datagram, key):
        raise Rejected("tag")
    return frame, key


def default_label(host_name):
    """The label of a host that was not given one (section 3)."""
    label = re.sub(r"^[^A-Za-z0-9]*", "", host_name)
    label = re.sub(r"[^A-Za-z0-9._-]", "-", label)
    if len(label) > 16:
        label = f"{label[:7]}-{siphash64(bytes(16), host_name.encode()) >> 32:08x}"
    return label


def new_session(wall_ns, random16):
    """The number of a session that begins at a wall-clock time (section 4)."""
    seconds, ns = divmod(wall_ns, 10**9)
    return seconds << 32 | (ns << 16) // 10**9 << 16 | random16


def ack(frame):
    """What answers a beat or bye that wants it (section 7)."""
    return Frame(ACK, frame.label, frame.session, frame.seq, frame.sent_us, key_id=frame.key_id)


def probe(label, session, nonce, key_id):
    """What asks an agent whether it lives (section 8)."""
    return Frame(PROBE, label, session, sent_us=nonce, key_id=key_id)


def reply(probe_frame, template, seq, next_ms):
    """What answers a probe (section 8), where the agent's beats are like `template`."""
    return replace(template, kind=REPLY, code=0, flags=0, seq=seq, sent_us=probe_frame.sent_us, next_ms=next_ms)
